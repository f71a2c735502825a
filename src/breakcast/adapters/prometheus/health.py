"""The health report as gauges: what dashboards draw and alerts look at."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple, get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from breakcast.monitoring.driftreport import DriftReport, FindingKind
from breakcast.monitoring.health import HealthReport
from breakcast.monitoring.quality import ALL, LiveQuality, Quality

_BY_FORECASTER = ("model", "version", "window", "forecaster")


class Gauge(NamedTuple):
    """One gauge: what it means, and its labels."""

    meaning: str
    labels: tuple[str, ...] = ("model",)


GAUGES: dict[str, Gauge] = {
    "breakcast_health_timestamp_seconds": Gauge("When the last report was made"),
    "breakcast_live_accuracy": Gauge("Share of right answers", _BY_FORECASTER),
    "breakcast_live_mcc": Gauge("Matthews' correlation", _BY_FORECASTER),
    "breakcast_live_pr_auc": Gauge("Average precision", _BY_FORECASTER),
    "breakcast_live_brier": Gauge("Brier score", _BY_FORECASTER),
    "breakcast_live_calibration_error": Gauge(
        "Expected calibration error", _BY_FORECASTER
    ),
    "breakcast_live_chance_calibration_error": Gauge(
        "That of a perfect forecaster with as many builds", _BY_FORECASTER
    ),
    "breakcast_live_change_recall": Gauge(
        "Share of broken commits of which a red build was foreseen", _BY_FORECASTER
    ),
    "breakcast_live_false_green_ratio": Gauge(
        "Share of red builds among those said to become green", _BY_FORECASTER
    ),
    "breakcast_live_given_accuracy": Gauge(
        "Share of right answers among those given", _BY_FORECASTER
    ),
    "breakcast_live_coverage_ratio": Gauge(
        "Share of builds answered, not abstained from", _BY_FORECASTER
    ),
    "breakcast_live_worst_repository_accuracy": Gauge(
        "Share of right answers in the worst repository", ("model", "window")
    ),
    "breakcast_answers": Gauge("Attempts shown an answer", ("model", "window")),
    "breakcast_outcomes": Gauge("Red or green outcomes known", ("model", "window")),
    "breakcast_label_coverage_ratio": Gauge(
        "Share of answers whose outcome is settled", ("model", "window")
    ),
    "breakcast_label_delay_seconds": Gauge(
        "From answer to outcome", ("model", "window", "quantile")
    ),
    "breakcast_new_outcomes": Gauge("Outcomes known since the champion's training"),
    "breakcast_accuracy_objective": Gauge("The accuracy promised"),
    "breakcast_accuracy_lower_bound": Gauge("Lower 95 % bound of live accuracy"),
    "breakcast_accuracy_upper_bound": Gauge("Upper 95 % bound of live accuracy"),
    "breakcast_concept_alarm_ratio": Gauge(
        "What has gone wrong, as a share of what alarms", ("model", "stream")
    ),
    "breakcast_label_alarm": Gauge("1 if outcomes say the model has become worse"),
    "breakcast_drift_alarm": Gauge("1 on drift", ("model", "of")),
    "breakcast_drift_p_value": Gauge("Family-wise P value of drift", ("model", "of")),
    "breakcast_drift_windows": Gauge(
        "Windows compared, and those compared with", ("model", "of", "part")
    ),
    "breakcast_feature_drift_score": Gauge(
        "How unusual a feature is, in standard deviations", ("model", "feature")
    ),
    "breakcast_feature_missing_ratio": Gauge(
        "Share of unknown values", ("model", "feature")
    ),
    "breakcast_data_findings": Gauge(
        "What is wrong or strange about the data", ("model", "kind")
    ),
    "breakcast_retraining_due": Gauge("1 if it is time to train anew"),
    "breakcast_ledger_newest_timestamp_seconds": Gauge("When a fact last came in"),
    "breakcast_ledger_lag_seconds": Gauge("How far behind published records are"),
    "breakcast_canary_up": Gauge("1 if the last synthetic forecast was answered"),
    "breakcast_canary_timestamp_seconds": Gauge("When it was asked for"),
}
"""Every gauge by name; labels are bounded: features by the catalog, versions by use."""


class Standing(NamedTuple):
    """The last report, and whether it is time to train anew."""

    report: HealthReport
    is_due: bool


class HealthGauges(Collector):
    """
    Shows the last report at each scrape.

    Args:
        model: The label `model`.
        read: Gives what to show; None while there is nothing.
    """

    def __init__(self, model: str, read: Callable[[], Standing | None]) -> None:
        self._model = model
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand: that would read a report before there is one."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Write the report as gauges; none of what is undefined."""
        standing = self._read()
        if standing is None:
            return
        found = {
            name: GaugeMetricFamily(name, gauge.meaning, labels=gauge.labels)
            for name, gauge in GAUGES.items()
        }
        for name, value, labels in _values(standing):
            if value is not None and math.isfinite(value):
                found[name].add_metric([self._model, *labels], value)
        yield from (metric for metric in found.values() if metric.samples)


_Value = tuple[str, float | None, tuple[str, ...]]


def _values(standing: Standing) -> Iterable[_Value]:
    report = standing.report
    concept, ledger = report.concept, report.ledger
    for name, value in (
        ("health_timestamp_seconds", report.at.timestamp()),
        ("new_outcomes", report.new_outcomes),
        ("accuracy_objective", concept.objective),
        ("accuracy_lower_bound", concept.lower95),
        ("accuracy_upper_bound", concept.upper95),
        ("label_alarm", concept.alarm),
        ("retraining_due", standing.is_due),
        ("ledger_newest_timestamp_seconds", _seconds(ledger.newest_at)),
        ("ledger_lag_seconds", ledger.lag_seconds),
    ):
        yield f"breakcast_{name}", None if value is None else float(value), ()
    for stream, one in (("errors", concept.errors), ("brier", concept.brier)):
        if one is not None:
            ratio = one.level / one.threshold
            yield "breakcast_concept_alarm_ratio", ratio, (stream,)
    if report.canary is not None:
        canary = report.canary
        yield "breakcast_canary_up", float(canary.is_answered), ()
        yield "breakcast_canary_timestamp_seconds", _seconds(canary.asked_at), ()
    for quality in report.quality:
        yield from _of_quality(quality)
    for of, drift in (("inputs", report.inputs), ("scores", report.scores)):
        yield "breakcast_drift_alarm", float(drift.is_drift), (of,)
        yield "breakcast_drift_p_value", drift.p_value, (of,)
        for part, count in (
            ("baseline", drift.baseline_windows),
            ("current", len(drift.windows)),
        ):
            yield "breakcast_drift_windows", float(count), (of, part)
    yield from _of_inputs(report.inputs)


def _of_quality(quality: LiveQuality) -> Iterable[_Value]:
    for forecaster in ("model", "parrot"):
        one: Quality = getattr(quality, forecaster)
        labels = (quality.version, quality.window, forecaster)
        for name, value in (
            ("accuracy", one.scores.accuracy),
            ("mcc", one.scores.mcc),
            ("pr_auc", one.scores.pr_auc),
            ("brier", one.scores.brier),
            ("calibration_error", one.scores.ece),
            ("chance_calibration_error", one.chance_ece),
            ("change_recall", one.change_recall),
            ("false_green_ratio", one.false_green_ratio),
            ("given_accuracy", one.given_accuracy),
            ("coverage_ratio", one.coverage),
        ):
            yield f"breakcast_live_{name}", value, labels
    if quality.version != ALL:
        return
    window = (quality.window,)
    yield "breakcast_answers", quality.answers, window
    yield "breakcast_outcomes", quality.outcomes, window
    yield "breakcast_label_coverage_ratio", quality.label_coverage, window
    if quality.worst:
        worst = quality.worst[0].accuracy
        yield "breakcast_live_worst_repository_accuracy", worst, window
    if quality.delay_seconds is not None:
        for quantile, seconds in zip(
            ("0.5", "0.9"), quality.delay_seconds, strict=True
        ):
            yield "breakcast_label_delay_seconds", seconds, (*window, quantile)


def _of_inputs(inputs: DriftReport) -> Iterable[_Value]:
    found = Counter(one.kind for one in inputs.findings)
    for kind in get_args(FindingKind):
        yield "breakcast_data_findings", float(found[kind]), (kind,)
    for feature in inputs.features:
        yield "breakcast_feature_drift_score", feature.score, (feature.name,)
        if inputs.current_rows:
            yield "breakcast_feature_missing_ratio", feature.missing, (feature.name,)


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
