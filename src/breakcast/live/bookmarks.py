"""
How far a back-fill has come: which windows are in the ledger, and what is left.

Bookmarks lie in a small SQLite file of their own. They are written after the
facts are in the ledger, so that whatever interrupts leaves work undone, never
work forgotten; the file may be removed at any time, and all is read again.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec

from breakcast.errors import BadInput
from breakcast.history.events import BuildFinished
from breakcast.live.source import Detail, Window

BOOKMARKS_FILE = "backfill.db"
"""The file's name in BREAKCAST_HOME."""

_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS ledgers (
    ledger TEXT PRIMARY KEY, position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS windows (
    ledger TEXT, source TEXT, repo TEXT, since INTEGER, until INTEGER,
    PRIMARY KEY (ledger, source, repo, since)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS details (
    ledger TEXT, source TEXT, repo TEXT, build_id TEXT,
    attempts INTEGER NOT NULL, finished BLOB NOT NULL, is_read INTEGER NOT NULL,
    PRIMARY KEY (ledger, source, repo, build_id)
) WITHOUT ROWID;
"""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(BuildFinished)


class Bookmarks:
    """
    The bookmarks of one repository's back-fill into one ledger.

    Args:
        connection: The file, as `open` opened it.
        scope: The ledger's name, the source's and the repository's.
    """

    def __init__(self, connection: sqlite3.Connection, scope: Sequence[str]) -> None:
        self._connection = connection
        self._scope = tuple(scope)

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, *, ledger: str, position: int, source: str, repo: str
    ) -> Iterator[Self]:
        """
        Open the file, making it first where there is none.

        Args:
            path: The file.
            ledger: A name for the ledger, without secrets.
            position: Its position now. If it was further when a bookmark was last
                set, it is another ledger under this name, and they are forgotten.
            source: The provider.
            repo: `owner/name`.

        Raises:
            BadInput: If the file cannot be used.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            with closing(
                sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            ) as connection:
                connection.executescript(_SCHEMA)
                marks = cls(connection, (ledger, source, repo))
                marks._forget_another(position)
                yield marks
        except sqlite3.Error as error:
            raise _unusable(path, error) from error

    def gaps(self, window: Window) -> list[Window]:
        """Give the parts of a window that are not in the ledger, newest first."""
        rows = self._connection.execute(
            "SELECT since, until FROM windows WHERE ledger = ? AND source = ? "
            "AND repo = ? AND until > ? AND since < ? ORDER BY since",
            (*self._scope, _stored(window.since), _stored(window.until)),
        )
        gaps = []
        reached = window.since
        for since, until in rows:
            if _moment(since) > reached:
                gaps.append(Window(reached, _moment(since)))
            reached = max(reached, _moment(until))
        if reached < window.until:
            gaps.append(Window(reached, window.until))
        return gaps[::-1]

    def set(
        self, window: Window | None, details: Iterable[Detail], position: int
    ) -> None:
        """
        Note what is in the ledger now, and what is still to be asked.

        Args:
            window: What need not be listed again; None if all of it must.
            details: Builds to ask more about; those asked about already, with as
                many attempts, stay so.
            position: The ledger's position.
        """
        with self._writing():
            if window is not None:
                self._connection.execute(
                    "INSERT INTO windows VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
                    "SET until = max(until, excluded.until)",
                    (*self._scope, _stored(window.since), _stored(window.until)),
                )
            self._connection.executemany(
                "INSERT INTO details VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO "
                "UPDATE SET attempts = excluded.attempts, is_read = 0, "
                "finished = excluded.finished WHERE excluded.attempts > attempts",
                [
                    (
                        *self._scope,
                        one.build_id,
                        one.attempts,
                        _ENCODER.encode(one.finished),
                    )
                    for one in details
                ],
            )
            self._note(position)

    def waiting(self, limit: int) -> list[Detail]:
        """
        Give builds still to be asked about, at most so many, newest first.

        Those with earlier attempts come before the others: they hide failures
        that no list shows.
        """
        rows = self._connection.execute(
            "SELECT finished FROM details WHERE ledger = ? "
            "AND source = ? AND repo = ? AND is_read = 0 "
            "ORDER BY attempts = 1, length(build_id) DESC, build_id DESC LIMIT ?",
            (*self._scope, limit),
        )
        return [Detail(_DECODER.decode(finished)) for (finished,) in rows]

    def count_waiting(self) -> int:
        """Count the builds still to be asked about."""
        rows = self._connection.execute(
            "SELECT count(*) FROM details WHERE ledger = ? AND source = ? "
            "AND repo = ? AND is_read = 0",
            self._scope,
        )
        (count,) = next(rows)
        return int(count)

    def set_read(self, details: Iterable[Detail], position: int) -> None:
        """Note that what was asked about builds is in the ledger, at this position."""
        with self._writing():
            self._connection.executemany(
                "UPDATE details SET is_read = 1 WHERE ledger = ? AND source = ? "
                "AND repo = ? AND build_id = ? AND attempts = ?",
                [(*self._scope, one.build_id, one.attempts) for one in details],
            )
            self._note(position)

    def _forget_another(self, position: int) -> None:
        ledger = self._scope[:1]
        with self._writing():
            rows = self._connection.execute(
                "SELECT position FROM ledgers WHERE ledger = ?", ledger
            )
            if any(noted > position for (noted,) in rows):
                for table in ("windows", "details", "ledgers"):
                    self._connection.execute(
                        f"DELETE FROM {table} WHERE ledger = ?",  # noqa: S608 - named above
                        ledger,
                    )

    def _note(self, position: int) -> None:
        self._connection.execute(
            "INSERT INTO ledgers VALUES (?, ?) ON CONFLICT DO UPDATE "
            "SET position = max(position, excluded.position)",
            (self._scope[0], position),
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _unusable(path: Path, error: Exception) -> BadInput:
    return BadInput(
        f"the back-fill's bookmarks {path} cannot be used: {error}; remove the file, "
        "and all is read again"
    )


def _stored(at: datetime) -> int:
    return int(at.timestamp())


def _moment(stored: int) -> datetime:
    return datetime.fromtimestamp(stored, UTC)
