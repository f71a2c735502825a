"""Records in a store give the very rows that the state gives."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings

from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.errors import StoreError
from breakcast.features.catalog import Catalog
from breakcast.features.memory import LIMITS, Limits
from breakcast.features.records import (
    all_records,
    changed_records,
    mark_of,
    pulse_of,
    read_row,
)
from breakcast.features.state import FeatureState
from breakcast.features.store import RecordStore, StoredRecord, shard_of
from breakcast.features.survey import catalog_for
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import BuildStarted, Event
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.replay import replay
from tests.features.test_memory import CATALOG as CROWDED_CATALOG
from tests.features.test_memory import FEW, crowded
from tests.features.test_the_promises import CATALOG, histories
from tests.features.timeline import PLAIN, Timeline, at


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "records.db")
    yield store
    store.close()


def compared(
    events: list[Event], catalog: Catalog, store: RecordStore, limits: Limits = LIMITS
) -> int:
    """Publish after every fact, read every build's row twice; how many rows."""
    state = FeatureState(catalog, limits)
    state.memory.watch()
    count = 0
    for event in events:
        state.settle(event.known_at)
        store.write(changed_records(state, event.key.organisation))
        if isinstance(event, BuildStarted):
            row = state.row(event.build, event.known_at)
            reading = read_row(store, catalog, event.build, event.known_at)
            assert reading.row.tobytes() == row.tobytes()
            assert reading.as_of == event.known_at
            count += 1
        state.observe(event)
    return count


@settings(max_examples=40, deadline=None)
@given(histories())
def test_rows_are_the_same_from_the_store(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event]
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("store") / "records.db")
    compared(list(replay(events)), CATALOG, store)
    store.close()


def test_what_a_full_shelf_drops_is_dropped_in_the_store(store: SqliteStore) -> None:
    events = list(replay(crowded(120).events))

    assert compared(events, CROWDED_CATALOG, store, FEW) == 120


@pytest.mark.parametrize("name", ["github_actions", "buildfast"])
def test_real_histories_are_the_same_from_the_store(
    name: str, store: SqliteStore, shared_data: Path
) -> None:
    with Ledger.temporary() as ledger:
        import_builds(ledger, read_builds(shared_data / f"{name}.parquet"))
        catalog = catalog_for(ledger)
        builds = ledger.organisations()
        organisation = max(builds, key=lambda name: builds[name])
        events = list(ledger.events(organisation))

    assert compared(events[:3_000], catalog, store) > 500


def test_a_row_asked_for_too_early_is_read_just_after_the_newest_fact(
    store: SqliteStore,
) -> None:
    state = Timeline().build("1", 0, 10).state()
    state.memory.watch()
    state.settle(at(20))
    store.write(all_records(state, "acme"))
    asked = Timeline().build("2", 5).events[0]
    assert isinstance(asked, BuildStarted)

    reading = read_row(store, PLAIN, asked.build, at(5))

    assert reading.as_of == at(10) + timedelta(microseconds=1)
    assert reading.pulse is None


def test_the_pulse_is_that_of_the_organisations_shard_and_code(
    store: SqliteStore,
) -> None:
    asked = Timeline().build("2", 5).events[0]
    assert isinstance(asked, BuildStarted)
    store.write(pulse_of([shard_of("acme")], PLAIN, at(3)))
    store.write(pulse_of([shard_of("acme") - 1], PLAIN, at(1)))
    assert read_row(store, PLAIN, asked.build, at(5)).pulse is None
    store.write(mark_of([shard_of("acme")], PLAIN, at(2)))

    assert read_row(store, PLAIN, asked.build, at(5)).pulse == at(3)
    other = read_row(store, CATALOG, asked.build, at(5))
    assert other.pulse is None


def test_what_is_no_record_is_told(store: SqliteStore) -> None:
    asked = Timeline().build("2", 5).events[0]
    assert isinstance(asked, BuildStarted)
    store.write({"tracks": {"acme\x1facme/shop": StoredRecord(1, b"\xc1")}})

    with pytest.raises(StoreError, match="tracks 'acme/shop' cannot be read"):
        read_row(store, PLAIN, asked.build, at(5))
