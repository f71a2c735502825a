"""
The one table of what dashboards show: a question a panel, its PromQL, its unit.

In expressions `$model` is the dashboard's variable.
"""

from typing import Literal, NamedTuple

Kind = Literal["timeseries", "stat", "heatmap", "table"]


class Query(NamedTuple):
    """One line of a panel: PromQL, and how it is called."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """One panel."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Kind = "timeseries"


class Row(NamedTuple):
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


class Dashboard(NamedTuple):
    """One dashboard: its file's name, its title, its rows."""

    name: str
    title: str
    rows: tuple[Row, ...]


_M = 'model="$model"'
_ALL = f'{_M}, version="all"'
_BOTH = "{{window}} {{forecaster}}"


def _live(metric: str, window: str = "7d") -> str:
    return f'breakcast_live_{metric}{{{_ALL}, window="{window}"}}'


SERVING = Dashboard(
    "serving",
    "breakcast: serving",
    (
        Row(
            "Objective and budget",
            (
                Panel(
                    "Availability, 30 days",
                    (
                        Query(
                            f"1 - sum(increase(ml_predictions_total{{{_M}, "
                            'status="server_error"}[30d])) '
                            f"/ sum(increase(ml_predictions_total{{{_M}}}[30d]))",
                            "availability",
                        ),
                    ),
                    "percentunit",
                    "stat",
                ),
                Panel(
                    "Budget left of 0.1 %",
                    (
                        Query(
                            f"1 - sum(increase(ml_predictions_total{{{_M}, "
                            'status="server_error"}[30d])) '
                            f"/ sum(increase(ml_predictions_total{{{_M}}}[30d])) "
                            "/ 0.001",
                            "availability",
                        ),
                        Query(
                            "1 - (1 - sum(increase(ml_prediction_latency_seconds_bucket"
                            f'{{{_M}, le="0.5"}}[30d])) / sum(increase('
                            f"ml_prediction_latency_seconds_count{{{_M}}}[30d]))) "
                            "/ 0.001",
                            "latency",
                        ),
                    ),
                    "percentunit",
                    "stat",
                ),
                Panel(
                    "Errors as a share of requests",
                    tuple(
                        Query(
                            f'slo:sli_error:ratio_rate{window}{{{_M}, slo="{slo}"}}',
                            f"{slo} {window}",
                        )
                        for slo in ("availability", "latency")
                        for window in ("5m", "1h", "6h")
                    ),
                    "percentunit",
                ),
                Panel(
                    "Canary",
                    (Query(f"breakcast_canary_up{{{_M}}}", "answered"),),
                    kind="stat",
                ),
            ),
        ),
        Row(
            "Rate, errors, latency",
            (
                Panel(
                    "Requests for forecasts",
                    (
                        Query(
                            f"sum by (status) (rate(ml_predictions_total{{{_M}}}[5m]))",
                            "{{status}}",
                        ),
                    ),
                    "reqps",
                ),
                Panel(
                    "Requests by route",
                    (
                        Query(
                            "sum by (route, code) "
                            "(rate(breakcast_request_duration_seconds_count[5m])) > 0",
                            "{{route}} {{code}}",
                        ),
                    ),
                    "reqps",
                ),
                Panel(
                    "Latency of forecasts",
                    tuple(
                        Query(
                            f"histogram_quantile({quantile}, sum by (le) (rate("
                            "breakcast_request_duration_seconds_bucket"
                            '{route=~"v1_.*|v2_.*"}[5m])))',
                            f"p{quantile * 100:g}",
                        )
                        for quantile in (0.5, 0.95, 0.99)
                    ),
                    "s",
                ),
                Panel(
                    "In flight, rows a request",
                    (
                        Query("sum(breakcast_requests_in_flight)", "in flight"),
                        Query(
                            f"sum(rate(breakcast_batch_rows_sum{{{_M}}}[5m])) / "
                            f"sum(rate(breakcast_batch_rows_count{{{_M}}}[5m]))",
                            "rows a request",
                        ),
                    ),
                ),
                Panel(
                    "Degraded and abstained, of all answers to builds",
                    (
                        Query(
                            f"sum(rate(breakcast_degraded_answers_total{{{_M}}}[30m]))",
                            "degraded",
                        ),
                        Query(
                            f"sum(rate(breakcast_abstained_answers_total{{{_M}}}[30m]))",
                            "abstained",
                        ),
                    ),
                    "reqps",
                ),
                Panel(
                    "Deliveries of webhooks",
                    (
                        Query(
                            "sum by (result) (rate(breakcast_deliveries_total[5m]))",
                            "{{result}}",
                        ),
                    ),
                    "reqps",
                ),
            ),
        ),
        Row(
            "Versions",
            (
                Panel(
                    "In use",
                    (
                        Query(
                            f"count by (version, role) (breakcast_model_info{{{_M}}})",
                            "{{role}} {{version}}",
                        ),
                    ),
                    kind="table",
                ),
                Panel(
                    "Age of the champion",
                    (
                        Query(
                            "time() - max(breakcast_model_trained_timestamp_seconds"
                            f'{{{_M}, role="champion"}} > 0)',
                            "age",
                        ),
                    ),
                    "s",
                    "stat",
                ),
                Panel(
                    "Swaps refused, looks failed, journal entries dropped",
                    (
                        Query(
                            f"sum(increase(breakcast_refused_swaps_total{{{_M}}}[1h]))",
                            "refused",
                        ),
                        Query(
                            f"sum(increase(breakcast_failed_looks_total{{{_M}}}[1h]))",
                            "failed",
                        ),
                        Query(
                            "sum(increase("
                            f"breakcast_journal_dropped_total{{{_M}}}[1h]))",
                            "dropped",
                        ),
                    ),
                ),
            ),
        ),
    ),
)

QUALITY = Dashboard(
    "quality",
    "breakcast: quality",
    (
        Row(
            "Live quality, seven days, model and parrot",
            (
                *(
                    Panel(title, (Query(_live(metric), _BOTH),), unit)
                    for title, metric, unit in (
                        ("Accuracy", "accuracy", "percentunit"),
                        ("MCC", "mcc", "short"),
                        ("PR-AUC", "pr_auc", "short"),
                        ("Brier score", "brier", "short"),
                        ("Calibration error", "calibration_error", "short"),
                        ("Broken changes foreseen", "change_recall", "percentunit"),
                        ("Red among said green", "false_green_ratio", "percentunit"),
                        ("Answered", "coverage_ratio", "percentunit"),
                        (
                            "Accuracy of answers given",
                            "given_accuracy",
                            "percentunit",
                        ),
                    )
                ),
                Panel(
                    "Accuracy and what is promised",
                    (
                        Query(f"breakcast_accuracy_lower_bound{{{_M}}}", "lower"),
                        Query(f"breakcast_accuracy_upper_bound{{{_M}}}", "upper"),
                        Query(f"breakcast_accuracy_objective{{{_M}}}", "promised"),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Accuracy by version",
                    (
                        Query(
                            f'breakcast_live_accuracy{{{_M}, version!="all", '
                            'window="7d", forecaster="model"}',
                            "{{version}}",
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Worst repository",
                    (
                        Query(
                            "breakcast_live_worst_repository_accuracy"
                            f'{{{_M}, window="28d"}}',
                            "accuracy",
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Errors and Brier scores, as a share of what alarms",
                    (Query(f"breakcast_concept_alarm_ratio{{{_M}}}", "{{stream}}"),),
                ),
                Panel(
                    "Outcomes known, answers given",
                    (
                        Query(f"breakcast_outcomes{{{_M}}}", "outcomes {{window}}"),
                        Query(f"breakcast_answers{{{_M}}}", "answers {{window}}"),
                    ),
                ),
                Panel(
                    "Outcomes that are due and known",
                    (Query(f"breakcast_label_coverage_ratio{{{_M}}}", "{{window}}"),),
                    "percentunit",
                ),
                Panel(
                    "From answer to outcome",
                    (
                        Query(
                            f'breakcast_label_delay_seconds{{{_M}, window="7d"}}',
                            "p{{quantile}}",
                        ),
                    ),
                    "s",
                ),
            ),
        ),
        Row(
            "Inputs",
            (
                Panel(
                    "How unusual features are, in standard deviations",
                    (
                        Query(
                            f"topk(40, breakcast_feature_drift_score{{{_M}}})",
                            "{{feature}}",
                        ),
                    ),
                    kind="heatmap",
                ),
                Panel(
                    "Unknown",
                    (
                        Query(
                            f"topk(20, breakcast_feature_missing_ratio{{{_M}}})",
                            "{{feature}}",
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Wrong or strange",
                    (Query(f"breakcast_data_findings{{{_M}}}", "{{kind}}"),),
                ),
                Panel(
                    "Drift",
                    (
                        Query(f"breakcast_drift_alarm{{{_M}}}", "{{of}}"),
                        Query(f"breakcast_drift_p_value{{{_M}}}", "{{of}}, P"),
                    ),
                ),
            ),
        ),
        Row(
            "Scores",
            (
                Panel(
                    "Said of builds that started",
                    (
                        Query(
                            "sum by (le) (increase(breakcast_forecast_probability_"
                            f"bucket{{{_M}}}[1h]))",
                            "{{le}}",
                        ),
                    ),
                    kind="heatmap",
                ),
                Panel(
                    "Mean of what was said",
                    (
                        Query(
                            "sum(increase(breakcast_forecast_probability_sum"
                            f"{{{_M}}}[1h])) / sum(increase("
                            f"breakcast_forecast_probability_count{{{_M}}}[1h]))",
                            "P(red)",
                        ),
                    ),
                    "percentunit",
                ),
            ),
        ),
        Row(
            "Retraining",
            (
                Panel(
                    "Due",
                    (Query(f"breakcast_retraining_due{{{_M}}}", "due"),),
                    kind="stat",
                ),
                Panel(
                    "Outcomes since the champion was trained",
                    (Query(f"breakcast_new_outcomes{{{_M}}}", "outcomes"),),
                    kind="stat",
                ),
                Panel(
                    "Age of the last report, lag of the records",
                    (
                        Query(
                            f"time() - max(breakcast_health_timestamp_seconds{{{_M}}})",
                            "report",
                        ),
                        Query(f"max(breakcast_ledger_lag_seconds{{{_M}}})", "records"),
                    ),
                    "s",
                ),
            ),
        ),
    ),
)

DASHBOARDS = (SERVING, QUALITY)
