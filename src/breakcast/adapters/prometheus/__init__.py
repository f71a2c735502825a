"""Prometheus: what happens while serving, counted, and written in its text format."""

from bisect import bisect_left
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from breakcast.adapters.prometheus.counts import ROLES, Counts, InUse
from breakcast.adapters.prometheus.families import (
    CODES,
    FINE_BUCKETS,
    LATENCY_BUCKETS,
    PROBABILITY_BUCKETS,
    ROW_BUCKETS,
    STATUSES,
    families_of,
)
from breakcast.serving.observing import FOLLOWED, FORECASTS, ROUTES
from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Models

_SERVER_ERROR, _CLIENT_ERROR = 500, 400


class PrometheusMetrics:
    """
    The server's metrics, as `serving.observing.ServingMetrics`.

    Args:
        model: The label `model`: what the served model is called.
        registry: Where they are registered; each server has its own.
        folder: Where the processes of a server keep their counts; None if there is
            one process.

    >>> metrics = PrometheusMetrics("m", CollectorRegistry())
    >>> metrics.ended("v1_predict", 200, 0.003)
    >>> [line for line in metrics.exposition().decode().splitlines()
    ...  if line.startswith("ml_predictions_total")]
    ['ml_predictions_total{model="m",status="success"} 1.0', \
'ml_predictions_total{model="m",status="client_error"} 0.0', \
'ml_predictions_total{model="m",status="server_error"} 0.0']
    """

    def __init__(
        self, model: str, registry: CollectorRegistry, folder: Path | None = None
    ) -> None:
        self._registry = registry
        self._counts = Counts(families_of(model), model, folder)
        registry.register(self._counts)
        at = self._counts.at
        self._row = self._counts.row
        self._predictions = [at["ml_predictions_total", model, one] for one in STATUSES]
        self._latency = at["ml_prediction_latency_seconds", model]
        self._durations = {
            (route, status): at["breakcast_request_duration_seconds", route, code]
            for route in ROUTES
            for status, code in enumerate(CODES, start=2)
        }
        self._rows = at["breakcast_batch_rows", model]
        self._said = at["breakcast_forecast_probability", model]
        self._degraded = at["breakcast_degraded_answers_total", model]
        self._abstained = at["breakcast_abstained_answers_total", model]
        self._refused = at["breakcast_refused_swaps_total", model]
        self._failed_looks = {
            of: at["breakcast_failed_looks_total", model, of] for of in FOLLOWED
        }
        self._dropped = at["breakcast_journal_dropped_total", model]
        self._in_flight = at[("breakcast_requests_in_flight",)]

    def began(self) -> None:
        """A request came in."""
        self._row[self._in_flight] += 1.0

    def ended(self, route: str, status: int, seconds: float) -> None:
        """Its answer is out, or its asker gone."""
        row = self._row
        row[self._in_flight] -= 1.0
        start = self._durations[route, status // 100]
        row[start + bisect_left(FINE_BUCKETS, seconds)] += 1.0
        row[start + len(FINE_BUCKETS) + 1] += seconds
        if route not in FORECASTS:
            return
        if status >= _SERVER_ERROR:
            row[self._predictions[2]] += 1.0
        elif status >= _CLIENT_ERROR:
            row[self._predictions[1]] += 1.0
        else:
            row[self._predictions[0]] += 1.0
            start = self._latency
            row[start + bisect_left(LATENCY_BUCKETS, seconds)] += 1.0
            row[start + len(LATENCY_BUCKETS) + 1] += seconds

    def asked(self, rows: int) -> None:
        """So many rows of one request were answered."""
        self._row[self._rows + bisect_left(ROW_BUCKETS, rows)] += 1.0
        self._row[self._rows + len(ROW_BUCKETS) + 1] += rows

    def predicted(self, prediction: Prediction) -> None:
        """A build was answered."""
        said = prediction.probability
        bucket = self._said + bisect_left(PROBABILITY_BUCKETS, said)
        with self._counts.lock:
            self._row[bucket] += 1.0
            self._row[self._said + len(PROBABILITY_BUCKETS) + 1] += said
            self._row[self._degraded] += prediction.degraded
            self._row[self._abstained] += prediction.abstained

    def serving(self, models: Models) -> None:
        """These models answer from now on."""
        self._counts.use(
            InUse(role, one.version, one.manifest.created_at.timestamp())
            for role, one in zip(ROLES, models, strict=True)
            if one is not None
        )

    def refused_swap(self) -> None:
        """A model was to answer, and was not fit to."""
        self._row[self._refused] += 1.0

    def look_failed(self, of: str) -> None:
        """What is followed could not be read this time."""
        self._row[self._failed_looks[of]] += 1.0

    def journal_dropped(self, count: int) -> None:
        """So many answers were not kept."""
        with self._counts.lock:
            self._row[self._dropped] += count

    def delivered(self, event: str, result: str) -> None:
        """A webhook's delivery came to this."""
        self._row[self._counts.at["breakcast_deliveries_total", event, result]] += 1.0

    def exposition(self) -> bytes:
        """Write all counts in Prometheus' text format; takes milliseconds."""
        return generate_latest(self._registry)
