"""
Saved states beside the facts they are made of, so that a start need not read all.

What a state is, is the features room's; here it is bytes.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, insert, select

from breakcast.history.ledger import Guard, Ledger
from breakcast.history.ledgerengine import told, writing
from breakcast.history.ledgerrows import microseconds, moment_of
from breakcast.history.ledgerschema import SNAPSHOTS

KEPT = 3
"""So many states are kept of one organisation, the newest ones."""


class SavedState(NamedTuple):
    """
    A state of one organisation.

    Attributes:
        position: The ledger's position it has come to …
        known_until: … and when the newest fact in it became known.
        payload: The state.
    """

    position: int
    known_until: datetime
    payload: bytes


class SnapshotTable:
    """
    Saved states in a ledger's database.

    Args:
        ledger: Open for as long as this is used.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> with Ledger.temporary() as ledger:
    ...     table = SnapshotTable(ledger)
    ...     table.save("acme", "9f", SavedState(7, noon, b"state"), lambda _: None)
    ...     table.newest("acme", "9f")[0], table.newest("acme", "9f", before=noon)
    (7, None)
    """

    def __init__(self, ledger: Ledger) -> None:
        self._engine = ledger.engine

    def save(
        self,
        organisation: str,
        catalog: str,
        saved: SavedState,
        guard: Guard,
    ) -> None:
        """
        Keep a state; the oldest of its organisation go.

        Args:
            organisation: Whose.
            catalog: The hash of the catalog it was made under.
            saved: The state.
            guard: Raises if the writer may not write any more.

        Raises:
            LedgerError: If the database fails.
        """
        columns = SNAPSHOTS.c
        known_until = microseconds(saved.known_until)
        own = (columns.organisation == organisation, columns.catalog == catalog)
        with writing(self._engine) as connection:
            guard(connection)
            connection.execute(
                delete(SNAPSHOTS).where(*own, columns.known_until == known_until)
            )
            connection.execute(
                insert(SNAPSHOTS).values(
                    organisation=organisation,
                    catalog=catalog,
                    position=saved.position,
                    known_until=known_until,
                    payload=saved.payload,
                )
            )
            kept = (
                select(columns.known_until)
                .where(*own)
                .order_by(columns.known_until.desc())
                .limit(KEPT)
            )
            oldest = min(connection.scalars(kept))
            connection.execute(
                delete(SNAPSHOTS).where(*own, columns.known_until < oldest)
            )

    def newest(
        self, organisation: str, catalog: str, *, before: datetime | None = None
    ) -> SavedState | None:
        """
        Find the newest state; only one of facts known before a time, if one is given.

        Raises:
            LedgerError: If the database fails.
        """
        columns = SNAPSHOTS.c
        query = (
            select(columns.position, columns.known_until, columns.payload)
            .where(columns.organisation == organisation, columns.catalog == catalog)
            .order_by(columns.known_until.desc())
            .limit(1)
        )
        if before is not None:
            query = query.where(columns.known_until < microseconds(before))
        with told(self._engine.url), self._engine.connect() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            return None
        return SavedState(found[0], moment_of(found[1]), found[2])

    def drop(
        self,
        organisation: str,
        catalog: str,
        since: datetime,
        guard: Guard,
    ) -> None:
        """
        Drop the states of facts known at a time or later: they lack a late one.

        Raises:
            LedgerError: If the database fails.
        """
        columns = SNAPSHOTS.c
        with writing(self._engine) as connection:
            guard(connection)
            connection.execute(
                delete(SNAPSHOTS).where(
                    columns.organisation == organisation,
                    columns.catalog == catalog,
                    columns.known_until >= microseconds(since),
                )
            )
