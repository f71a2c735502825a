"""Parity is found where there is some, and a difference where there is none."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from breakcast.adapters.feast.messages import MICROSECOND, stamp_of
from breakcast.adapters.feast.naming import join_keys
from breakcast.adapters.feast.offline import Asked
from breakcast.adapters.feast.parity import (
    OnlineParity,
    Parity,
    Sample,
    compared,
    replayed,
)
from breakcast.adapters.feast.pastparity import offline_parity
from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.features.store import Named
from breakcast.history.events import Build, Change, Event
from breakcast.history.replay import replay
from tests.features.timeline import GREEN, PLAIN, RED, Timeline, at, key_of

WIDTH = PLAIN.width


class LocalHistory:
    """Every version in memory, read as Feast is asked to; joins are counted."""

    def __init__(self, late: timedelta = -MICROSECOND) -> None:
        self.joins = 0
        self._late = late
        self._versions: dict[str, list[tuple[int, bytes]]] = {}

    def add(self, changed: Named) -> None:
        for key, stamp, record in join_keys(changed):
            self._versions.setdefault(key, []).append((stamp, record))

    def read(self, asked: Sequence[Asked]) -> Mapping[Asked, bytes | None]:
        self.joins += 1
        return {one: self._of(one) for one in asked}

    def _of(self, asked: Asked) -> bytes | None:
        until = stamp_of(asked.as_of + self._late)
        versions = self._versions.get(asked.join_key, [])
        known = [record for stamp, record in versions if stamp <= until]
        return known[-1] if known else None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "records.db")
    yield store
    store.close()


def every() -> Iterator[bool]:
    """Choose every build."""
    return cycle([True])


def story(builds: int = 40) -> list[Event]:
    """Tell of builds that each begin at the very moment at which another ends."""
    told = Timeline()
    for number in range(builds):
        told.build(
            str(number),
            10 * number,
            10 * number + 20,
            RED if number % 3 == 0 else GREEN,
            branch="main",
            author="9f",
            commit_sha=f"c{number % 7}",
            parent_build_id=str(number - 1) if number else None,
            change=Change(paths=(f"src/{number % 5}.py", "README")),
        )
    return list(replay(told.events))


def test_a_sound_history_has_parity_in_few_joins() -> None:
    history = LocalHistory()
    samples = replayed("acme", story(), PLAIN, is_chosen=every(), keep=history.add)

    found = offline_parity(samples, PLAIN, history, builds=40)

    assert found == Parity(builds=40, cells=40 * WIDTH)
    # One for what all builds need first, the rest up their lineage.
    assert history.joins <= 4


def test_a_history_read_at_the_as_of_itself_has_not() -> None:
    history = LocalHistory(late=timedelta(0))
    samples = replayed("acme", story(), PLAIN, is_chosen=every(), keep=history.add)

    assert offline_parity(samples, PLAIN, history, builds=40).differing > 0


def test_a_busy_organisation_is_joined_in_pieces() -> None:
    history = LocalHistory()
    samples = replayed("acme", story(6), PLAIN, is_chosen=every(), keep=history.add)

    found = offline_parity(samples, PLAIN, history, builds=10_000_000)

    assert (found.builds, found.differing) == (6, 0)
    assert history.joins > 6


def test_a_sound_store_has_parity_beside_records_in_use(store: SqliteStore) -> None:
    parity = OnlineParity(store, PLAIN, "verify\x1f")
    kept: list[Named] = []
    for mark in (parity, OnlineParity(store, PLAIN, "again\x1f")):
        replayed(
            "acme",
            story(),
            PLAIN,
            is_chosen=every(),
            keep=kept.append,
            online=mark,
        )
        assert mark.found == Parity(builds=40, cells=40 * WIDTH)

    key = "acme\x1facme/shop"
    assert not store.read({"tracks": [key]}).get("tracks")
    marked = {"tracks": [f"verify\x1f{key}"]}
    assert store.read(marked)["tracks"][f"verify\x1f{key}"].record
    parity.clear()
    assert not store.read(marked)["tracks"][f"verify\x1f{key}"].record


def test_a_store_that_loses_a_kind_is_found_out(store: SqliteStore) -> None:
    class Forgetful:
        """A store that keeps no commits."""

        def read(self, wanted: Mapping[str, Sequence[str]]) -> Named:
            return store.read(wanted)

        def write(self, changed: Named) -> None:
            store.write({kind: of for kind, of in changed.items() if kind != "commits"})

        def close(self) -> None:
            store.close()

    parity = OnlineParity(Forgetful(), PLAIN, "verify\x1f")
    replayed(
        "acme",
        story(),
        PLAIN,
        is_chosen=every(),
        keep=lambda _: None,
        online=parity,
    )

    assert parity.found.builds == 40
    assert parity.found.differing > 0
    assert {one.feature.partition(".")[0] for one in parity.found.examples} == {
        "commit"
    }


def test_only_chosen_builds_are_compared() -> None:
    chosen = iter([True, False, False] * 20)
    samples = replayed("acme", story(), PLAIN, is_chosen=chosen, keep=lambda _: None)

    assert [sample.build.key.build_id for sample in samples][:3] == ["0", "3", "6"]


def test_a_difference_is_told_by_its_cells() -> None:
    row = np.arange(WIDTH, dtype=np.float32)
    row[3] = np.nan
    other = row.copy()
    other[5], other[7] = 500.0, np.nan
    build = Build(key_of("7"))

    found = compared(PLAIN, Sample(build, at(0), row), other)

    assert (found.builds, found.cells, found.differing) == (1, WIDTH, 2)
    first = found.examples[0]
    assert first == ("acme/shop", "7", PLAIN.names[5], 5.0, 500.0)
    assert len((found + found + found).examples) == 5
