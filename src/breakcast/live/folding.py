"""
One organisation's state, kept at the ledger's tail.

It starts from the newest snapshot and the facts added since. A late fact, one
that became known before facts already learnt, is no reason to read all of the
history again: the newest snapshot of facts known before it is.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from math import isfinite
from typing import NamedTuple

from sqlalchemy import Connection

from breakcast.errors import SnapshotError
from breakcast.features.catalog import Catalog
from breakcast.features.feed import Asked, Feed
from breakcast.features.records import all_records, changed_records
from breakcast.features.state import FeatureState
from breakcast.features.store import KINDS, StoredRecord
from breakcast.history.events import Event
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerrows import microseconds
from breakcast.history.snapshots import SavedState, SnapshotTable

SNAPSHOT_FACTS = 5_000
"""After so many facts a state is saved."""

Records = dict[str, dict[str, StoredRecord]]


class Learnt(NamedTuple):
    """A fact that has just been learnt, with the row it asked for."""

    fact: Event
    asked: Asked | None


class Fold:
    """
    An organisation's state under one catalog.

    Args:
        ledger: Open for as long as this is used.
        organisation: Whose facts.
        catalog: Which columns are read.
        guard: Raises, within a transaction, if this fold may not write any more.
    """

    def __init__(
        self,
        ledger: Ledger,
        organisation: str,
        catalog: Catalog,
        guard: Callable[[Connection], None],
    ) -> None:
        self._ledger = ledger
        self._snapshots = SnapshotTable(ledger)
        self._organisation = organisation
        self._catalog = catalog
        self._guard = guard
        self._unsaved = 0
        self._stamp = 0
        self._feed = self._begun()

    @property
    def state(self) -> FeatureState:
        """What is known, as of the last time it caught up."""
        return self._feed.state

    @property
    def is_due(self) -> bool:
        """Whether so much was learnt that the state should be kept."""
        return self._unsaved >= SNAPSHOT_FACTS

    def catch_up(self, until: int, *, now: datetime, since: datetime) -> list[Learnt]:
        """
        Learn what was added up to a position of the ledger.

        If this fails, the fold is of no further use: it may have learnt a part.

        Args:
            until: The position.
            now: The time.
            since: Facts known before need not be told.

        Returns:
            The facts, in the order they became known; after a late one, those
            learnt before are among them once more.

        Raises:
            LedgerError: If the ledger fails.
        """
        position = self.state.position
        with closing(self._ledger.events(self._organisation, position, until)) as added:
            first = next(added, None)
            if first is None:
                return []
            is_late = not self.state.follows(first.known_at)
            learnt = [] if is_late else self._learn(chain([first], added), since)
        if is_late:
            learnt = self._learn_again(first.known_at, until, since)
            # Records change without a newer fact: what was published before, perhaps
            # by another worker, has earlier stamps than this.
            self._stamp = max(self._stamp, microseconds(now))
        self.state.position = until
        return learnt

    def changed(self) -> Records:
        """Give the records that have changed since they were last given."""
        return self._stamped(changed_records(*self._named))

    def everything(self) -> Records:
        """Give all records."""
        return self._stamped(all_records(*self._named))

    def save(self) -> None:
        """
        Keep the state, if facts were learnt since it was last kept.

        Raises:
            LedgerError: If the ledger fails; Fenced if another owns this by now.
        """
        state = self.state
        if self._unsaved and isfinite(state.known_until):
            saved = SavedState(state.position, _moment(state), state.save())
            self._snapshots.save(
                self._organisation, self._catalog.hash, saved, self._guard
            )
        self._unsaved = 0

    @property
    def _named(self) -> tuple[FeatureState, str, int]:
        return self.state, self._organisation, self._stamp

    def _stamped(self, records: Records) -> Records:
        for stored in chain.from_iterable(kind.values() for kind in records.values()):
            self._stamp = max(self._stamp, stored.stamp)
        return records

    def _learn(self, facts: Iterable[Event], since: datetime) -> list[Learnt]:
        learnt = []
        for fact in facts:
            asked = self._feed.take(fact)
            self._unsaved += 1
            if fact.known_at >= since:
                learnt.append(Learnt(fact, asked))
        self.state.settle()
        return learnt

    def _learn_again(self, late: datetime, until: int, since: datetime) -> list[Learnt]:
        """Go back to before a late fact, and learn what became known from there on."""
        self._snapshots.drop(self._organisation, self._catalog.hash, late, self._guard)
        former = self.state.memory
        self._feed = self._begun(before=late)
        state = self.state
        known_after = _moment(state) if isfinite(state.known_until) else None
        facts = self._ledger.events(
            self._organisation, until=until, known_after=known_after
        )
        learnt = self._learn(facts, since)
        # What both learnt has changed in both. What one has dropped and the other has
        # not is beside it.
        for kind in KINDS:
            shelf = state.memory.shelves[kind]
            if shelf.changed is not None:
                shelf.changed |= shelf.keys() ^ former.shelves[kind].keys()
        return learnt

    def _begun(self, before: datetime | None = None) -> Feed:
        saved = self._snapshots.newest(
            self._organisation, self._catalog.hash, before=before
        )
        state = FeatureState(self._catalog)
        if saved is not None:
            try:
                state = FeatureState.load(saved.payload, self._catalog)
                state.position = saved.position
            except SnapshotError:
                # Of another version of this code: the ledger tells it all again.
                state = FeatureState(self._catalog)
        state.memory.watch()
        return Feed(state)


def _moment(state: FeatureState) -> datetime:
    return datetime.fromtimestamp(state.known_until, UTC)
