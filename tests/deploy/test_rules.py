"""The rules alert when they should, and only then: asked of Prometheus' own tool."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from breakcast.adapters.prometheus.families import families_of
from breakcast.adapters.prometheus.health import GAUGES
from deploy.prometheus.alerts import ALERTS, BURNS, OBJECTIVES
from deploy.prometheus.rules import RULES, groups, written
from tests.engines import promtool

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
MODEL = 'model="m"'
ABOUT_MODELS = {
    "breakcast_model_info",
    "breakcast_model_trained_timestamp_seconds",
}
# Only what is told every minute is there: most of this would be absent else.
ALIVE = {
    "breakcast_health_timestamp_seconds{" + MODEL + "}": "0+{step}x{n}",
    'up{job="breakcast", instance="one"}': "1+0x{n}",
}
BUDGETS = {
    f"Breakcast{one.slo.title()}Budget{burn.long.upper()}"
    for one in OBJECTIVES
    for burn in BURNS
}


def firing(
    folder: Path,
    series: dict[str, str],
    minutes: int,
    expected: set[str],
    *,
    every: int = 1,
) -> None:
    """Require that these alerts fire after so many minutes, the watchdog, no other."""
    told = ALIVE | {"ml_predictions_total{" + MODEL + ', status="success"}': "0+0x{n}"}
    told |= series
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{every}m",
        "tests": [
            {
                "interval": f"{every}m",
                "input_series": [
                    {
                        "series": name,
                        "values": values.format(n=minutes // every, step=60 * every),
                    }
                    for name, values in told.items()
                    if values
                ],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": f"{minutes}m",
                        "exp_samples": [
                            {"labels": f'{{alertname="{name}"}}', "value": 1}
                            for name in sorted({*expected, "BreakcastWatchdog"})
                        ],
                    }
                ],
            }
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump(test), encoding="utf-8")
    ended = subprocess.run(  # noqa: S603 - Prometheus' own tool
        [promtool(), "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def requests(success: float, server_error: float) -> dict[str, str]:
    """So many requests a minute, by what became of them."""
    return {
        "ml_predictions_total{" + MODEL + f', status="{status}"}}': f"0+{rate}x{{n}}"
        for status, rate in (("success", success), ("server_error", server_error))
    }


def test_the_committed_rules_are_those_of_the_table() -> None:
    assert RULES.read_text(encoding="utf-8") == written()


def test_prometheus_reads_the_rules() -> None:
    subprocess.run([promtool(), "check", "rules", RULES], check=True)  # noqa: S603


def test_the_burn_rates_are_those_of_the_workbook() -> None:
    assert [(one.rate, one.long, one.short, one.severity) for one in BURNS] == [
        (14.4, "1h", "5m", "page"),
        (6.0, "6h", "30m", "page"),
        (3.0, "1d", "2h", "ticket"),
        (1.0, "3d", "6h", "ticket"),
    ]


def test_where_nothing_fails_nothing_fires(tmp_path: Path) -> None:
    firing(tmp_path, requests(600, 0), 240, set())


def test_two_errors_in_a_hundred_burn_every_budget(tmp_path: Path) -> None:
    expected = {one for one in BUDGETS if "Availability" in one}

    firing(tmp_path, requests(588, 12), 400, expected)


def test_half_the_budget_never_fires(tmp_path: Path) -> None:
    firing(tmp_path, requests(1_999, 1), 3 * 24 * 60, set(), every=2)


def test_slow_answers_burn_the_budget_of_latency(tmp_path: Path) -> None:
    latency = "ml_prediction_latency_seconds"
    series = requests(600, 0) | {
        f"{latency}_count{{{MODEL}}}": "0+600x{n}",
        f'{latency}_bucket{{{MODEL}, le="0.5"}}': "0+588x{n}",
    }

    firing(tmp_path, series, 400, {one for one in BUDGETS if "Latency" in one})


def test_a_client_that_errs_is_not_the_servers_fault(tmp_path: Path) -> None:
    series = requests(300, 0) | {
        "ml_predictions_total{" + MODEL + ', status="client_error"}': "0+300x{n}"
    }

    firing(tmp_path, series, 240, set())


def test_one_error_where_little_is_asked_wakes_nobody(tmp_path: Path) -> None:
    series = {
        "ml_predictions_total{" + MODEL + ', status="success"}': "0+1x{n}",
        "ml_predictions_total{" + MODEL + ', status="server_error"}': "0x30 1x{n}",
    }

    firing(tmp_path, series, 60, set())


def test_a_quiet_service_that_only_fails_is_heard_of(tmp_path: Path) -> None:
    # One request every ten minutes, and all of them fail: no budget can tell.
    steps = " ".join(f"{at // 10}" for at in range(361))
    series = {
        "ml_predictions_total{" + MODEL + ', status="success"}': "0+0x{n}",
        "ml_predictions_total{" + MODEL + ', status="server_error"}': steps,
    }

    firing(tmp_path, series, 360, {"BreakcastErrorsAtLowTraffic"})


def test_drift_is_a_ticket_and_nothing_else(tmp_path: Path) -> None:
    series = requests(600, 0) | {
        f'breakcast_drift_alarm{{{MODEL}, of="inputs"}}': "1+0x{n}",
        f'breakcast_data_findings{{{MODEL}, kind="missing"}}': "2+0x{n}",
    }

    firing(tmp_path, series, 120, {"BreakcastDrift", "BreakcastDataBroken"})
    by_name = {one.name: one.severity for one in ALERTS}
    assert by_name["BreakcastDrift"] == by_name["BreakcastDataBroken"] == "ticket"


def test_accuracy_proven_too_low_is_a_ticket_and_a_page_if_it_was_better(
    tmp_path: Path,
) -> None:
    low = requests(600, 0) | {
        f"breakcast_accuracy_upper_bound{{{MODEL}}}": "0.8+0x{n}",
        f"breakcast_accuracy_objective{{{MODEL}}}": "0.88+0x{n}",
        f"breakcast_label_alarm{{{MODEL}}}": "0+0x{n}",
    }
    firing(tmp_path, low, 120, {"BreakcastPlainAccuracyLow"})

    worse = low | {f"breakcast_label_alarm{{{MODEL}}}": "1+0x{n}"}
    firing(
        tmp_path,
        worse,
        120,
        {
            "BreakcastPlainAccuracyLow",
            "BreakcastAccuracyBelowObjective",
            "BreakcastConceptDrift",
        },
    )


def test_who_is_not_there_is_missed(tmp_path: Path) -> None:
    nobody = dict.fromkeys(ALIVE, "") | {
        "ml_predictions_total{" + MODEL + ', status="success"}': "",
        'up{job="breakcast", instance="one"}': "0+0x{n}",
    }

    firing(
        tmp_path,
        nobody,
        90,
        {
            "BreakcastAbsent",
            "BreakcastDown",
            "BreakcastReplicaDown",
            "BreakcastHealthAbsent",
        },
    )


def test_one_replica_of_several_that_is_gone_is_a_ticket(tmp_path: Path) -> None:
    series = requests(600, 0) | {
        'up{job="breakcast", instance="two"}': "0+0x{n}",
    }

    firing(tmp_path, series, 60, {"BreakcastReplicaDown"})


def test_what_is_no_longer_told_is_stale(tmp_path: Path) -> None:
    series = requests(600, 0) | {
        f"breakcast_health_timestamp_seconds{{{MODEL}}}": "0+0x{n}",
        f"breakcast_canary_timestamp_seconds{{{MODEL}}}": "0+0x{n}",
    }

    expected = {"BreakcastHealthStale", "BreakcastCanaryStale"}
    firing(tmp_path, series, 27 * 60, expected, every=5)


def test_the_canary_that_is_not_answered_is_a_page(tmp_path: Path) -> None:
    series = requests(0, 0) | {
        f"breakcast_canary_up{{{MODEL}}}": "0+0x{n}",
        f"breakcast_canary_timestamp_seconds{{{MODEL}}}": "0+60x{n}",
    }

    firing(tmp_path, series, 30, {"BreakcastCanaryFails"})


@pytest.mark.parametrize(
    ("series", "alert"),
    [
        ({"breakcast_ledger_lag_seconds": "400+0x{n}"}, "BreakcastLedgerLag"),
        ({"breakcast_refused_swaps_total": "0+1x{n}"}, "BreakcastSwapRefused"),
        ({"breakcast_journal_dropped_total": "0+1x{n}"}, "BreakcastJournalDrops"),
        (
            {"breakcast_failed_looks_total of=models": "0+1x{n}"},
            "BreakcastFollowingFails",
        ),
        (
            {
                "breakcast_degraded_answers_total": "0+10x{n}",
                "breakcast_batch_rows_count": "0+100x{n}",
            },
            "BreakcastDegraded",
        ),
        (
            {
                "breakcast_label_coverage_ratio window=7d": "0.5+0x{n}",
                "breakcast_answers window=7d": "500+0x{n}",
            },
            "BreakcastLabelsLack",
        ),
        (
            {
                "breakcast_live_calibration_error version=all window=7d"
                " forecaster=model": "0.1+0x{n}",
                "breakcast_live_chance_calibration_error version=all window=7d"
                " forecaster=model": "0.01+0x{n}",
                "breakcast_outcomes window=7d": "900+0x{n}",
            },
            "BreakcastCalibrationOff",
        ),
        (
            {"breakcast_deliveries_total event=push result=failed": "0+5x{n}"},
            "BreakcastDeliveriesFail",
        ),
        (
            {"breakcast_deliveries_total event=push result=forged": "0+5x{n}"},
            "BreakcastDeliveriesForged",
        ),
    ],
)
def test_each_trouble_has_its_alert(
    tmp_path: Path, series: dict[str, str], alert: str
) -> None:
    told = {}
    for name, values in series.items():
        metric, *labels = name.split()
        pairs = [MODEL, *(re.sub("=(.*)", r'="\1"', label) for label in labels)]
        told[f"{metric}{{{', '.join(pairs)}}}"] = values

    firing(tmp_path, requests(600, 0) | told, 120, {alert})


def test_an_old_model_is_stale_where_there_are_new_outcomes(tmp_path: Path) -> None:
    trained = f'breakcast_model_trained_timestamp_seconds{{{MODEL}, role="champion"}}'
    series = requests(600, 0) | {
        trained: "1+0x{n}",
        f"breakcast_new_outcomes{{{MODEL}}}": "9+0x{n}",
    }

    expected = {"BreakcastRetrainingStale"}
    firing(tmp_path, series, 9 * 24 * 60, expected, every=30)


def test_every_alert_has_a_section_of_the_runbook_and_every_section_an_alert() -> None:
    headings = re.findall(
        r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE
    )
    sections = {
        re.sub("[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings
    }
    rules: list[dict[str, Any]] = [one for group in groups() for one in group["rules"]]
    anchors = {
        one["annotations"]["runbook_url"].removeprefix("docs/runbook.md#")
        for one in rules
        if "alert" in one
    }

    assert anchors == sections


def test_rules_speak_of_what_is_exported() -> None:
    exported = {family.name for family in families_of("m")} | GAUGES.keys()
    exported |= ABOUT_MODELS
    spoken = set(re.findall(r"\b(?:ml|breakcast)_[a-z0-9_]+", written()))
    plain = {re.sub("_(bucket|count|sum)$", "", one) for one in spoken}

    assert plain <= exported
