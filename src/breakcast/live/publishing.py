"""
Records on their way to a store: what could not be written is written later.

A store may lose what was written: a Redis without persistence is restarted, a file
is restored, a power cut takes the last second. So each shard has a mark, written
only after all its records, and a pulse, written every second after the records it
vouches for. Where the mark is missing, or the pulse is older than the last one, all
records of the shard are written again.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from breakcast.errors import StoreError
from breakcast.features.catalog import Catalog
from breakcast.features.records import (
    head_key,
    mark_of,
    position_of,
    pulse_of,
    shard_key,
)
from breakcast.features.store import (
    HEADS,
    MARKS,
    PULSES,
    RecordStore,
    StoredRecord,
    shard_of,
)
from breakcast.history.ledgerrows import moment_of
from breakcast.live.folding import Fold, Records

PULSE_EVERY = timedelta(seconds=1)
"""So often pulses are written, whether anything has changed or not."""

_LOG = logging.getLogger("breakcast.publishing")


class Published(NamedTuple):
    """
    What a store may hold of an organisation.

    Attributes:
        position: The ledger's position up to which facts may be in its records.
        stamp: The newest stamp among them.
        until: All facts known by then are in them; None if some may be missing.
    """

    position: int = 0
    stamp: int = 0
    until: datetime | None = None


class Publisher:
    """
    Writes what has changed into a store.

    Args:
        store: Where to; it is closed by whoever opened it.
    """

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._waiting: dict[str, dict[str, StoredRecord]] = {}
        self._published_at: datetime | None = None
        self._pulses: dict[str, int] = {}
        self._is_failing = False

    def published(self, organisation: str, catalog: Catalog) -> "Published":
        """Tell what the store may hold of an organisation, before this adds to it."""
        name = shard_key(shard_of(organisation), catalog)
        own = head_key(organisation, catalog)
        try:
            found = self._store.read({PULSES: [name], MARKS: [name], HEADS: [own]})
            head = found.get(HEADS, {}).get(own)
            position = 0 if head is None else position_of(head)
        except StoreError as error:
            self._tell(str(error))
            return Published()
        stamp = 0 if head is None else head.stamp
        until = None
        if found.get(MARKS) and found.get(PULSES):
            until = moment_of(found[PULSES][name].stamp)
        return Published(position, stamp, until)

    def add(self, records: Records) -> None:
        """Take records to be written; of two versions of one the newer stays."""
        for kind, named in records.items():
            waiting = self._waiting.setdefault(kind, {})
            for name, stored in named.items():
                if name not in waiting or waiting[name].stamp <= stored.stamp:
                    waiting[name] = stored

    def publish(
        self,
        shards: Collection[int],
        catalogs: Collection[Catalog],
        at: datetime,
        folds: Iterable[tuple[int, Fold]],
        *,
        is_last: bool = False,
    ) -> bool:
        """
        Write what waits and, when it is time, the pulses.

        Args:
            shards: All that the ledger held of them at `at` is in what was added.
            catalogs: Those the records are read under.
            at: When the ledger was looked at.
            folds: Their states, each with its shard, should any be written anew.
            is_last: Whether it is time in any case.

        Returns:
            Whether the store now holds all that was known at `at`, and says so.
        """
        is_due = is_last or self._is_time(at)
        if not shards or not (is_due or self._waiting):
            return False
        try:
            lost = self._lost(shards, catalogs) if is_due else set()
            if lost:
                _LOG.info("the store lacks records: those of %d shards", len(lost))
                for shard, fold in folds:
                    if shard_key(shard, fold.catalog) in lost:
                        self.add(fold.everything())
            # Heads first: what they speak of may be written from then on.
            heads = {HEADS: self._waiting.get(HEADS, {})}
            self._store.write({**heads, **self._waiting})
            if is_due:
                # After the records they vouch for.
                self._vouch(shards, catalogs, at, lost)
        except StoreError as error:
            self._tell(str(error))
            return False
        self._tell("")
        self._waiting = {}
        return is_due

    def _is_time(self, at: datetime) -> bool:
        return self._published_at is None or at - self._published_at >= PULSE_EVERY

    def _lost(self, shards: Collection[int], catalogs: Collection[Catalog]) -> set[str]:
        """Name the shards whose records the store may not hold."""
        names = [shard_key(shard, one) for shard in shards for one in catalogs]
        found = self._store.read({PULSES: names, MARKS: names})
        pulses, marks = found.get(PULSES, {}), found.get(MARKS, {})
        return {
            name
            for name in names
            if name not in marks
            or name not in pulses
            or pulses[name].stamp < self._pulses.get(name, 0)
        }

    def _vouch(
        self,
        shards: Collection[int],
        catalogs: Collection[Catalog],
        at: datetime,
        lost: Collection[str],
    ) -> None:
        for catalog in catalogs:
            filled = [one for one in shards if shard_key(one, catalog) in lost]
            if filled:
                self._store.write(mark_of(filled, catalog, at))
            pulses = pulse_of(shards, catalog, at)
            self._store.write(pulses)
            self._pulses |= {name: one.stamp for name, one in pulses[PULSES].items()}
        self._published_at = at

    def _tell(self, trouble: str) -> None:
        """Log a trouble once, and once more when it is over."""
        if trouble and not self._is_failing:
            _LOG.error("records cannot be published, and wait: %s", trouble)
        elif self._is_failing and not trouble:
            _LOG.info("records are published again")
        self._is_failing = bool(trouble)
