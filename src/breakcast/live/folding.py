"""
One organisation's state, kept at the ledger's tail.

It starts from the newest snapshot and the facts added since. A late fact, one
that became known before facts already learnt, is no reason to read all of the
history again: the newest snapshot of facts known before it is.
"""

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from math import isfinite
from typing import NamedTuple, TypeAlias

from breakcast.errors import SnapshotError
from breakcast.features.catalog import Catalog
from breakcast.features.feed import Asked, Feed
from breakcast.features.packing import packed
from breakcast.features.records import all_records, changed_records, head_of
from breakcast.features.state import FeatureState
from breakcast.features.store import KINDS, StoredRecord
from breakcast.history.events import Event
from breakcast.history.ledger import Guard, Ledger
from breakcast.history.ledgerrows import microseconds
from breakcast.history.snapshots import SavedState, SnapshotTable

SNAPSHOT_FACTS = 5_000
"""After so many facts a state is saved."""

Records: TypeAlias = dict[str, dict[str, StoredRecord]]
"""Records by kind and full key."""

_EVER = datetime(1, 1, 1, tzinfo=UTC)


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
        now: The time.
    """

    def __init__(
        self,
        ledger: Ledger,
        organisation: str,
        catalog: Catalog,
        *,
        guard: Guard,
        now: datetime,
    ) -> None:
        self.catalog = catalog
        self._ledger = ledger
        self._snapshots = SnapshotTable(ledger)
        self._organisation = organisation
        self._guard = guard
        self._unsaved = 0
        self._stamp = microseconds(now)
        self._feed = self._begun()

    @property
    def state(self) -> FeatureState:
        """What is known, as of the last time it caught up."""
        return self._feed.state

    @property
    def known_until(self) -> datetime | None:
        """When the newest fact it has learnt became known; None if there is none."""
        if not isfinite(self.state.known_until):
            return None
        return datetime.fromtimestamp(self.state.known_until, UTC)

    @property
    def is_due(self) -> bool:
        """Whether so much was learnt that the state should be kept."""
        return self._unsaved >= SNAPSHOT_FACTS

    def watch(self, stamp: int) -> None:
        """Note from now on which records change, to be newer than any before."""
        self.state.memory.watch()
        self._stamp = max(self._stamp, stamp)

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
            # Records change without a newer fact.
            self._stamp = max(self._stamp, microseconds(now))
        self.state.position = until
        return learnt

    def changed(self) -> Records:
        """Give the records that have changed since they were last given."""
        return self._headed(
            changed_records(self.state, self._organisation, self._stamp)
        )

    def everything(self) -> Records:
        """Give all records."""
        return self._headed(all_records(self.state, self._organisation, self._stamp))

    def save(self) -> None:
        """
        Keep the state, if facts were learnt since it was last kept.

        Raises:
            LedgerError: If the ledger fails; Fenced if another owns this by now.
        """
        if self._unsaved and self.known_until is not None:
            position, saved = self.state.position, self._feed.save()
            self._snapshots.save(
                self._organisation,
                self.catalog.hash,
                SavedState(position, self.known_until, saved),
                self._guard,
            )
        self._unsaved = 0

    def _headed(self, records: Records) -> Records:
        """Note the newest stamp, and say before the records how far they go."""
        for stored in chain.from_iterable(kind.values() for kind in records.values()):
            self._stamp = max(self._stamp, stored.stamp)
        if not records:
            return records
        position = self.state.position
        head = head_of(self._organisation, self.catalog, position, self._stamp)
        return {**head, **records}

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
        self._drop_snapshots(late)
        former = self.state.memory
        self._feed = self._begun(before=late)
        facts = self._ledger.events(
            self._organisation, until=until, known_after=self.known_until
        )
        learnt = self._learn(facts, since)
        # The late fact may have led later ones to other records than before.
        for kind in KINDS:
            before, after = former.shelves[kind], self.state.memory.shelves[kind]
            if before.changed is not None:
                after.changed = before.changed | {
                    key
                    for key in before.keys() | after.keys()
                    if packed(before.get(key)) != packed(after.get(key))
                }
        return learnt

    def _begun(self, before: datetime | None = None) -> Feed:
        saved = self._snapshots.newest(
            self._organisation, self.catalog.hash, before=before
        )
        if saved is not None:
            try:
                feed = Feed.load(saved.payload, self.catalog)
            except SnapshotError:
                # Of another version of this code: the ledger tells it all again.
                self._drop_snapshots(_EVER)
            else:
                feed.state.position = saved.position
                return feed
        return Feed(FeatureState(self.catalog))

    def _drop_snapshots(self, since: datetime) -> None:
        self._snapshots.drop(self._organisation, self.catalog.hash, since, self._guard)
