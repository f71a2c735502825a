"""Records on their way to a store: what could not be written is written later."""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from breakcast.errors import StoreError
from breakcast.features.records import pulse_of
from breakcast.features.store import PULSES, RecordStore, StoredRecord
from breakcast.live.folding import Fold, Records

PULSE_EVERY = timedelta(seconds=1)
"""So often a shard's pulse is written, whether anything has changed or not."""

_LOG = logging.getLogger("breakcast.publishing")


class Publisher:
    """
    Writes what has changed into a store.

    A store that has lost its records (a restarted Redis) has lost the pulses, too:
    then all records are written once more.

    Args:
        store: Where to; it is closed by whoever opened it.
    """

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._waiting: dict[str, dict[str, StoredRecord]] = {}
        self._published_at: datetime | None = None
        self._is_failing = False

    def add(self, changed: Iterable[Records]) -> None:
        """Take records to be written with the next pulse."""
        for records in changed:
            for kind, named in records.items():
                self._waiting.setdefault(kind, {}).update(named)

    def publish(
        self, shards: Collection[int], at: datetime, folds: Iterable[Fold]
    ) -> None:
        """
        Write what waits and, when it is time, the pulses of the shards.

        Pulses are looked for just before they are written, and never written
        otherwise: a store that has lost them is always found out.

        Args:
            shards: All that is known of their organisations at `at` is in what was
                added.
            at: When the ledger was looked at.
            folds: Their states, should the store have to be filled anew.
        """
        is_due = self._published_at is None or at - self._published_at >= PULSE_EVERY
        if not (is_due or self._waiting) or not shards:
            return
        try:
            if is_due and self._has_lost_its_pulses(shards):
                _LOG.info("the store lacks what is to be in it: all is written")
                self.add(fold.everything() for fold in folds)
            self._store.write(self._waiting)
            if is_due:
                # After the records they vouch for.
                self._store.write(pulse_of(shards, at))
                self._published_at = at
        except StoreError as error:
            if not self._is_failing:
                _LOG.error("records cannot be published, and wait: %s", error)
            self._is_failing = True
            return
        if self._is_failing:
            _LOG.info("records are published again")
        self._is_failing = False
        self._waiting = {}

    def _has_lost_its_pulses(self, shards: Collection[int]) -> bool:
        names = [str(shard) for shard in shards]
        found = self._store.read({PULSES: names}).get(PULSES, {})
        return len(found) < len(names)
