"""
The one table of objectives and alerts; `rules` makes Prometheus' rules of it.

Pages wake somebody: users are without answers, or are given wrong ones. Tickets wait
for the morning. Drift is never more than a ticket: inputs may change and answers stay
right, and outcomes tell when they do not.
"""

from typing import Literal, NamedTuple

Severity = Literal["page", "ticket", "none"]


class Objective(NamedTuple):
    """
    A share of events that is to be good, over 30 days.

    Attributes:
        slo: Its name, the label of what is recorded.
        target: The share.
        errors: Bad events in a window, as PromQL; `{window}` is the window.
        total: All events in it.
        meaning: What it promises.
        anchor: Its section of the runbook.
    """

    slo: str
    target: float
    errors: str
    total: str
    meaning: str
    anchor: str


class Burn(NamedTuple):
    """How quickly a budget burns, over a long and a short window, and what that is."""

    rate: float
    long: str
    short: str
    severity: Severity
    fewest: int
    """Events in the long window below which a single error would be an alert."""


class Alert(NamedTuple):
    """
    One alert.

    Attributes:
        name: Its name.
        severity: Whether it wakes somebody.
        expression: PromQL; what it gives is what alerts.
        lasting: How long that has to last.
        summary: One line, with Prometheus' templates.
        anchor: Its section of the runbook.
    """

    name: str
    severity: Severity
    expression: str
    lasting: str
    summary: str
    anchor: str


OBJECTIVES = (
    Objective(
        slo="availability",
        target=0.999,
        errors="sum by (model) "
        '(rate(ml_predictions_total{{status="server_error"}}[{window}]))',
        total="sum by (model) (rate(ml_predictions_total[{window}]))",
        meaning="requests for forecasts are answered; a client's mistake is an answer",
        anchor="availability",
    ),
    Objective(
        slo="latency",
        target=0.999,
        errors="sum by (model) (rate(ml_prediction_latency_seconds_count[{window}]))"
        " - sum by (model) "
        '(rate(ml_prediction_latency_seconds_bucket{{le="0.5"}}[{window}]))',
        total="sum by (model) (rate(ml_prediction_latency_seconds_count[{window}]))",
        meaning="answers take less than 500 ms",
        anchor="latency",
    ),
)

BURNS = (
    Burn(14.4, "1h", "5m", "page", 100),
    Burn(6.0, "6h", "30m", "page", 300),
    Burn(3.0, "1d", "2h", "ticket", 1_000),
    Burn(1.0, "3d", "6h", "ticket", 3_000),
)
"""
Of the Site Reliability Workbook, chapter 5. So many events that one error is not an
alert: at 14.4 times the budget of 0.1 %, one error in 70 is over the limit.
"""

ALERTS = (
    Alert(
        "BreakcastErrorsAtLowTraffic",
        "page",
        'slo:events:increase{slo="availability", window="6h"} * on (model) '
        'slo:sli_error:ratio_rate6h{slo="availability"} >= 10 and on (model) '
        'slo:sli_error:ratio_rate6h{slo="availability"} > 0.05',
        "5m",
        "{{ $labels.model }} failed ten times or more within six hours, with little "
        "traffic",
        "errors-at-low-traffic",
    ),
    Alert(
        "BreakcastDown",
        "page",
        'sum by (job) (up{job="breakcast"}) == 0',
        "1m",
        "no server of {{ $labels.job }} can be scraped",
        "down",
    ),
    Alert(
        "BreakcastReplicaDown",
        "ticket",
        'up{job="breakcast"} == 0',
        "15m",
        "{{ $labels.instance }} cannot be scraped",
        "down",
    ),
    Alert(
        "BreakcastAbsent",
        "page",
        "absent(ml_predictions_total)",
        "5m",
        "no server tells of any forecast",
        "absent",
    ),
    Alert(
        "BreakcastCanaryFails",
        "page",
        "max by (model) (breakcast_canary_up) == 0",
        "5m",
        "the synthetic forecast of {{ $labels.model }} is not answered",
        "canary-fails",
    ),
    Alert(
        "BreakcastCanaryStale",
        "ticket",
        "time() - max by (model) (breakcast_canary_timestamp_seconds) > 600",
        "5m",
        "nobody has asked for the synthetic forecast of {{ $labels.model }} for ten "
        "minutes",
        "canary-stale",
    ),
    Alert(
        "BreakcastHealthStale",
        "ticket",
        "time() - max by (model) (breakcast_health_timestamp_seconds) > 26 * 3600",
        "15m",
        "no health report of {{ $labels.model }} for more than a day",
        "health-stale",
    ),
    Alert(
        "BreakcastHealthAbsent",
        "ticket",
        "absent(breakcast_health_timestamp_seconds)",
        "1h",
        "no server shows a health report",
        "health-stale",
    ),
    Alert(
        "BreakcastAccuracyBelowObjective",
        "page",
        "max by (model) (breakcast_accuracy_upper_bound)"
        " < max by (model) (breakcast_accuracy_objective)"
        " and max by (model) (breakcast_label_alarm) == 1",
        "15m",
        "{{ $labels.model }} is proven to be less accurate than promised, and than it "
        "was",
        "accuracy-below-objective",
    ),
    Alert(
        "BreakcastPlainAccuracyLow",
        "ticket",
        "max by (model) (breakcast_accuracy_upper_bound)"
        " < max by (model) (breakcast_accuracy_objective)",
        "1h",
        "the plain accuracy of {{ $labels.model }} is proven to be below the objective",
        "plain-accuracy-low",
    ),
    Alert(
        "BreakcastConceptDrift",
        "ticket",
        "max by (model) (breakcast_label_alarm) == 1",
        "15m",
        "outcomes say that {{ $labels.model }} has become worse",
        "concept-drift",
    ),
    Alert(
        "BreakcastDrift",
        "ticket",
        "max by (model, of) (breakcast_drift_alarm) == 1",
        "15m",
        "the {{ $labels.of }} of {{ $labels.model }} have drifted",
        "drift",
    ),
    Alert(
        "BreakcastDataBroken",
        "ticket",
        'sum by (model) (breakcast_data_findings{kind=~"missing|constant|absent_column|'
        'unreadable|out_of_range"}) > 0',
        "1h",
        "features of {{ $labels.model }} are broken or strange",
        "data-broken",
    ),
    Alert(
        "BreakcastCalibrationOff",
        "ticket",
        'max by (model) (breakcast_live_calibration_error{version="all", window="7d",'
        ' forecaster="model"} - breakcast_live_chance_calibration_error{version="all",'
        ' window="7d", forecaster="model"}) > 0.05'
        ' and on (model) max by (model) (breakcast_outcomes{window="7d"}) >= 500',
        "1h",
        "the probabilities of {{ $labels.model }} are off by more than five points",
        "calibration-off",
    ),
    Alert(
        "BreakcastDegraded",
        "ticket",
        "sum by (model) (rate(breakcast_degraded_answers_total[30m]))"
        " / (sum by (model) (rate(breakcast_batch_rows_count[30m])) > 0) > 0.05",
        "15m",
        "more than one in twenty answers of {{ $labels.model }} are degraded",
        "degraded",
    ),
    Alert(
        "BreakcastJournalDrops",
        "ticket",
        "sum by (model) (increase(breakcast_journal_dropped_total[1h])) > 0",
        "0m",
        "answers of {{ $labels.model }} were not kept",
        "journal-drops",
    ),
    Alert(
        "BreakcastDeliveriesFail",
        "page",
        'sum(increase(breakcast_deliveries_total{result="failed"}[30m])) > 10',
        "5m",
        "deliveries of webhooks cannot be kept",
        "deliveries-fail",
    ),
    Alert(
        "BreakcastDeliveriesForged",
        "ticket",
        'sum(increase(breakcast_deliveries_total{result="forged"}[1h])) > 10',
        "0m",
        "deliveries of webhooks are signed wrongly, or not at all",
        "deliveries-forged",
    ),
    Alert(
        "BreakcastLedgerLag",
        "ticket",
        "max by (model) (breakcast_ledger_lag_seconds) > 300",
        "10m",
        "records that servers read are more than five minutes old",
        "ledger-lag",
    ),
    Alert(
        "BreakcastSwapRefused",
        "ticket",
        "sum by (model) (increase(breakcast_refused_swaps_total[1h])) > 0",
        "0m",
        "a promoted version of {{ $labels.model }} was refused",
        "swap-refused",
    ),
    Alert(
        "BreakcastFollowingFails",
        "ticket",
        "sum by (model, of) (increase(breakcast_failed_looks_total[10m])) > 0",
        "10m",
        "servers of {{ $labels.model }} cannot read {{ $labels.of }}, and answer by "
        "what they have",
        "following-fails",
    ),
    Alert(
        "BreakcastRetrainingStale",
        "ticket",
        "time() - max by (model) "
        '(breakcast_model_trained_timestamp_seconds{role="champion"} > 0) > 8 * 86400'
        " and on (model) max by (model) (breakcast_new_outcomes) > 0",
        "1h",
        "{{ $labels.model }} is older than eight days, and there are new outcomes",
        "retraining-stale",
    ),
    Alert(
        "BreakcastLabelsLack",
        "ticket",
        'min by (model) (breakcast_label_coverage_ratio{window="7d"}) < 0.8'
        ' and on (model) max by (model) (breakcast_answers{window="7d"}) >= 100',
        "1h",
        "the outcomes of more than a fifth of the answers do not become known",
        "labels-lack",
    ),
    Alert(
        "BreakcastWatchdog",
        "none",
        "vector(1)",
        "0m",
        "always fires: who does not hear it has no alerts",
        "watchdog",
    ),
)
