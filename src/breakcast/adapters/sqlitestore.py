"""SQLite: a store of records in a file, for the processes of one machine."""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from breakcast.errors import StoreError
from breakcast.features.store import Named, StoredRecord

_BUSY_SECONDS = 10
_SEPARATOR = "\x1f"
_CACHE_KIB = 32_768
# SQLite takes 32,766 parameters; no build needs as many records.
_READ_AT_ONCE = 10_000

_TABLE = """
CREATE TABLE IF NOT EXISTS records (
    name TEXT PRIMARY KEY, stamp INTEGER NOT NULL, record BLOB NOT NULL
) WITHOUT ROWID
"""
_WRITE = """
INSERT INTO records VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET stamp = excluded.stamp, record = excluded.record
WHERE excluded.stamp >= stamp
"""


class SqliteStore:
    """
    Records in one SQLite file; safe to share between threads and processes.

    Args:
        path: The file; it is made, with its folder, where there is none.

    Raises:
        StoreError: If it cannot be opened.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqliteStore(Path(folder) / "records.db")
    ...     store.write({"tracks": {"acme": StoredRecord(7, b"new")}})
    ...     store.write({"tracks": {"acme": StoredRecord(3, b"old")}})
    ...     store.read({"tracks": ["acme", "other"]})
    ...     store.close()
    {'tracks': {'acme': StoredRecord(stamp=7, record=b'new')}}
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection().execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error

    def read(self, wanted: Mapping[str, Sequence[str]]) -> Named:
        """Read the records of these kinds and keys; StoreError if that fails."""
        places = {
            f"{kind}{_SEPARATOR}{key}": (kind, key)
            for kind, keys in wanted.items()
            for key in keys
        }
        names = list(places)
        found: dict[str, dict[str, StoredRecord]] = {kind: {} for kind in wanted}
        for start in range(0, len(names), _READ_AT_ONCE):
            some = names[start : start + _READ_AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT name, stamp, record FROM records WHERE name IN ({marks})"  # noqa: S608 - marks only
            try:
                rows = self._connection().execute(query, some).fetchall()
            except sqlite3.Error as error:
                raise self._failed(error) from error
            for name, stamp, record in rows:
                kind, key = places[name]
                found[kind][key] = StoredRecord(stamp, record)
        return found

    def write(self, changed: Named) -> None:
        """Write records in one transaction; StoreError if that fails."""
        rows = [
            (f"{kind}{_SEPARATOR}{key}", *stored)
            for kind, records in changed.items()
            for key, stored in records.items()
        ]
        try:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(_WRITE, rows)
            except BaseException:
                connection.rollback()
                raise
            connection.commit()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._opening:
            for connection in self._opened:
                connection.close()

    def _connection(self) -> sqlite3.Connection:
        """Give this thread's own connection: threads read side by side."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
            # Records can be made anew from the ledger: a power cut may cost the last
            # ones, never the file.
            for pragma in (
                "journal_mode = WAL",
                "synchronous = NORMAL",
                f"cache_size = -{_CACHE_KIB}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            with self._opening:
                self._opened.append(connection)
            self._own.connection = connection
        return connection

    def _failed(self, error: Exception) -> StoreError:
        return StoreError(
            f"the store of records {self._path} failed: {error}; if it is damaged, "
            "remove it and publish the records again"
        )
