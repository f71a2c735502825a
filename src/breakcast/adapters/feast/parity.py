"""
Parity: rows read off a store are those of the replay, cell by cell.

The online store is published to as the replay goes, and read as each build starts;
`pastparity` reads the records' history afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from breakcast.adapters.feast.messages import MICROSECOND
from breakcast.features.catalog import Catalog
from breakcast.features.records import changed_records, read_row
from breakcast.features.state import FeatureState, Row
from breakcast.features.store import Named, RecordStore, StoredRecord
from breakcast.history.events import Build, BuildStarted, Event

_EXAMPLES = 5


class Sample(NamedTuple):
    """A build, when it started, and its row in the replay."""

    build: Build
    as_of: datetime
    row: Row


class Difference(NamedTuple):
    """One cell that is not as the replay says."""

    repo: str
    build_id: str
    feature: str
    replayed: float
    read: float


@dataclass(frozen=True, slots=True)
class Parity:
    """How many builds and cells were compared, how many cells differ, and some."""

    builds: int = 0
    cells: int = 0
    differing: int = 0
    examples: tuple[Difference, ...] = ()

    def __add__(self, other: "Parity") -> "Parity":
        return Parity(
            self.builds + other.builds,
            self.cells + other.cells,
            self.differing + other.differing,
            (*self.examples, *other.examples)[:_EXAMPLES],
        )


def replayed(
    organisation: str,
    events: Iterable[Event],
    catalog: Catalog,
    *,
    is_chosen: Iterator[bool],
    keep: Callable[[Named], None],
    online: "OnlineParity | None" = None,
) -> list[Sample]:
    """
    Replay an organisation, publishing as it goes, and sample builds at their start.

    Args:
        organisation: Whose events these are.
        events: In fold order.
        catalog: The columns wanted.
        is_chosen: Tells of each build, in order, whether it is compared; endless.
        keep: Takes every version of every record, for the history.
        online: Publishes the versions and compares each sample, if given.
    """
    state = FeatureState(catalog)
    state.memory.watch()
    samples = []
    last: datetime | None = None
    for event in events:
        state.settle(event.known_at)
        changed = changed_records(state, organisation)
        keep(changed)
        if online is not None:
            online.publish(changed)
        if isinstance(event, BuildStarted) and next(is_chosen):
            row = state.row(event.build, event.known_at)
            sample = Sample(event.build, event.known_at, row)
            samples.append(sample)
            if online is not None:
                online.compare(sample)
        state.observe(event)
        last = event.known_at
    if last is not None:
        state.settle(last + MICROSECOND)
        keep(changed_records(state, organisation))
    return samples


class OnlineParity:
    """
    Compares samples with rows read online, at the moment of each one's start.

    Args:
        store: The online store.
        catalog: The columns compared.
        mark: What sets these records apart from those in use: it begins their keys.
    """

    def __init__(self, store: RecordStore, catalog: Catalog, mark: str) -> None:
        self._store = _Aside(store, mark)
        self._catalog = catalog
        self._waiting: dict[str, dict[str, StoredRecord]] = {}
        self._written: dict[str, dict[str, StoredRecord]] = {}
        self.found = Parity()

    def publish(self, changed: Named) -> None:
        """Take versions; the newest of each record is written before it is read."""
        for kind, records in changed.items():
            self._waiting.setdefault(kind, {}).update(records)

    def compare(self, sample: Sample) -> None:
        """Write what waits, read a sample's row, and compare."""
        self._store.write(self._waiting)
        for kind, records in self._waiting.items():
            self._written.setdefault(kind, {}).update(records)
        self._waiting = {}
        reading = read_row(self._store, self._catalog, sample.build, sample.as_of)
        self.found += compared(self._catalog, sample, reading.row)

    def clear(self) -> None:
        """Empty the records that were written: Feast removes none."""
        emptied = {
            kind: {
                key: StoredRecord(stamp + 1, b"") for key, (stamp, _) in records.items()
            }
            for kind, records in self._written.items()
        }
        self._store.write(emptied)


def compared(catalog: Catalog, sample: Sample, row: Row) -> Parity:
    """
    Compare a row with that of the replay; unknown is equal to unknown.

    >>> from breakcast.features.columns import catalog_of
    >>> from breakcast.history.events import BuildKey
    >>> noon = datetime.fromisoformat("2026-05-04T12:00Z")
    >>> build = Build(BuildKey("github", "acme/shop", "ci.yml", "7"))
    >>> catalog = catalog_of()
    >>> row = np.full(catalog.width, np.nan, np.float32)
    >>> compared(catalog, Sample(build, noon, row), row).differing
    0
    """
    expected = sample.row
    differs = ~((expected == row) | (np.isnan(expected) & np.isnan(row)))
    places = np.flatnonzero(differs)
    key = sample.build.key
    return Parity(
        builds=1,
        cells=len(row),
        differing=len(places),
        examples=tuple(
            Difference(
                key.repo,
                key.build_id,
                catalog.names[place],
                float(expected[place]),
                float(row[place]),
            )
            for place in places[:_EXAMPLES]
        ),
    )


class _Aside:
    """A store whose keys begin with a mark, so that they are nobody else's."""

    def __init__(self, store: RecordStore, mark: str) -> None:
        self._store = store
        self._mark = mark

    def read(self, wanted: Mapping[str, Sequence[str]]) -> Named:
        marked = {
            kind: [self._mark + key for key in keys] for kind, keys in wanted.items()
        }
        found = self._store.read(marked)
        return {
            kind: {
                key.removeprefix(self._mark): record for key, record in records.items()
            }
            for kind, records in found.items()
        }

    def write(self, changed: Named) -> None:
        self._store.write(
            {
                kind: {self._mark + key: record for key, record in records.items()}
                for kind, records in changed.items()
            }
        )

    def close(self) -> None:
        self._store.close()
