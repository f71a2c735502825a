"""Every feature of the catalog passes one list of checks; memory keeps its bound."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from breakcast.features.catalog import Feature
from breakcast.features.columns import catalog_of
from breakcast.features.memory import Memory
from breakcast.features.paths import LOOKED_UP, path_keys
from breakcast.features.shelf import FORGET_AFTER_SECONDS, Shelf
from breakcast.features.state import FeatureState
from breakcast.features.track import TrackRecord
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Outcome,
)

CATALOG = catalog_of(("churn",), ("tests_failed",))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

ROW_OF_A_SMALL_HISTORY = """
import sys
sys.path.insert(0, ".")
from tests.features.test_conformance import small_history_digest
print(small_history_digest())
"""


@pytest.mark.parametrize("feature", CATALOG.features, ids=lambda one: one.name)
def test_a_feature_is_declared_whole(feature: Feature) -> None:
    family, _, fact = feature.name.partition(".")

    assert family
    assert fact
    assert feature.unit
    assert feature.meaning.endswith(".")
    assert feature.dtype == "float32"


def test_names_are_unique_and_the_headline_comes_first() -> None:
    assert len(set(CATALOG.names)) == CATALOG.width
    assert [feature.family for feature in CATALOG.features[:5]] == [
        *["headline"] * 4,
        "change",
    ]


def test_every_feature_is_defined_on_an_empty_history() -> None:
    row = FeatureState(CATALOG).row(Build(BuildKey("file", "a/b", "ci", "1")), NOON)

    assert row.shape == (CATALOG.width,)
    assert not np.isinf(row).any()


def test_a_row_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    digests = set()
    for seed in ("0", "1"):
        told = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", ROW_OF_A_SMALL_HISTORY],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        )
        digests.add(told.stdout)

    assert digests == {small_history_digest() + "\n"}


def test_the_hash_tells_catalogs_apart() -> None:
    assert CATALOG.hash == catalog_of(("churn",), ("tests_failed",)).hash
    assert CATALOG.hash != catalog_of(("churn",)).hash


def test_a_full_shelf_drops_what_was_touched_longest_ago() -> None:
    shelf: Shelf[TrackRecord] = Shelf(limit=3)
    for number in range(10):
        shelf.put(str(number), TrackRecord(touched_at=float(number)))

    assert list(shelf) == ["7", "8", "9"]


def test_what_is_forgotten_weighs_next_to_nothing() -> None:
    record = TrackRecord()
    record.start(0.0)
    record.learn(failed=1.0, now=0.0, minutes=1.0)
    known_month = CATALOG.column("repository.known_month") - CATALOG.column(
        "repository.red_ratio_3"
    )
    kept, gone = (
        record.features(FORGET_AFTER_SECONDS + s)[known_month] for s in (-1, 0)
    )
    shelf: Shelf[TrackRecord] = Shelf(limit=3)
    shelf.put("old", record)

    shelf.forget(FORGET_AFTER_SECONDS - 1)
    assert "old" in shelf
    shelf.forget(FORGET_AFTER_SECONDS)
    assert "old" not in shelf
    assert max(kept, gone) < 1e-7


def test_memory_never_holds_more_than_its_shelves_allow() -> None:
    state = FeatureState(CATALOG)
    for shelf in state.memory.shelves.values():
        shelf.limit = 20
    for number in range(300):
        _learn(state, number)

    sizes = {name: len(shelf) for name, shelf in state.memory.shelves.items()}
    assert max(sizes.values()) == 20
    assert sizes["pending"] <= 1


def test_every_kind_of_record_has_a_limit() -> None:
    assert all(0 < shelf.limit <= 200_000 for shelf in Memory().shelves.values())


def test_at_most_32_paths_of_a_build_are_looked_up() -> None:
    files, directories = path_keys("a/b", tuple(f"d{n}/f.py" for n in range(100)))

    assert len(files) == len(directories) == LOOKED_UP == 32


def test_a_build_that_never_finishes_is_no_longer_in_flight_after_a_day() -> None:
    state = FeatureState(CATALOG)
    lost = Build(BuildKey("file", "a/b", "ci", "lost"))
    state.observe(BuildStarted(lost, occurred_at=NOON - timedelta(days=3)))
    for number in range(600):
        _learn(state, number)
    row = state.row(
        Build(BuildKey("file", "a/b", "ci", "asked")), NOON + timedelta(days=9)
    )

    assert row[CATALOG.column("organisation.in_flight")] == 0


def small_history_digest() -> str:
    """Hash the row after a history that touches every kind of record."""
    state = FeatureState(CATALOG)
    for number in range(30):
        _learn(state, number)
    asked = Build(
        BuildKey("file", "org/repo-0", "ci", "asked"),
        branch="main",
        event="push",
        author="a0",
    )
    row = state.row(asked, NOON + timedelta(days=2))
    return hashlib.sha256(row.tobytes()).hexdigest()


def _learn(state: FeatureState, number: int) -> None:
    start = NOON + timedelta(minutes=number)
    key = BuildKey("file", f"org/repo-{number % 40}", "ci", str(number))
    build = Build(
        key,
        branch=f"b{number}",
        event="push",
        author=f"a{number}",
        commit_sha=str(number),
    )
    state.observe(BuildStarted(build, occurred_at=start))
    outcome = Outcome.FAILED if number % 3 else Outcome.PASSED
    state.observe(
        BuildFinished(key, outcome, occurred_at=start + timedelta(seconds=30))
    )
