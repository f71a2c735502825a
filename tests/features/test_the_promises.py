"""
What every number rests on: no row peeks, and all who ask get the same row.

Histories are drawn by Hypothesis on a coarse clock, so that starts, finishes
and the as-of often fall on the same instant.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakcast.errors import Leak, SnapshotError
from breakcast.features.columns import catalog_of
from breakcast.features.feed import Feed
from breakcast.features.learning import learn_finish
from breakcast.features.state import FeatureState
from breakcast.features.table import build_table
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Change,
    ChangeSeen,
    Event,
    Outcome,
)
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.replay import replay

CATALOG = catalog_of(("churn", "sloc"), ("tests",), code_state=("sloc",))
DAWN = datetime(2026, 3, 1, tzinfo=UTC)
LONGEST = 40


def at(minute: int) -> datetime:
    return DAWN + timedelta(minutes=minute)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Draw starts, and for most a finish; every optional fact is there or not."""
    events: list[Event] = []
    count = draw(st.integers(1, 30))
    for number in range(count):
        start = draw(st.integers(0, LONGEST))
        maybe = st.none() | st.integers(0, 3)
        branch, author, commit, parent = (draw(maybe) for _ in range(4))
        paths = draw(st.sets(st.sampled_from(["a.py", "lib/b.py", "README.md"])))
        change = Change(lines_added=float(number), paths=tuple(sorted(paths)))
        key = BuildKey(
            "test",
            f"acme/{draw(st.integers(0, 1))}",
            f"ci-{draw(st.integers(0, 1))}",
            str(number),
        )
        build = Build(
            key,
            branch=None if branch is None else ["main", "fix", "dev", "x"][branch],
            event=draw(st.sampled_from([None, "push", "pull_request"])),
            author=None if author is None else f"a{author}",
            commit_sha=None if commit is None else f"c{commit}",
            parent_build_id=None
            if parent is None
            else str(max(number - 1 - parent, 0)),
            change=draw(st.sampled_from([None, change])),
            signals={"churn": float(number), "sloc": 1e4 + draw(st.integers(0, 50))},
        )
        events.append(BuildStarted(build, occurred_at=at(start)))
        if draw(st.booleans()):
            seen = start + draw(st.integers(0, 5))
            events.append(ChangeSeen(key, change, occurred_at=at(seen)))
        if draw(st.integers(0, 9)):
            events.append(
                BuildFinished(
                    key,
                    draw(st.sampled_from(Outcome)),
                    occurred_at=at(start + draw(st.integers(0, 20))),
                    results={"tests": float(number)},
                )
            )
    return events


def rows_of(
    events: Iterable[Event], until: datetime, state: FeatureState | None = None
) -> dict[BuildKey, bytes]:
    """
    Replay events: the row of every build that starts no later than `until`.

    A row is refined by a change that was seen before.
    """
    feed = Feed(state or FeatureState(CATALOG))
    rows = {}
    for event in replay(events):
        asked = feed.take(event)
        is_first = isinstance(event, BuildStarted) and event.known_at <= until
        if asked is not None and (is_first or event.known_at < until):
            rows[event.key] = asked.row.tobytes()
    return rows


def rewritten(events: Iterable[Event], since: datetime) -> Iterator[Event]:
    """Tell another story of all that became known at `since` or later."""
    for event in events:
        if event.known_at < since:
            yield event
        elif isinstance(event, BuildFinished):
            is_red = event.outcome is Outcome.FAILED
            yield msgspec.structs.replace(
                event,
                outcome=Outcome.PASSED if is_red else Outcome.FAILED,
                occurred_at=event.occurred_at + timedelta(minutes=3),
                results={"tests": -1.0},
            )
    for number in range(3):
        key = BuildKey("test", "acme/0", "ci-0", f"new-{number}")
        build = Build(key, branch="main", author="a1", commit_sha="c1")
        yield BuildStarted(build, occurred_at=since)
        yield BuildFinished(key, Outcome.FAILED, occurred_at=since)


class Peeking(FeatureState):
    """A state that learns an outcome when the build starts: what we must catch."""

    def __init__(self, ends: dict[BuildKey, BuildFinished]) -> None:
        super().__init__(CATALOG)
        self.ends = ends

    def observe(self, event: Event) -> None:
        super().observe(event)
        if isinstance(event, BuildStarted) and event.key in self.ends:
            now = event.known_at.timestamp()
            learn_finish(self.memory, self.ends[event.key], now, ("sloc",))


@settings(max_examples=150, deadline=None)
@given(histories(), st.integers(0, LONGEST))
def test_nothing_known_at_the_as_of_or_later_changes_a_row(
    events: list[Event], minute: int
) -> None:
    since = at(minute)
    asked = [event for event in events if isinstance(event, BuildStarted)]
    told = rows_of(events, since)
    other = [*rewritten(events, since)]
    # What is asked at that instant is asked in both stories.
    other += [event for event in asked if event.known_at == since]

    retold = rows_of(other, since)

    assert told == {key: row for key, row in retold.items() if key in told}


def test_a_state_that_peeks_is_caught() -> None:
    keys = [BuildKey("test", "acme/0", "ci-0", str(number)) for number in range(2)]
    starts = [BuildStarted(Build(key), occurred_at=at(i)) for i, key in enumerate(keys)]
    told = []
    for outcome in (Outcome.FAILED, Outcome.PASSED):
        end = BuildFinished(keys[0], outcome, occurred_at=at(5))
        told.append(rows_of([*starts, end], at(1), Peeking({keys[0]: end})))

    assert told[0] != told[1]


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(0, 60))
def test_a_state_saved_and_loaded_gives_the_same_rows(
    events: list[Event], cut: int
) -> None:
    whole = rows_of(events, at(10**6))
    state = FeatureState(CATALOG)
    ordered = list(replay(events))
    for event in ordered[:cut]:
        state.observe(event)

    resumed = FeatureState.load(state.save(), CATALOG)

    later = rows_of(ordered[cut:], at(10**6), resumed)
    assert later == {key: whole[key] for key in later}


@settings(max_examples=60, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_the_table_is_the_row_served_whatever_order_facts_came_in(
    events: list[Event], random: "np.random.Generator"
) -> None:
    served = rows_of(events, at(10**6))
    shuffled = list(events)
    random.shuffle(shuffled)
    with Ledger.temporary() as ledger:
        ledger.append(shuffled)
        table = build_table(ledger, CATALOG)

    by_id = {key.build_id: row for key, row in served.items()}
    assert len(table) == len(by_id)
    for build_id, row in zip(table.build_ids, table.rows, strict=True):
        assert row.tobytes() == by_id[build_id]


def test_rows_do_not_depend_on_the_workers(shared_data: Path) -> None:
    with Ledger.temporary() as ledger:
        import_builds(ledger, read_builds(shared_data / "github_actions.parquet"))
        alone = build_table(ledger, CATALOG)
        with ThreadPoolExecutor(3) as threads:
            threaded = build_table(ledger, CATALOG, threads)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
            spread = build_table(ledger, CATALOG, processes)

    for table in (threaded, spread):
        assert table.rows.tobytes() == alone.rows.tobytes()
        assert table.build_ids.tolist() == alone.build_ids.tolist()


@settings(max_examples=40, deadline=None)
@given(histories())
def test_asking_changes_nothing(events: list[Event]) -> None:
    state = FeatureState(CATALOG)
    for event in replay(events):
        state.observe(event)
    build = Build(BuildKey("test", "acme/0", "ci-0", "asked"), branch="main")
    once = state.row(build, at(10**6))
    saved = state.save()

    assert state.row(build, at(10**6)).tobytes() == once.tobytes()
    assert state.save() == saved
    assert once.dtype == np.float32
    assert once.shape == (CATALOG.width,)
    headline = once[:4]
    assert np.all(np.isnan(headline) | ((headline >= 0) & (headline <= 1)))


def test_a_row_of_the_past_is_refused() -> None:
    key = BuildKey("test", "acme/0", "ci-0", "1")
    state = FeatureState(CATALOG)
    state.observe(BuildStarted(Build(key), occurred_at=at(1)))
    state.observe(BuildFinished(key, Outcome.FAILED, occurred_at=at(5)))
    asked = Build(BuildKey("test", "acme/0", "ci-0", "2"))

    last_failed = CATALOG.column("pipeline.last_failed")
    assert np.isnan(state.row(asked, at(5))[last_failed])
    assert state.row(asked, at(6))[last_failed] == 1
    with pytest.raises(Leak, match="ask in the order of replay"):
        state.row(asked, at(5))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_snapshot_is_refused(data: st.DataObject) -> None:
    state = FeatureState(CATALOG)
    key = BuildKey("test", "acme/0", "ci-0", "1")
    state.observe(BuildStarted(Build(key), occurred_at=at(1)))
    packed = bytearray(state.save())
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SnapshotError, match="replay the ledger"):
        FeatureState.load(bytes(packed), CATALOG)


def test_a_snapshot_of_another_catalog_is_refused() -> None:
    packed = FeatureState(CATALOG).save()

    with pytest.raises(SnapshotError, match="catalog"):
        FeatureState.load(packed, catalog_of())
