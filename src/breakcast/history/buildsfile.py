"""
The builds file: a CI history as CSV or Parquet, one row an attempt.

Each row states a `BuildStarted` and, if it has an outcome, a `BuildFinished`.
A bad row is refused alone and told about; a bad file is refused whole.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from breakcast.errors import BadInput, BuildsFileError
from breakcast.history.buildscells import RowRefused, read_name
from breakcast.history.buildscsv import CsvTable
from breakcast.history.buildsparquet import ParquetTable
from breakcast.history.buildsrow import (
    REQUIRED_COLUMNS,
    Line,
    RowReader,
    is_known_column,
)
from breakcast.history.events import Event, Outcome
from breakcast.history.question import RESULT_PREFIX, SIGNAL_PREFIX

KEPT_REFUSALS = 1_000
"""How many refused rows a report tells about one by one; it counts them all."""

BATCH_ROWS = 250
"""Rows whose facts make one batch."""

_SHOWN_COLUMNS = 20
_SHOWN_CHARACTERS = 40
_MINUTES_OF_A_YEAR = 365 * 24 * 60


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    One row that was not used, and why.

    Attributes:
        line: Where the row begins: the line in a CSV file, or the row's number
            plus one in a Parquet file; the header is line 1.
        column: The column at fault; empty if it is the row as a whole.
        value: What stands there, at most 200 characters of it.
        reason: What is wrong with it, and what would be right.

    >>> print(Refusal(7, "attempt", "0", "is no attempt; write one from 1 on"))
    line 7: attempt '0' is no attempt; write one from 1 on
    """

    line: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        """Tell it in one line, control characters escaped."""
        cell = f"{self.column} {self.value!r} " if self.column or self.value else ""
        return f"line {self.line}: {cell.lstrip()}{self.reason}"


@dataclass(frozen=True, slots=True)
class BuildsReport:
    """
    What was found in a builds file.

    Attributes:
        rows: Rows read so far, good and bad.
        accepted: Rows that became facts.
        refused: Rows that did not.
        refusals: The first 1,000 of them, in the file's order.
        outcomes: Accepted rows by outcome; a row without one is in none.
        assumed_finishes: Builds whose finish time was assumed.
        signals: Names of the `signal.` columns, without the prefix.
        results: Names of the `result.` columns, without the prefix.
        unknown_columns: Columns that were ignored.
    """

    rows: int
    accepted: int
    refused: int
    refusals: tuple[Refusal, ...]
    outcomes: Mapping[Outcome, int]
    assumed_finishes: int
    signals: tuple[str, ...]
    results: tuple[str, ...]
    unknown_columns: tuple[str, ...]


class BuildsFile:
    """
    The facts of one builds file, in batches; made by `read_builds`.

    Iterating reads the file, once; `report` tells what was found so far.

    Attributes:
        path: The file.
        rows_total: How many rows it holds, or None if only reading can tell.
    """

    def __init__(self, path: Path, table: "_Table", reader: RowReader) -> None:
        """Take an opened table and what reads its rows."""
        self.path = path
        self.rows_total = table.rows_total
        self._table = table
        self._reader = reader
        self._is_read = False
        self._rows = 0
        self._accepted = 0
        self._assumed = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._refusals: list[Refusal] = []

    def __iter__(self) -> Iterator[list[Event]]:
        """
        Read the file, 250 rows a batch, in the file's order.

        Raises:
            BuildsFileError: If the file breaks off, is not UTF-8, holds no row
                at all, or is read a second time.
        """
        if self._is_read:
            message = f"{self.path} was read already; open it again to read it twice"
            raise BuildsFileError(message)
        self._is_read = True
        batch: list[Event] = []
        for line, row in self._table:
            self._rows += 1
            try:
                if isinstance(row, RowRefused):
                    raise row
                started, finished = self._reader.read(row)
            except RowRefused as refused:
                self._refuse(line, refused)
                continue
            self._accepted += 1
            batch.append(started)
            if finished is not None:
                batch.append(finished)
                self._outcomes[finished.outcome] += 1
                self._assumed += finished.is_assumed
            if len(batch) >= 2 * BATCH_ROWS:
                yield batch
                batch = []
        if not self._rows:
            message = (
                f"{self.path} holds column names but no rows; it needs one a build"
            )
            raise BuildsFileError(message)
        yield batch

    @property
    def rows_done(self) -> int:
        """How many rows were read so far."""
        return self._rows

    @property
    def report(self) -> BuildsReport:
        """What was found so far; complete once the iteration has ended."""
        columns = self._table.columns
        return BuildsReport(
            rows=self._rows,
            accepted=self._accepted,
            refused=self._rows - self._accepted,
            refusals=tuple(self._refusals),
            outcomes=dict(self._outcomes),
            assumed_finishes=self._assumed,
            signals=_named(columns, SIGNAL_PREFIX),
            results=_named(columns, RESULT_PREFIX),
            unknown_columns=tuple(
                name for name in columns if not is_known_column(name)
            ),
        )

    def _refuse(self, line: int, refused: RowRefused) -> None:
        if len(self._refusals) < KEPT_REFUSALS:
            self._refusals.append(
                Refusal(line, refused.column, refused.value, refused.reason)
            )


def read_builds(
    path: Path | str,
    *,
    assume_minutes: float = 30.0,
    identity: Callable[[str], str] | None = None,
    now: datetime | None = None,
) -> BuildsFile:
    """
    Open a builds file; iterate over what is returned to read it.

    Args:
        path: A file whose name ends in .csv, .csv.gz or .parquet.
        assume_minutes: How long a build took whose row has neither a finish time
            nor a duration.
        identity: Hashes an author's name; None leaves authors out.
        now: The time it is (aware); rows of more than a day later are refused.
            None refuses none.

    Raises:
        BuildsFileError: If the file cannot be opened or its columns do not do.
        BadInput: If `assume_minutes` is not from 0 to a year.
    """
    if not 0 <= assume_minutes <= _MINUTES_OF_A_YEAR:
        message = (
            f"assume_minutes is {assume_minutes}; it must be from 0 to "
            f"{_MINUTES_OF_A_YEAR}"
        )
        raise BadInput(message)
    path = Path(path)
    table = _open_table(path)
    _check_columns(path, table.columns)
    reader = RowReader(
        table.columns, assume_minutes=assume_minutes, identity=identity, now=now
    )
    return BuildsFile(path, table, reader)


class _Table(Protocol):
    """Rows under named columns, whatever the file's format."""

    columns: list[str]
    rows_total: int | None

    def __iter__(self) -> Iterator[Line]: ...


def _open_table(path: Path) -> _Table:
    formats = "a .csv, .csv.gz or .parquet file"
    if path.is_dir():
        message = f"{path} is a directory; name {formats}"
        raise BuildsFileError(message)
    if not path.exists():
        message = f"{path} does not exist; name {formats}"
        raise BuildsFileError(message)
    name = path.name.lower()
    if name.endswith(".parquet"):
        return ParquetTable(path)
    if name.endswith((".csv", ".csv.gz")):
        return CsvTable(path)
    message = f"{path.name} does not end as {formats} does; rename or convert it"
    raise BuildsFileError(message)


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if missing:
        # A file of another kind may have thousands, and of any length.
        present = ", ".join(
            repr(name[:_SHOWN_CHARACTERS]) for name in columns[:_SHOWN_COLUMNS]
        )
        message = (
            f"{path} has no column {', '.join(missing)}; it has {present}; a builds "
            f"file needs {', '.join(REQUIRED_COLUMNS)}, separated by commas"
        )
        raise BuildsFileError(message)
    for name in filter(is_known_column, columns):
        try:
            read_name("column name", name)
        except RowRefused as error:
            message = f"{path} cannot be read: {error}"
            raise BuildsFileError(message) from error
    twice = [
        name for name, n in Counter(columns).items() if n > 1 and is_known_column(name)
    ]
    if twice:
        message = f"{path} has column {', '.join(twice)} more than once; keep one"
        raise BuildsFileError(message)


def _named(columns: list[str], prefix: str) -> tuple[str, ...]:
    return tuple(
        name.removeprefix(prefix)
        for name in columns
        if name.startswith(prefix) and name != prefix
    )
