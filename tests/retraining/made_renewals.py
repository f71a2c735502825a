"""A history whose rule may turn round, and a champion taught by its beginning."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from breakcast.features.table import Table
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Outcome,
)
from breakcast.history.ledger import Ledger
from breakcast.model.bundlewriting import write_bundle
from breakcast.model.estimator import Recipe
from breakcast.model.judge import Terms, read_table
from breakcast.model.registry import Registry
from breakcast.model.train import train

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
A_DAY = 120
REPOS = 4
TAUGHT_DAYS = 30
"""What the champion is taught by."""
DAYS = 50
SMALL = Recipe(trees=40, learning_rate=0.15)
_OFTEN, _SELDOM = 0.65, 0.05
_MINUTES = 8


def at(day: float) -> datetime:
    """A time, by its day in the history."""
    return FIRST + timedelta(days=day)


def made_history(
    turns_on: float = np.inf,
    *,
    days: float = DAYS,
    first: datetime = FIRST,
    repos: int = REPOS,
    seed: int = 0,
) -> list[BuildStarted | BuildFinished]:
    """
    Builds are red if they are pull requests, mostly; or, from a day on, pushes.

    Args:
        turns_on: From which day on.
        days: How many days, of 120 builds each.
        first: The first of them.
        repos: How many repositories they are of.
        seed: Of the luck; it names the builds as well.
    """
    rng = np.random.default_rng(seed)
    facts: list[BuildStarted | BuildFinished] = []
    for number in range(int(days * A_DAY)):
        started_at = first + number * timedelta(days=1) / A_DAY
        is_request = bool(rng.random() < 0.4)
        is_turned = number / A_DAY >= turns_on
        is_red = rng.random() < (_OFTEN if is_request != is_turned else _SELDOM)
        name = seed * 1_000_000 + number
        key = BuildKey("github", f"acme/shop-{number % repos}", "ci.yml", str(name))
        build = Build(
            key,
            branch=f"topic-{name}" if is_request else "main",
            event="pull_request" if is_request else "push",
            commit_sha=f"{name:040x}",
        )
        facts += [
            BuildStarted(occurred_at=started_at, build=build),
            BuildFinished(
                occurred_at=started_at + timedelta(minutes=_MINUTES),
                key=key,
                outcome=Outcome.FAILED if is_red else Outcome.PASSED,
            ),
        ]
    return facts


def with_champion(
    ledger: Ledger,
    registry: Registry,
    facts: list[BuildStarted | BuildFinished],
    *,
    recipe: Recipe = SMALL,
) -> Table:
    """Fill a ledger, and promote a champion that was taught by the first days of it."""
    ledger.append(facts)
    table = read_table(ledger)
    publish(registry, table, at(TAUGHT_DAYS), recipe=recipe)
    registry.promote("v1.0", actor="test", reason="the first", at=at(TAUGHT_DAYS))
    return table


def publish(
    registry: Registry, table: Table, before: datetime, *, recipe: Recipe = SMALL
) -> str:
    """Train on what was known before a time, and publish it; the version."""
    parts = train(
        table,
        Terms(),
        ledger_position=1,
        created_at=before,
        taught_before=before,
        recipe=recipe,
    )
    folder = Path(mkdtemp(prefix="breakcast-tests-"))
    write_bundle(parts, folder / "bundle")
    return registry.publish(folder / "bundle")
