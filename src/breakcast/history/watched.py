"""
What monitoring keeps in the ledger's database: cursors, windows, reports.

What a payload holds is the monitoring room's; here it is bytes.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import told, writing
from breakcast.history.ledgerrows import microseconds, moment_of
from breakcast.history.ledgerschema import CURSORS, REPORTS, WINDOWS


def cursor_at(connection: Connection, name: str) -> int | None:
    """Read, within a transaction, how far somebody has come; None if nowhere yet."""
    query = select(CURSORS.c.position).where(CURSORS.c.name == name)
    return connection.execute(query).scalar_one_or_none()


def move_cursor(connection: Connection, name: str, position: int) -> None:
    """Say, within a transaction, how far somebody has come."""
    moved = update(CURSORS).where(CURSORS.c.name == name).values(position=position)
    if connection.execute(moved).rowcount == 0:
        connection.execute(insert(CURSORS).values(name=name, position=position))


def window_in(connection: Connection, subject: str, starts_at: int) -> bytes | None:
    """Read one window within a transaction; None if there is none."""
    query = select(WINDOWS.c.payload).where(
        WINDOWS.c.subject == subject, WINDOWS.c.starts_at == starts_at
    )
    return connection.execute(query).scalar_one_or_none()


def put_window(
    connection: Connection, subject: str, starts_at: int, payload: bytes
) -> None:
    """Put a window in its place within a transaction."""
    here = (WINDOWS.c.subject == subject, WINDOWS.c.starts_at == starts_at)
    placed = connection.execute(update(WINDOWS).where(*here).values(payload=payload))
    if placed.rowcount == 0:
        connection.execute(
            insert(WINDOWS).values(
                subject=subject, starts_at=starts_at, payload=payload
            )
        )


def windows_since(ledger: Ledger, subject: str, starts_at: int) -> list[bytes]:
    """
    Read windows from one on, in the order of time.

    Raises:
        LedgerError: If the database fails.
    """
    query = (
        select(WINDOWS.c.payload)
        .where(WINDOWS.c.subject == subject, WINDOWS.c.starts_at >= starts_at)
        .order_by(WINDOWS.c.starts_at)
    )
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        return list(connection.scalars(query))


class Kept(NamedTuple):
    """One report: when it was made, and what it holds."""

    at: datetime
    payload: bytes


class Reports:
    """
    Reports of one kind.

    Args:
        ledger: Open for as long as this is used.
        kind: Which.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> with Ledger.temporary() as ledger:
    ...     reports = Reports(ledger, "health")
    ...     reports.add(noon, b"well")
    ...     reports.last()
    Kept(at=datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.timezone.utc), \
payload=b'well')
    """

    def __init__(self, ledger: Ledger, kind: str) -> None:
        self._engine = ledger.engine
        self._kind = kind

    def add(
        self, at: datetime, payload: bytes, *, forget: datetime | None = None
    ) -> None:
        """
        Keep a report; of two at one time, the later one.

        Args:
            at: When it was made.
            payload: What it says.
            forget: Drop those made before this time.

        Raises:
            LedgerError: If the database fails.
        """
        columns = REPORTS.c
        of_kind = columns.kind == self._kind
        with writing(self._engine) as connection:
            connection.execute(
                delete(REPORTS).where(of_kind, columns.at == microseconds(at))
            )
            connection.execute(
                insert(REPORTS).values(
                    kind=self._kind, at=microseconds(at), payload=payload
                )
            )
            if forget is not None:
                connection.execute(
                    delete(REPORTS).where(of_kind, columns.at < microseconds(forget))
                )

    def last(self) -> Kept | None:
        """
        Read the newest report.

        Raises:
            LedgerError: If the database fails.
        """
        found = self._read(limit=1)
        return found[0] if found else None

    def since(self, at: datetime) -> list[Kept]:
        """
        Read the reports made at a time or later, the newest first.

        Raises:
            LedgerError: If the database fails.
        """
        return self._read(since=at)

    def _read(
        self, *, since: datetime | None = None, limit: int | None = None
    ) -> list[Kept]:
        columns = REPORTS.c
        query = (
            select(columns.at, columns.payload)
            .where(columns.kind == self._kind)
            .order_by(columns.at.desc())
            .limit(limit)
        )
        if since is not None:
            query = query.where(columns.at >= microseconds(since))
        with told(self._engine.url), self._engine.connect() as connection:
            found = connection.execute(query).all()
        return [Kept(moment_of(at), payload) for at, payload in found]
