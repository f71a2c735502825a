"""Days of builds that are alike, a bundle taught by some, and answers about others."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np

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
from breakcast.serving.journal import JournalEntry, packed, row_of
from breakcast.serving.prediction import Scored
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
