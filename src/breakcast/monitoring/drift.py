"""Have the inputs of a model changed? Asked of arrays, or of data frames."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from breakcast.errors import BadInput
from breakcast.model.forecasts import Floats
from breakcast.model.reference import DAY, WEEK, starts_of
from breakcast.model.sketches import Codes, Grid, Window, sketch_of
from breakcast.monitoring.comparison import (
    Reference,
    compare_rows,
    compare_windows,
    insufficient,
    reference_of,
)
from breakcast.monitoring.driftreport import DriftReport
from breakcast.monitoring.findings import findings_of
from breakcast.monitoring.frames import (
    NEVER,
    Frame,
    Words,
    commonest,
    moments,
    numbered,
    read_frame,
)

_LENGTHS = {"day": DAY, "week": WEEK}


class DataDriftMonitor:
    """
    Says whether data has drifted away from a baseline.

    Without timestamps every row is taken as independent of all others: Kolmogorov-
    Smirnov, chi-squared and shares of missing values, corrected by Holm's method. That
    alarms nearly always where rows of one day have something in common, as builds do.
    With timestamps it is days that are compared, by how much the days of the baseline
    differ among each other.

    Of the baseline only counts by bin are kept, and which bin each value lies in until
    its timestamps are known; no value is.

    Args:
        baseline_data: What is usual: an array of shape (rows,) or (rows, columns), a
            data frame, or a mapping of columns. Anything is taken; what is not known
            about it is said in reports.
        threshold: The family-wise level: the chance of an alarm where nothing has
            changed. Of one comparison without timestamps; within 30 windows with them.
        baseline_timestamps: When each row was, in any shape of time; UTC if it says
            no offset. It takes 56 windows of 100 rows.
        window: What is compared with timestamps: days, by their day of the week, or
            weeks.

    Attributes:
        threshold: As given.
        baseline_stats: Each column's mean, std, min and max, and its share of missing
            values, by these names; NaN where there is none. `names` are the columns.

    Raises:
        BadInput: If the threshold is not between 0 and 1, or there is not one timestamp
            a row.

    >>> rng = np.random.default_rng(1)
    >>> monitor = DataDriftMonitor(rng.normal(size=(1000, 3)))
    >>> monitor.detect_drift(rng.normal(size=(500, 3)))
    False
    >>> monitor.detect_drift(rng.normal(size=(500, 3)) + [0, 0.5, 0])
    True
    >>> report = monitor.report(rng.normal(size=(500, 3)) + [0, 0.5, 0])
    >>> report.feature, report.family, report.calibration
    ('1', 'distribution', 'independent rows')
    """

    def __init__(
        self,
        baseline_data: object,
        threshold: float = 0.05,
        *,
        baseline_timestamps: object = None,
        window: Literal["day", "week"] = "day",
    ) -> None:
        if not 0.0 < threshold < 1.0:
            message = f"threshold is {threshold!r}; give a chance between 0 and 1"
            raise BadInput(message)
        if window not in _LENGTHS:
            message = f"window is {window!r}; give 'day' or 'week'"
            raise BadInput(message)
        self.threshold = threshold
        self._length = _LENGTHS[window]
        frame = read_frame(baseline_data)
        self._words = {name: commonest(words) for name, words in frame.words.items()}
        columns = {**frame.numbers, **_numbered(frame, self._words)}
        self._grid = Grid(
            {
                name: sketch_of(column, is_category=name in self._words)
                for name, column in columns.items()
            }
        )
        self.baseline_stats = _stats(columns)
        self._codes: Codes | None = self._grid.codes(list(columns.values()))
        self._reference: Reference | None = None
        if baseline_timestamps is not None:
            self._reference = self._learn(self._codes, baseline_timestamps)
            self._codes = None

    def detect_drift(
        self,
        current_data: object,
        timestamps: object = None,
        baseline_timestamps: object = None,
    ) -> bool:
        """
        Say whether data has drifted; False also where nothing can be said.

        Args:
            current_data: What to compare, in any shape the baseline may have.
            timestamps: As for `report`.
            baseline_timestamps: As for `report`.
        """
        return self.report(current_data, timestamps, baseline_timestamps).is_drift

    def report(
        self,
        current_data: object,
        timestamps: object = None,
        baseline_timestamps: object = None,
    ) -> DriftReport:
        """
        Compare data with the baseline.

        Args:
            current_data: What to compare, in any shape the baseline may have.
            timestamps: When each row was; without them rows are independent.
            baseline_timestamps: When each row of the baseline was, if that was not said
                at the beginning.

        Raises:
            BadInput: If there is not one timestamp a row.
        """
        frame = read_frame(current_data)
        columns, unreadable = self._columns(frame)
        grid = self._grid
        codes = grid.codes(list(columns.values()))
        merged = grid.window(codes)
        given = {*frame.numbers, *frame.words}
        absent = [name for name in grid.names if name not in given | unreadable]
        findings = findings_of(
            grid,
            merged,
            absent=absent,
            added=sorted(given - columns.keys()),
            unreadable=sorted(unreadable | {*frame.unreadable}),
        )
        left_out = frozenset(
            column
            for column, name in enumerate(grid.names)
            if name in unreadable or name in absent
        )
        if timestamps is None:
            return compare_rows(grid, merged, self.threshold, findings, left_out)
        reference = self._learnt(baseline_timestamps)
        if reference is None:
            why = "the baseline has no timestamps; give `baseline_timestamps` as well"
            return insufficient(grid, merged, self.threshold, why, findings)
        windows = self._windows(codes, timestamps)
        return compare_windows(reference, windows, self.threshold, findings, left_out)

    def _learnt(self, baseline_timestamps: object) -> Reference | None:
        """Give the baseline's windows; those of new timestamps, if there are any."""
        if baseline_timestamps is not None and self._codes is not None:
            return self._learn(self._codes, baseline_timestamps)
        return self._reference

    def _learn(self, codes: Codes, timestamps: object) -> Reference:
        return reference_of(self._grid, self._windows(codes, timestamps), self._length)

    def _windows(self, codes: Codes, timestamps: object) -> list[Window]:
        seconds = moments(timestamps)
        if seconds is None or len(seconds) != len(codes):
            found = "no times" if seconds is None else f"{len(seconds)} times"
            message = f"got {found} for {len(codes)} rows; give one timestamp a row"
            raise BadInput(message)
        timed = seconds != NEVER
        starts = starts_of(seconds[timed], self._length)
        return self._grid.windows(codes[timed], starts)

    def _columns(self, frame: Frame) -> tuple[dict[str, Floats], set[str]]:
        """Give the baseline's columns, unknown where they are not, or not readable."""
        columns: dict[str, Floats] = {}
        unreadable = set()
        for name in self._grid.names:
            if name in self._words and name in frame.words:
                columns[name] = numbered(frame.words[name], self._words[name])
            elif name in self._words and name in frame.numbers:
                words = [_written(one) for one in frame.numbers[name].tolist()]
                columns[name] = numbered(words, self._words[name])
            elif name in frame.numbers:
                columns[name] = frame.numbers[name]
            else:
                columns[name] = np.full(frame.rows, np.nan)
                if name in frame.words:
                    unreadable.add(name)
        return columns, unreadable


def _written(number: float) -> str | None:
    return None if math.isnan(number) else f"{number:g}"


def _numbered(frame: Frame, words: dict[str, Words]) -> dict[str, Floats]:
    return {name: numbered(frame.words[name], known) for name, known in words.items()}


def _stats(columns: dict[str, Floats]) -> dict[str, NDArray[np.generic]]:
    stats: dict[str, NDArray[np.generic]] = {"names": np.array(list(columns), str)}
    known = [column[~np.isnan(column)] for column in columns.values()]
    for name, function in _STATS.items():
        # What is infinite, or too large to be squared, has such a mean or spread.
        with np.errstate(over="ignore", invalid="ignore"):
            stats[name] = np.array(
                [function(one) if len(one) else np.nan for one in known], np.float64
            )
    stats["missing"] = np.array(
        [np.isnan(one).mean() if len(one) else np.nan for one in columns.values()],
        np.float64,
    )
    return stats


_STATS: dict[str, Callable[[Floats], np.floating]] = {
    "mean": np.mean,
    "std": np.std,
    "min": np.min,
    "max": np.max,
}
