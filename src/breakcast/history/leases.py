"""
Which worker owns which organisations: leases on shards, each with an epoch.

A worker that was gone for too long loses its shards to others, and may not know
it. So every lease has an epoch that grows with each new owner, and whatever an
owner writes first checks, in the same transaction, that its epoch is still the
last one.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from breakcast.errors import Fenced
from breakcast.history.ledger import Guard, Ledger
from breakcast.history.ledgerengine import told, writing
from breakcast.history.ledgerrows import microseconds
from breakcast.history.ledgerschema import LEASES, WORKERS

_NOBODY = ""


def workers_since(ledger: Ledger, at: datetime) -> list[str]:
    """Name the workers that were seen since then, sorted; nothing is changed."""
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        seen = select(WORKERS.c.name).where(WORKERS.c.seen_at >= microseconds(at))
        return sorted(connection.scalars(seen))


class Leases:
    """
    One worker's leases in a ledger's database.

    Args:
        ledger: Open for as long as this is used.
        name: The worker's, unlike any other's.
        shards: How many shards there are.
        seconds: How long a lease holds without being renewed.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> with Ledger.temporary() as ledger:
    ...     one = Leases(ledger, "one", shards=4, seconds=10)
    ...     two = Leases(ledger, "two", shards=4, seconds=10)
    ...     one.renew(noon)
    ...     two.renew(noon)
    ...     sorted(one.renew(noon)), sorted(two.renew(noon))
    {0: 1, 1: 1, 2: 1, 3: 1}
    {}
    ([0, 2], [1, 3])
    """

    def __init__(
        self, ledger: Ledger, name: str, *, shards: int, seconds: float
    ) -> None:
        self._engine = ledger.engine
        self._name = name
        self._shards = shards
        self._length = timedelta(seconds=seconds)

    def renew(self, now: datetime) -> dict[int, int]:
        """
        Say that this worker is there; renew, take and give up shards.

        Shards are dealt to the workers seen lately, in the order of their names. A
        shard that falls to another is given up, and free from then on.

        Returns:
            The epoch of every shard that is this worker's own.

        Raises:
            LedgerError: If the database fails; nothing has changed then.
        """
        with writing(self._engine) as connection:
            dealt = self._dealt(connection, now)
            held: dict[int, int] = {}
            for shard, (holder, epoch, expires_at) in self._found(connection).items():
                is_mine = holder == self._name
                if shard in dealt:
                    if is_mine or expires_at <= microseconds(now):
                        held[shard] = epoch if is_mine else epoch + 1
                        self._put(connection, shard, held[shard], now + self._length)
                elif is_mine:
                    self._give_up(connection, [shard])
            return held

    def release(self) -> None:
        """
        Give all shards up and leave, so that others need not wait.

        Raises:
            LedgerError: If the database fails: the leases end by themselves then.
        """
        with writing(self._engine) as connection:
            self._give_up(connection, range(self._shards))
            connection.execute(delete(WORKERS).where(WORKERS.c.name == self._name))

    def guard(self, shard: int, epoch: int) -> Guard:
        """
        Give what refuses to go on, within a transaction, if a shard has a new owner.

        The function it gives raises Fenced.
        """

        def check(connection: Connection) -> None:
            query = select(LEASES.c.holder, LEASES.c.epoch).where(
                LEASES.c.shard == shard
            )
            found = connection.execute(query).one_or_none()
            if found is None or tuple(found) != (self._name, epoch):
                message = (
                    f"shard {shard} is no longer {self._name}'s at epoch {epoch}; "
                    "what it was about to write is the new owner's to write"
                )
                raise Fenced(message)

        return check

    def _dealt(self, connection: Connection, now: datetime) -> set[int]:
        """Say which shards fall to this worker, of all that were seen lately."""
        seen_at = microseconds(now)
        workers = WORKERS.c
        here = update(WORKERS).where(workers.name == self._name)
        if connection.execute(here.values(seen_at=seen_at)).rowcount == 0:
            connection.execute(insert(WORKERS).values(name=self._name, seen_at=seen_at))
        gone = microseconds(now - self._length)
        connection.execute(delete(WORKERS).where(workers.seen_at < gone))
        names = sorted(connection.scalars(select(workers.name)))
        return set(range(names.index(self._name), self._shards, len(names)))

    def _found(self, connection: Connection) -> Mapping[int, tuple[str, int, int]]:
        found = {
            shard: (holder, epoch, expires_at)
            for shard, holder, epoch, expires_at in connection.execute(select(LEASES))
        }
        missing = [shard for shard in range(self._shards) if shard not in found]
        for shard in missing:
            free = {"holder": _NOBODY, "epoch": 0, "expires_at": 0}
            connection.execute(insert(LEASES).values(shard=shard, **free))
            found[shard] = (_NOBODY, 0, 0)
        return found

    def _put(
        self, connection: Connection, shard: int, epoch: int, until: datetime
    ) -> None:
        connection.execute(
            update(LEASES)
            .where(LEASES.c.shard == shard)
            .values(holder=self._name, epoch=epoch, expires_at=microseconds(until))
        )

    def _give_up(self, connection: Connection, shards: Iterable[int]) -> None:
        connection.execute(
            update(LEASES)
            .where(LEASES.c.shard.in_(list(shards)), LEASES.c.holder == self._name)
            .values(holder=_NOBODY, expires_at=0)
        )
