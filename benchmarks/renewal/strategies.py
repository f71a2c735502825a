"""Ways to renew a model, each taken through a whole history, step by step."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from benchmarks.renewal.judging import verdict_on
from benchmarks.renewal.models import Model, taught
from benchmarks.renewal.worlds import DAY, World
from breakcast.features.table import Table
from breakcast.model.split import is_labelled
from breakcast.monitoring.concept import NEWEST, judge_concept
from breakcast.monitoring.drift import DataDriftMonitor
from breakcast.monitoring.driftreport import DriftReport
from breakcast.monitoring.health import HealthReport, LedgerHealth, ModelInUse
from breakcast.retraining.tolerances import Tolerances
from breakcast.retraining.trigger import Decision, decide
from breakcast.retraining.window import lacks, newest_window

MOST_DAYS = 84
"""Of a baseline, as a bundle keeps it."""
CURRENT_DAYS = 30


class Promoted(NamedTuple):
    """A model that took over: when, and whom it replaced."""

    at: float
    model: Model
    former: Model


class Journey(NamedTuple):
    """What became of a strategy: who answered each build, and what it took."""

    name: str
    said: np.ndarray
    promoted: list[Promoted]
    retrains: int
    refused: int


class _Now(NamedTuple):
    """How things stand when somebody asks whether to renew."""

    world: World
    at: float
    table: Table
    champion: Model
    since: float
    memory: dict[str, Any]


Strategy = Callable[[_Now], tuple[Model | None, int]]
"""Gives a model to take over, if any, and how many were trained."""


def journey(world: World, name: str) -> Journey:
    """Take a strategy through a history."""
    strategy = STRATEGIES[name]
    first = taught(world.table.before(world.starts_at), world.table, world.starts_at)
    if first is None:
        message = f"{world.name} begins with too little to teach a champion"
        raise ValueError(message)
    champion, since = first, world.starts_at
    said = np.full(len(world.table), np.nan)
    promoted: list[Promoted] = []
    retrains = refused = 0
    memory: dict[str, Any] = {}
    ends_at = float(world.table.started_at[-1])
    for at in np.arange(world.starts_at, ends_at, world.step_seconds).tolist():
        if at > world.starts_at:
            table = world.table.before(at)
            now = _Now(world, at, table, champion, since, memory)
            model, trained = strategy(now)
            retrains += trained
            refused += trained if model is None else 0
            if model is not None:
                promoted.append(Promoted(at, model, champion))
                champion, since = model, at
        started_at = world.table.started_at
        next_ones = (started_at >= at) & (started_at < at + world.step_seconds)
        said[next_ones] = champion.said[next_ones]
    return Journey(name, said, promoted, retrains, refused)


def _never(_: _Now) -> tuple[Model | None, int]:
    return None, 0


def _always(now: _Now) -> tuple[Model | None, int]:
    asked = now.memory["asked"] = now.memory.get("asked", 0) + 1
    return _anew(now) if asked % 3 == 0 else (None, 0)


def _anew(now: _Now) -> tuple[Model | None, int]:
    model = taught(now.table, now.world.table, now.at)
    return model, int(model is not None)


def _on_drift(now: _Now) -> tuple[Model | None, int]:
    return _anew(now) if _inputs(now).is_drift else (None, 0)


def _breakcast(now: _Now) -> tuple[Model | None, int]:
    tolerances = Tolerances()
    asked: list[Decision] = now.memory.setdefault("asked", [])
    decision = decide(_health(now), asked)
    if not decision.is_due:
        return None, 0
    asked.append(decision)
    window = newest_window(now.table, now.champion.known_until, tolerances)
    if lacks(now.table, window, tolerances) is not None:
        return None, 0
    candidate = taught(now.table, now.world.table, now.at, before=window.starts_at)
    if candidate is None:
        return None, 0
    verdict = verdict_on(now.table, window, candidate, now.champion, tolerances)
    return (None if verdict.failed else candidate), 1


def _health(now: _Now) -> HealthReport:
    """Report what monitoring would see, of answers the champion gave."""
    table = now.table
    answered = np.flatnonzero(is_labelled(table) & (table.started_at >= now.since))
    newest = answered[np.argsort(table.known_at[answered], kind="stable")][-NEWEST:]
    at = datetime.fromtimestamp(now.at, UTC)
    trained_at = datetime.fromtimestamp(now.champion.trained_at, UTC)
    return HealthReport(
        at=at,
        model=ModelInUse(version="champion", trained_at=trained_at),
        new_outcomes=int((table.known_at > now.champion.trained_at).sum()),
        quality=(),
        concept=judge_concept(
            now.champion.parts.reference.errors,
            table.failed[newest] > 0,
            now.champion.said[newest],
            table.known_at[newest],
            objective=0.88,
        ),
        inputs=_inputs(now),
        scores=_nothing(),
        ledger=LedgerHealth(),
    )


def _inputs(now: _Now) -> DriftReport:
    """Compare the features since the promotion with those the champion was taught."""
    table, until = now.table, now.champion.known_until
    key = f"monitor {until}"
    if key not in now.memory:
        for old in [name for name in now.memory if name.startswith("monitor")]:
            del now.memory[old]
        usual = (table.started_at < until) & (
            table.started_at >= until - MOST_DAYS * DAY
        )
        now.memory[key] = DataDriftMonitor(
            dict(zip(table.catalog.names, table.rows[usual].T, strict=True)),
            baseline_timestamps=table.started_at[usual],
            window="day" if now.world.step_seconds == DAY else "week",
        )
    current = table.started_at >= max(now.since, now.at - CURRENT_DAYS * DAY)
    report: DriftReport = now.memory[key].report(
        dict(zip(table.catalog.names, table.rows[current].T, strict=True)),
        table.started_at[current],
    )
    return report


def _nothing() -> DriftReport:
    return DriftReport(
        verdict="insufficient",
        why="not looked at",
        threshold=0.05,
        calibration="none",
        baseline_rows=0,
        current_rows=0,
    )


STRATEGIES: dict[str, Strategy] = {
    "every third time, no gate": _always,
    "breakcast": _breakcast,
    "on drift of inputs, no gate": _on_drift,
    "never": _never,
}
