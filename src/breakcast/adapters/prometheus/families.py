"""
What is counted: every metric, its labels and all their values.

Every label set is there from the start, at 0: a rate over a series that appears
with its first error does not see that error. Labels are bounded: never a commit,
an author or a path.
"""

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

from breakcast.serving.observing import (
    DELIVERED_EVENTS,
    DELIVERED_RESULTS,
    FOLLOWED,
    ROUTES,
)

STATUSES = ("success", "client_error", "server_error")
"""What becomes of a request for forecasts."""

CODES = ("2xx", "3xx", "4xx", "5xx")
"""What becomes of any request."""

LATENCY_BUCKETS = (0.1, 0.5, 1.0, 2.0, 5.0)
"""As specified: coarse, around the objective of 500 ms."""

FINE_BUCKETS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)
PROBABILITY_BUCKETS = (
    *(0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    *(0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
)
ROW_BUCKETS = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)


class Family(NamedTuple):
    """One metric: a histogram if it has buckets, else a gauge or a counter."""

    name: str
    meaning: str
    labels: Mapping[str, tuple[str, ...]]
    buckets: tuple[float, ...] = ()
    is_gauge: bool = False

    @property
    def width(self) -> int:
        """How many numbers a label set takes: buckets, those beyond, their sum."""
        return len(self.buckets) + 2 if self.buckets else 1

    @property
    def label_sets(self) -> list[tuple[str, ...]]:
        """Every combination of the labels' values."""
        return list(product(*self.labels.values()))


def families_of(model: str) -> tuple[Family, ...]:
    """List every metric of a server of this model."""
    this: Mapping[str, tuple[str, ...]] = {"model": (model,)}
    return (
        Family(
            "ml_predictions_total",
            "Requests for forecasts (not rows), answered by the champion",
            {**this, "status": STATUSES},
        ),
        Family(
            "ml_prediction_latency_seconds",
            "How long a request for forecasts took that was answered",
            this,
            LATENCY_BUCKETS,
        ),
        Family(
            "breakcast_request_duration_seconds",
            "How long a request took, whatever became of it",
            {"route": ROUTES, "code": CODES},
            FINE_BUCKETS,
        ),
        Family(
            "breakcast_batch_rows",
            "Rows of one request for forecasts",
            this,
            ROW_BUCKETS,
        ),
        Family(
            "breakcast_forecast_probability",
            "P(red) as it was shown for a build",
            this,
            PROBABILITY_BUCKETS,
        ),
        Family(
            "breakcast_degraded_answers_total",
            "Builds answered although something was out of reach",
            this,
        ),
        Family(
            "breakcast_abstained_answers_total",
            "Builds of which the forecast was too unsure to say red or green",
            this,
        ),
        Family(
            "breakcast_refused_swaps_total",
            "Models that were to answer, and were not fit to",
            this,
        ),
        Family(
            "breakcast_failed_looks_total",
            "Looks for promotions or for facts that failed; what is there stays",
            {**this, "of": FOLLOWED},
        ),
        Family(
            "breakcast_journal_dropped_total",
            "Answers that the journal could not keep",
            this,
        ),
        Family(
            "breakcast_deliveries_total",
            "Deliveries of webhooks, and what became of each",
            {"event": DELIVERED_EVENTS, "result": DELIVERED_RESULTS},
        ),
        Family(
            "breakcast_requests_in_flight", "Requests being answered", {}, is_gauge=True
        ),
    )
