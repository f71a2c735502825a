"""
What was said, kept beside the facts: rows under what an outcome is joined by.

What a row holds is the serving room's; here it is bytes.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, exists, insert, or_, select

from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import told, writing
from breakcast.history.ledgerrows import microseconds
from breakcast.history.ledgerschema import JOURNAL

_READ_ROWS = 2_000
# A SHA-256 in hex digits.
_LONGEST_COMMIT_BYTES = 64
_JOIN = (JOURNAL.c.source, JOURNAL.c.repo, JOURNAL.c.pipeline, JOURNAL.c.attempt)


class SaidRow(NamedTuple):
    """One answer: the attempt it is about, its as-of, and the rest as bytes."""

    source: str
    repo: str
    pipeline: str
    commit_sha: str | None
    attempt: int
    as_of: datetime
    payload: bytes


def add_rows(connection: Connection, rows: Sequence[SaidRow]) -> None:
    """Add answers within a transaction, in the order they were given."""
    values = [
        {
            **row._asdict(),
            "commit_sha": _indexed(row.commit_sha),
            "as_of": microseconds(row.as_of),
        }
        for row in rows
    ]
    connection.execute(insert(JOURNAL), values)


def _indexed(commit_sha: str | None) -> str | None:
    """Cut what is no commit's name, but could be asked about: an index has limits."""
    if commit_sha is None:
        return None
    return commit_sha.encode()[:_LONGEST_COMMIT_BYTES].decode(errors="ignore")


class JournalTable:
    """
    The journal's rows in a ledger's database.

    Args:
        ledger: Open for as long as this is used.

    >>> from datetime import UTC
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> row = SaidRow("github", "acme/shop", "ci", "c0ffee", 1, at, b"said")
    >>> with Ledger.temporary() as ledger:
    ...     table = JournalTable(ledger)
    ...     table.add([row, row])
    ...     list(table.rows())
    [(1, b'said', True), (2, b'said', False)]
    """

    def __init__(self, ledger: Ledger) -> None:
        self._engine = ledger.engine

    def add(self, rows: Sequence[SaidRow]) -> None:
        """
        Add answers in the order they were given, all or none.

        Raises:
            LedgerError: If the database fails; nothing of this call is kept.
        """
        if rows:
            with writing(self._engine) as connection:
                add_rows(connection, rows)

    def rows(self, after: int = 0) -> Iterator[tuple[int, bytes, bool]]:
        """
        Read answers in the order they were written.

        Args:
            after: Only those after this position.

        Returns:
            Each answer's position, its payload, and whether its attempt had been
            shown none before: only the first counts.

        Raises:
            LedgerError: If the database fails.
        """
        earlier = JOURNAL.alias()
        sha, earlier_sha = JOURNAL.c.commit_sha, earlier.c.commit_sha
        is_earlier = and_(
            earlier.c.id < JOURNAL.c.id,
            *(earlier.c[column.name] == column for column in _JOIN),
        )
        # Unknown commits are equal as well. Asked apart: PostgreSQL has no index for
        # IS NOT DISTINCT FROM.
        shown_before = or_(
            exists().where(is_earlier, earlier_sha == sha),
            and_(sha.is_(None), exists().where(is_earlier, earlier_sha.is_(None))),
        )
        query = (
            select(JOURNAL.c.id, JOURNAL.c.payload, ~shown_before)
            .where(JOURNAL.c.id > after)
            .order_by(JOURNAL.c.id)
        )
        with (
            told(self._engine.url),
            self._engine.connect() as connection,
            connection.execution_options(yield_per=_READ_ROWS).execute(query) as found,
        ):
            for position, payload, is_first in found:
                yield position, payload, bool(is_first)
