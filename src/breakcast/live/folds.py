"""All states of a worker's organisations: begun, kept at the tail, published, saved."""

from collections.abc import Collection, Iterator
from datetime import datetime

from breakcast.errors import Fenced
from breakcast.features.catalog import Catalog
from breakcast.features.store import shard_of
from breakcast.history.ledger import Guard, Ledger
from breakcast.live.folding import Fold, Learnt
from breakcast.live.publishing import Publisher


class Folds:
    """
    The states by organisation, one for each catalog that is followed.

    Args:
        ledger: Open for as long as this is used.
        publisher: Publishes their records; None publishes none.
    """

    def __init__(self, ledger: Ledger, publisher: Publisher | None) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._folds: dict[str, dict[str, Fold]] = {}
        self._catalogs = dict[str, Catalog]()

    def follow(self, catalogs: Collection[Catalog]) -> bool:
        """Keep states under these catalogs; whether one of them is new."""
        former = self._catalogs.keys()
        self._catalogs = {catalog.hash: catalog for catalog in catalogs}
        return bool(self._catalogs.keys() - former)

    def catch_up(
        self,
        organisation: str,
        until: int,
        *,
        now: datetime,
        since: datetime,
        guard: Guard,
    ) -> dict[str, list[Learnt]]:
        """
        Bring an organisation's states up to a position of the ledger.

        Args:
            organisation: Whose.
            until: The position.
            now: The time.
            since: Facts known before need not be told.
            guard: Raises, within a transaction, if they are another worker's by now.

        Returns:
            The facts learnt, by the hash of the catalog.

        Raises:
            LedgerError: If the ledger fails; the states are to be dropped then.
        """
        folds = self._folds.setdefault(organisation, {})
        for given_up in folds.keys() - self._catalogs.keys():
            del folds[given_up]
        learnt = {}
        for name, catalog in self._catalogs.items():
            if name not in folds:
                folds[name] = self._begun(organisation, catalog, now, guard)
            learnt[name] = folds[name].catch_up(until, now=now, since=since)
        return learnt

    def offer(self, organisation: str) -> None:
        """Give what has changed in an organisation's states to be published."""
        if self._publisher is not None:
            for fold in self._folds.get(organisation, {}).values():
                self._publisher.add(fold.changed())

    def publish(
        self, shards: Collection[int], now: datetime, *, is_last: bool = False
    ) -> list[int]:
        """
        Publish and, once the store holds all of it, keep the states that are due.

        Args:
            shards: Those of whose organisations all is learnt that is known.
            now: The time they were looked at.
            is_last: Whether nothing comes after.

        Returns:
            The shards that turned out to be another worker's.

        Raises:
            LedgerError: If a state cannot be kept.
        """
        if self._publisher is not None and not self._publisher.publish(
            shards, self._catalogs.values(), now, self._by_shard(), is_last=is_last
        ):
            return []
        lost = []
        for shard, fold in list(self._by_shard()):
            if fold.is_due or is_last:
                try:
                    fold.save()
                except Fenced:
                    lost.append(shard)
        return lost

    def drop(self, organisation: str) -> None:
        """Forget an organisation's states; they are begun anew when next asked for."""
        self._folds.pop(organisation, None)

    def lose(self, shard: int) -> None:
        """Forget the states of a shard that is another worker's."""
        for organisation in list(self._folds):
            if shard_of(organisation) == shard:
                del self._folds[organisation]

    def _begun(
        self, organisation: str, catalog: Catalog, now: datetime, guard: Guard
    ) -> Fold:
        """Begin a state where the one before it, in whichever worker, has ended."""
        fold = Fold(self._ledger, organisation, catalog, guard=guard, now=now)
        if self._publisher is None:
            return fold
        position, stamp, until = self._publisher.published(organisation, catalog)
        fold.watch(stamp)
        known = fold.known_until
        if known is not None and (until is None or until < known):
            # What the snapshot holds may never have got there.
            self._publisher.add(fold.everything())
        # First what is published already: a late fact that came since changes it.
        fold.catch_up(position, now=now, since=now)
        return fold

    def _by_shard(self) -> Iterator[tuple[int, Fold]]:
        for organisation, folds in self._folds.items():
            shard = shard_of(organisation)
            for fold in folds.values():
                yield shard, fold
