"""A watch sees outcomes and drift in what was answered, and keeps one report."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from breakcast.adapters.prometheus.health import (
    GAUGES,
    HealthGauges,
    Standing,
)
from breakcast.features.table import Table
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Outcome,
)
from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger
from breakcast.model.bundle import Bundle, load_bundle
from breakcast.model.bundlewriting import write_bundle
from breakcast.model.reference import reference_of
from breakcast.monitoring.health import Canary, HealthReport
from breakcast.monitoring.watch import Watch, last_report
from breakcast.serving.journal import JournalEntry, packed, row_of
from breakcast.serving.prediction import Scored
from breakcast.serving.predictor import Models
from tests.model.made_bundles import CATALOG, make_parts

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
TAUGHT_DAYS = 63
A_DAY = 120


def made_days(first: int, days: int, seed: int, shift: float = 0.0) -> Table:
    """Builds of some days, each of which has something of its own."""
    rng = np.random.default_rng(seed)
    builds = days * A_DAY
    own = np.repeat(0.1 * rng.normal(size=(days, CATALOG.width)), A_DAY, axis=0)
    rows = (rng.normal(size=(builds, CATALOG.width)) + own).astype(np.float32)
    rows[:, CATALOG.column("change.lines_added")] += shift
    rows[:, CATALOG.column("branch.last_failed")] = rng.integers(0, 2, builds)
    started_at = (
        MONDAY.timestamp()
        + 86_400.0 * (first + np.arange(builds) // A_DAY)
        + 600.0 * (np.arange(builds) % A_DAY)
    )
    return Table(
        catalog=CATALOG,
        rows=rows,
        failed=(rng.random(builds) < 0.3).astype(np.float64),
        started_at=started_at,
        known_at=started_at + 300,
        minutes=np.full(builds, 5.0),
        repo=np.zeros(builds, np.int64),
        repo_names=("acme/shop",),
        build_ids=np.arange(builds).astype(str),
    )


def said_of(table: Table, seed: int, *, is_wrong: bool = False) -> np.ndarray:
    """Forecasts that are right in nine of ten; or wrong in as many."""
    right = np.random.default_rng(seed).random(len(table)) < (0.1 if is_wrong else 0.9)
    return np.where((table.failed > 0) == right, 0.8, 0.2)


@cache
def bundle_at(folder: Path) -> Bundle:
    taught = made_days(0, TAUGHT_DAYS, seed=1)
    reference = reference_of(taught, said_of(taught, 1))
    created_at = MONDAY + timedelta(days=TAUGHT_DAYS)
    write_bundle(make_parts(reference=reference, created_at=created_at), folder)
    return load_bundle(folder)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_at(tmp_path_factory.mktemp("bundle"))


def answer(
    ledger: Ledger, bundle: Bundle, table: Table, said: np.ndarray, first: int = 0
) -> None:
    """Let builds start, be answered, and end."""
    facts: list[BuildStarted | BuildFinished] = []
    answers = []
    for at in range(len(table)):
        key = BuildKey("github", "acme/shop", "ci.yml", str(first + at))
        start = datetime.fromtimestamp(table.started_at[at], UTC)
        build = Build(key, branch="main", commit_sha=f"c{first + at}")
        outcome = Outcome.FAILED if table.failed[at] else Outcome.PASSED
        end = start + timedelta(minutes=5)
        facts.append(BuildStarted(build, occurred_at=start))
        facts.append(BuildFinished(key, outcome, occurred_at=end))
        entry = JournalEntry(
            key=key,
            commit_sha=build.commit_sha,
            as_of=start,
            features=packed(table.rows[at]),
            catalog_hash=bundle.manifest.catalog_hash,
            probability=float(said[at]),
            champion=Scored(
                version=bundle.version, logit=0.0, probability=float(said[at])
            ),
        )
        answers.append(row_of(entry))
    ledger.append(facts)
    JournalTable(ledger).add(answers)


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
