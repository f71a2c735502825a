"""
The records' history: every version of every record, as Parquet, for Feast to join.

One file an organisation, replaced as a whole. What is known of the past changes when
old facts are imported; appending to it would leave what was known before.

A join holds each version it looks at in memory. So those that are large (every
neighbourhood, at every build) lie in a file of their own, and the history refers to
them by their stamps.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import numpy as np

from breakcast.adapters.feast.naming import (
    CREATED_TIME,
    EVENT_TIME,
    FIELD,
    JOIN_KEY,
    REFERENCE,
    join_keys,
)
from breakcast.errors import StoreError
from breakcast.features.store import Named

LARGE_BYTES = 4_096
"""A record of more is only referred to."""

_WAITING_RECORDS = 50_000
_WAITING_BYTES = 64 * 1024 * 1024
_MEMORY_LIMIT = "1GB"
# As few rows as DuckDB makes a group of: a group is held in memory.
_LARGE_GROUP = 2_048


class HistoryFolder:
    """
    The folder of the history.

    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = HistoryFolder(Path(place) / "history")
    ...     folder.create()
    ...     [path.suffix for path in folder.path.iterdir()]
    ['.parquet']
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._large = path / "large"

    def create(self) -> None:
        """
        Make the folder, with a file that holds no record: Feast refuses to read none.

        Raises:
            StoreError: If it cannot be made.
        """
        empty = self.path / "empty.parquet"
        if not empty.exists():
            with OrganisationHistory(empty, self._large / empty.name):
                pass

    def of(self, organisation: str) -> "OrganisationHistory":
        """Write an organisation's history anew; it replaces the one there is."""
        # A name may hold what a file's name may not.
        digest = hashlib.sha256(organisation.encode()).hexdigest()[:32]
        name = f"{digest}.parquet"
        return OrganisationHistory(self.path / name, self._large / name)

    def large(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
        """
        Read the large records of these join keys and stamps; all of them are there.

        Raises:
            StoreError: If one is not, or they cannot be read.
        """
        if not wanted:
            return {}
        keys, stamps = zip(*wanted, strict=True)
        asked = {"key": np.array(keys, object), "stamp": np.array(stamps, np.int64)}
        try:
            with closing(duckdb.connect()) as database:
                database.register("asked", asked)
                rows = database.execute(
                    "SELECT key, stamp, record FROM read_parquet($1) "
                    "SEMI JOIN asked USING (key, stamp)",
                    [str(self._large / "*.parquet")],
                ).fetchall()
        except duckdb.Error as error:
            message = f"the large records in {self._large} cannot be read: {error}"
            raise StoreError(message) from error
        found = {(key, stamp): record for key, stamp, record in rows}
        lacking = set(wanted) - set(found)
        if lacking:
            message = (
                f"{self._large} lacks {len(lacking)} records that the history refers "
                "to; write it anew with `breakcast features push --history-only`"
            )
            raise StoreError(message)
        return found


class OrganisationHistory:
    """
    Writes one organisation's versions; they appear, complete, when its block ends well.

    Memory holds some of them; more wait in a temporary file beside it.

    Raises:
        StoreError: If it cannot be written.
    """

    def __init__(self, path: Path, large: Path) -> None:
        self._path = path
        self._large = large
        self._waiting: list[tuple[str, int, bytes]] = []
        self._waiting_bytes = 0
        self._stack = ExitStack()
        self.versions = 0

    def add(self, changed: Named) -> None:
        """Add versions of records, each record's in the order of its stamps."""
        for version in join_keys(changed):
            self._waiting.append(version)
            self._waiting_bytes += len(version[2])
            self.versions += 1
        if (
            len(self._waiting) >= _WAITING_RECORDS
            or self._waiting_bytes >= _WAITING_BYTES
        ):
            self._keep()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                place = stack.enter_context(
                    tempfile.TemporaryDirectory(dir=self._path.parent, prefix=".draft-")
                )
                self._drafts = Path(place)
                self._database = duckdb.connect(self._drafts / "versions.db")
                stack.callback(self._database.close)
                self._database.execute(
                    f"SET memory_limit = '{_MEMORY_LIMIT}'; SET threads = 1"
                )
                self._database.execute(
                    "CREATE TABLE versions (key VARCHAR, stamp BIGINT, record BLOB)"
                )
                self._database.execute("CREATE TABLE large AS FROM versions")
            except (OSError, duckdb.Error) as error:
                raise self._failed(error) from error
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:
            if kind is None:
                self._keep()
                try:
                    self._write()
                except (OSError, duckdb.Error) as failed:
                    raise self._failed(failed) from failed

    def _keep(self) -> None:
        if not self._waiting:
            return
        keys, stamps, records = zip(*self._waiting, strict=True)
        self._waiting.clear()
        self._waiting_bytes = 0
        chunk = {
            "key": np.array(keys, object),
            "stamp": np.array(stamps, np.int64),
            "record": np.array(records, object),
        }
        is_large = f"octet_length(record) > {LARGE_BYTES}"
        try:
            self._database.register("chunk", chunk)
            self._database.execute(
                "INSERT INTO versions SELECT key, stamp, "  # noqa: S608 - a number of ours
                f"CASE WHEN {is_large} THEN NULL ELSE record END FROM chunk"
            )
            self._database.execute(
                f"INSERT INTO large SELECT * FROM chunk WHERE {is_large}"  # noqa: S608 - a number of ours
            )
            self._database.unregister("chunk")
        except duckdb.Error as error:
            raise self._failed(error) from error

    def _write(self) -> None:
        # What is referred to is there before the reference is.
        draft = self._drafts / "large"
        large = self._database.table("large")
        if large.limit(1).fetchall():
            # In order of time, as they came.
            large.write_parquet(
                str(draft), compression="zstd", row_group_size=_LARGE_GROUP
            )
            self._large.parent.mkdir(exist_ok=True)
            draft.replace(self._large)
        draft = self._drafts / "small"
        # In order of keys: who joins a few of them need not read the rest.
        self._database.sql(
            f"SELECT key AS {JOIN_KEY}, "  # noqa: S608 - names of our own
            f"coalesce(to_base64(record), '{REFERENCE}' || stamp) AS {FIELD}, "
            f"make_timestamptz(stamp) AS {EVENT_TIME}, "
            f"make_timestamptz(stamp) AS {CREATED_TIME} "
            "FROM versions ORDER BY key, stamp"
        ).write_parquet(str(draft), compression="zstd")
        draft.replace(self._path)

    def _failed(self, error: Exception) -> StoreError:
        return StoreError(f"the history {self._path} cannot be written: {error}")
