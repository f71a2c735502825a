"""Parity of the past: rows read off the records' history are those of the replay."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from breakcast.adapters.feast.naming import join_key
from breakcast.adapters.feast.offline import Asked
from breakcast.adapters.feast.parity import Parity, Sample, compared
from breakcast.errors import StoreError
from breakcast.features.catalog import Catalog
from breakcast.features.records import read_row
from breakcast.features.state import Row
from breakcast.features.store import Named, StoredRecord

# Of one join: versions of records that it holds in memory, some 300 bytes each.
_JOINED = 4_000_000
# A build's records that change with every build of its organisation.
_BUSY_RECORDS = 8
_SAMPLES = 500


class History(Protocol):
    """Records as they were: `offline.HistoricalRecords`, or what stands for it."""

    def read(self, asked: Sequence[Asked]) -> Mapping[Asked, bytes | None]:
        """Read records; None where there was none yet."""
        ...


def offline_parity(
    samples: Sequence[Sample],
    catalog: Catalog,
    history: History,
    builds: int,
) -> Parity:
    """
    Compare samples with rows read off the history.

    Args:
        samples: Builds of one organisation.
        catalog: The columns compared.
        history: Where their records were written.
        builds: How many builds the organisation has: the versions of its busiest
            records, all of which take part in a join, are twice as many.
    """
    at_once = min(_SAMPLES, max(1, _JOINED // (_BUSY_RECORDS * 2 * builds)))
    found = Parity()
    for first in range(0, len(samples), at_once):
        for sample, row in _read_together(
            samples[first : first + at_once], catalog, history
        ):
            found += compared(catalog, sample, row)
    return found


def _read_together(
    samples: Sequence[Sample], catalog: Catalog, history: History
) -> list[tuple[Sample, Row]]:
    """
    Read many builds' rows with few joins.

    What a build needs next may follow from what it has read: each is read as far as
    what is known allows, then what all of them lack is joined at once.
    """
    known: dict[Asked, bytes | None] = {}
    rows: list[tuple[Sample, Row]] = []
    waiting = list(samples)
    while waiting:
        lacking: dict[Asked, None] = {}
        held_up = []
        for sample in waiting:
            store = _Known(known, sample.as_of)
            try:
                reading = read_row(store, catalog, sample.build, sample.as_of)
            except _Lacks:
                lacking.update(dict.fromkeys(store.lacking))
                held_up.append(sample)
            else:
                rows.append((sample, reading.row))
        if lacking:
            known |= history.read(list(lacking))
        waiting = held_up
    return rows


class _Lacks(StoreError):
    """What was asked for has not been joined yet."""


class _Known:
    """The records known of one as-of, as a store that may lack some."""

    def __init__(self, known: Mapping[Asked, bytes | None], as_of: datetime) -> None:
        self._known = known
        self._as_of = as_of
        self.lacking: list[Asked] = []

    def read(self, wanted: Mapping[str, Sequence[str]]) -> Named:
        found: dict[str, dict[str, StoredRecord]] = {}
        for kind, keys in wanted.items():
            for key in keys:
                asked = Asked(join_key(kind, key), self._as_of)
                if asked not in self._known:
                    self.lacking.append(asked)
                    continue
                record = self._known[asked]
                if record is not None:
                    # Its time is not part of a join's answer; it is before the as-of.
                    found.setdefault(kind, {})[key] = StoredRecord(0, record)
        if self.lacking:
            message = f"{len(self.lacking)} records are still to be joined"
            raise _Lacks(message)
        return found

    def write(self, changed: Named) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Hold nothing open."""
