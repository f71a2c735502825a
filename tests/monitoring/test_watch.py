"""A watch sees outcomes and drift in what was answered, and keeps one report."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from breakcast.adapters.prometheus.health import (
    GAUGES,
    HealthGauges,
    Standing,
)
from breakcast.history.ledger import Ledger
from breakcast.model.bundle import Bundle
from breakcast.monitoring.health import Canary, HealthReport
from breakcast.monitoring.watch import Watch, last_report
from breakcast.serving.predictor import Models
from tests.monitoring.made_days import (
    A_DAY,
    MONDAY,
    TAUGHT_DAYS,
    answer,
    bundle_at,
    made_days,
    said_of,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_at(tmp_path_factory.mktemp("bundle"))


def looked(
    ledger: Ledger, bundle: Bundle, days: int, watch: Watch | None = None
) -> HealthReport:
    watch = watch or Watch(ledger, threshold=0.05, objective=0.88)
    at = MONDAY + timedelta(days=TAUGHT_DAYS + days, hours=1)
    return watch.look(Models(bundle), at)


def test_days_like_those_of_training_are_no_drift(
    bundle: Bundle, tmp_path: Path
) -> None:
    table = made_days(TAUGHT_DAYS, 10, seed=2)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        answer(ledger, bundle, table, said_of(table, 2))

        report = looked(ledger, bundle, 10)

    assert (report.inputs.verdict, report.scores.verdict) == ("no drift", "no drift")
    assert report.inputs.baseline_windows == TAUGHT_DAYS
    assert len(report.inputs.windows) == 10
    assert not report.concept.alarm
    week = next(
        one for one in report.quality if (one.window, one.version) == ("7d", "all")
    )
    assert week.outcomes == 7 * A_DAY - 6
    assert week.model.scores.accuracy == pytest.approx(0.9, abs=0.03)
    assert week.parrot.scores.accuracy == pytest.approx(0.5, abs=0.06)
    assert report.new_outcomes == 10 * A_DAY


def test_a_feature_that_has_moved_is_found_and_named(
    bundle: Bundle, tmp_path: Path
) -> None:
    table = made_days(TAUGHT_DAYS, 8, seed=3, shift=0.6)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        answer(ledger, bundle, table, said_of(table, 3))

        report = looked(ledger, bundle, 8)

    assert report.inputs.verdict == "drift"
    assert report.inputs.feature == "change.lines_added"
    assert report.scores.verdict == "no drift"
    assert not report.concept.alarm


def test_answers_that_turn_wrong_are_an_alarm_though_inputs_stay(
    bundle: Bundle, tmp_path: Path
) -> None:
    table = made_days(TAUGHT_DAYS, 5, seed=4)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        answer(ledger, bundle, table, said_of(table, 4, is_wrong=True))

        report = looked(ledger, bundle, 5)

    assert report.concept.alarm
    assert report.concept.kept == "missed"
    assert report.inputs.verdict == "no drift"


def test_days_looked_at_one_by_one_are_as_those_looked_at_together(
    bundle: Bundle, tmp_path: Path
) -> None:
    days = [made_days(TAUGHT_DAYS + day, 1, seed=10 + day) for day in range(4)]
    with (
        Ledger.open(tmp_path / "one.db") as one,
        Ledger.open(tmp_path / "other.db") as other,
    ):
        watch = Watch(one, threshold=0.05, objective=0.88)
        for day, table in enumerate(days):
            answer(one, bundle, table, said_of(table, day), first=day * A_DAY)
            step_by_step = looked(one, bundle, day + 1, watch)
        for day, table in enumerate(days):
            answer(other, bundle, table, said_of(table, day), first=day * A_DAY)
        at_once = looked(other, bundle, 4)

    assert step_by_step == at_once


def test_the_day_that_is_not_over_is_not_compared(
    bundle: Bundle, tmp_path: Path
) -> None:
    table = made_days(TAUGHT_DAYS, 2, seed=5)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        answer(ledger, bundle, table, said_of(table, 5))

        report = looked(ledger, bundle, 1)

    assert len(report.inputs.windows) == 1


def test_the_last_report_is_kept_with_the_newest_canary(
    bundle: Bundle, tmp_path: Path
) -> None:
    table = made_days(TAUGHT_DAYS, 2, seed=6)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert last_report(ledger) is None
        answer(ledger, bundle, table, said_of(table, 6))
        watch = Watch(ledger, threshold=0.05, objective=0.88)
        report = looked(ledger, bundle, 2, watch)
        canary = Canary(asked_at=report.at, is_answered=False, trouble="away")

        watch.keep(report)
        watch.keep_canary(canary)

        assert last_report(ledger) == msgspec.structs.replace(report, canary=canary)


def test_without_a_model_there_is_a_report_as_well(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        report = Watch(ledger, threshold=0.05, objective=0.88).look(None, MONDAY)

    assert report.model is None
    assert report.inputs.verdict == "insufficient"


def test_the_report_is_shown_as_gauges(bundle: Bundle, tmp_path: Path) -> None:
    table = made_days(TAUGHT_DAYS, 10, seed=2)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        answer(ledger, bundle, table, said_of(table, 2))
        watch = Watch(ledger, threshold=0.05, objective=0.88)
        watch.keep_canary(Canary(asked_at=MONDAY, is_answered=True))
        report = looked(ledger, bundle, 10, watch)
    registry = CollectorRegistry()
    registry.register(HealthGauges("m", lambda: Standing(report, is_due=True)))

    lines = generate_latest(registry).decode().splitlines()

    shown = {line.split("{")[0] for line in lines if not line.startswith("#")}
    # No fact was received: all were imported.
    assert GAUGES.keys() - shown == {"breakcast_ledger_newest_timestamp_seconds"}
    assert 'breakcast_retraining_due{model="m"} 1.0' in lines
    assert 'breakcast_drift_alarm{model="m",of="inputs"} 0.0' in lines
    assert len(lines) < 1_500


def test_where_nothing_is_reported_no_gauge_is_shown() -> None:
    registry = CollectorRegistry()
    registry.register(HealthGauges("m", lambda: None))

    assert generate_latest(registry) == b""
