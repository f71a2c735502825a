"""
One row of the builds file: its columns, and the facts it states.

Whatever leaves `RowReader` is well formed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from breakcast.history.buildscells import (
    FAR_FUTURE,
    NUMBERS,
    RowRefused,
    Value,
    read_count,
    read_number,
    read_outcome,
    read_required_name,
    read_time,
)
from breakcast.history.events import BuildFinished, BuildStarted
from breakcast.history.question import (
    COUNT_COLUMNS,
    QUESTION_COLUMNS,
    RESULT_PREFIX,
    SIGNAL_PREFIX,
    build_of,
)

REQUIRED_COLUMNS = ("repo", "build_id", "started_at", "outcome")
"""Columns without which a file is no builds file."""

TIME_COLUMNS = ("started_at", "finished_at")
"""Columns that hold a time."""

COLUMNS = (
    *REQUIRED_COLUMNS,
    "source",
    "finished_at",
    "pipeline",
    "attempt",
    "branch",
    "event",
    "commit_sha",
    "parent_build_id",
    "author",
    "is_bot",
    *COUNT_COLUMNS,
    "changed_paths",
    "duration_seconds",
)
"""All columns with a fixed name, in the order a builds file is written."""

NUMBER_COLUMNS = ("attempt", "duration_seconds", *COUNT_COLUMNS)
"""Columns with a fixed name that hold a number."""

Line = tuple[int, Sequence[Value] | RowRefused]
"""A row with its line in the file (the header's is 1), or why it is no row."""

_ENDING_COLUMNS = (
    "build_id",
    "started_at",
    "outcome",
    "finished_at",
    "duration_seconds",
)
_ONE_DAY = timedelta(days=1)


def is_number_column(column: str) -> bool:
    """
    Tell whether a column holds numbers: counts, `signal.…` and `result.…`.

    >>> is_number_column("signal.churn"), is_number_column("signal.")
    (True, False)
    """
    if column.startswith((SIGNAL_PREFIX, RESULT_PREFIX)):
        return column not in {SIGNAL_PREFIX, RESULT_PREFIX}
    return column in NUMBER_COLUMNS


def is_known_column(column: str) -> bool:
    """Tell whether a column is read; others are ignored."""
    return column in COLUMNS or is_number_column(column)


class RowReader:
    """
    Turns rows of one file into facts.

    Args:
        columns: The file's column names, in order; unknown ones are ignored.
        assume_minutes: How long a build took whose row does not tell.
        identity: Hashes an author's name; None leaves authors out.
        now: Times more than a day later are refused; None refuses none.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        assume_minutes: float,
        identity: Callable[[str], str] | None,
        now: datetime | None,
    ) -> None:
        place = {name: index for index, name in enumerate(columns)}
        self._width = len(columns)
        # An absent column is read from one blank cell put after the last.
        absent = len(columns)
        self._question = itemgetter(*(place.get(n, absent) for n in QUESTION_COLUMNS))
        self._ending = itemgetter(*(place.get(n, absent) for n in _ENDING_COLUMNS))
        self._signals = _Numbers(place, SIGNAL_PREFIX)
        self._results = _Numbers(place, RESULT_PREFIX)
        self._assumed_duration = timedelta(minutes=assume_minutes)
        self._identity = identity
        self._latest = FAR_FUTURE if now is None else now + _ONE_DAY

    def read(self, row: Sequence[Value]) -> tuple[BuildStarted, BuildFinished | None]:
        """
        Read one row; the second fact is None if the row has no outcome.

        Raises:
            RowRefused: If anything in the row cannot be used.
        """
        if len(row) != self._width:
            reason = (
                f"does not fit the header's {self._width}; quote a value that holds "
                "a comma"
            )
            raise RowRefused(reason, "", f"{len(row)} fields")
        cells = (*row, None)
        build_id, started_at, outcome, finished_at, duration_seconds = self._ending(
            cells
        )
        read_required_name("build_id", build_id)
        build = build_of(
            self._question(cells), self._signals.read(cells), self._identity
        )
        started = read_time("started_at", started_at, self._latest)
        if started is None:
            reason = "is empty; every row needs one"
            raise RowRefused(reason, "started_at", started_at)
        finished, is_assumed = self._read_finish(started, finished_at, duration_seconds)
        ended = read_outcome(outcome)
        results = self._results.read(cells)
        asked = BuildStarted(occurred_at=started, build=build)
        if ended is None:
            return asked, None
        return asked, BuildFinished(
            occurred_at=finished,
            key=build.key,
            outcome=ended,
            results=results,
            is_assumed=is_assumed,
        )

    def _read_finish(
        self, started: datetime, finished_at: Value, duration_seconds: Value
    ) -> tuple[datetime, bool]:
        finished = read_time("finished_at", finished_at, self._latest)
        seconds = read_count("duration_seconds", duration_seconds)
        if finished is not None:
            if finished < started:
                reason = f"is before the build started, {started.isoformat()}"
                raise RowRefused(reason, "finished_at", finished_at)
            return finished, False
        if seconds is None:
            return started + self._assumed_duration, True
        if seconds <= (self._latest - started).total_seconds():
            return started + timedelta(seconds=seconds), False
        reason = "would end the build in the future; write seconds"
        raise RowRefused(reason, "duration_seconds", duration_seconds)


class _Numbers:
    """The columns of one prefix, read into a dict that leaves out the unknown."""

    def __init__(self, place: dict[str, int], prefix: str) -> None:
        self._columns = [
            name for name in place if name.startswith(prefix) and name != prefix
        ]
        self._names = [name.removeprefix(prefix) for name in self._columns]
        self._pick = _picker([place[name] for name in self._columns])

    def read(self, cells: Sequence[Value]) -> dict[str, float]:
        values = self._pick(cells)
        try:
            return {
                name: number
                for name, value in zip(self._names, values, strict=True)
                if (number := NUMBERS[value]) is not None
            }
        except ValueError:
            # One of them is bad: find which, to name its column.
            for column, value in zip(self._columns, values, strict=True):
                read_number(column, value)
            raise


def _picker(places: list[int]) -> Callable[[Sequence[Value]], Sequence[Value]]:
    # itemgetter of one place gives the bare value, and of none does not exist.
    if len(places) > 1:
        return itemgetter(*places)
    return lambda cells: [cells[place] for place in places]
