"""
Windows beside windows: how unusual is this day among days like it?

Builds of one day have much in common, so rows are not what chance is judged by: days
are. Every statistic of a window is compared with those of the baseline's windows, by
how much these differ among each other once what belongs to their day of the week is
taken off. The most unusual statistic of the most unusual family decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from breakcast.model.forecasts import Bools, Floats, Ints
from breakcast.model.reference import DAY, FEWEST_ROWS, FEWEST_WINDOWS, weekday
from breakcast.model.sketches import Grid, Window
from breakcast.monitoring.windowstatistics import Family, WindowStatistics

FEWEST_OF_CLASS: Final = 4
"""Windows of a baseline that lie on the day of the week of one compared."""

_FAMILIES: Final[tuple[Family, ...]] = (
    "location",
    "scale",
    "shape",
    "missing or category",
    "correlation",
    "dense",
)


@dataclass(frozen=True, slots=True, eq=False)
class Deviation:
    """
    One window beside the baseline's.

    Attributes:
        window: The window.
        p_value: The chance of one as unusual, if nothing has changed.
        family: Which family of statistics is the most unusual.
        strongest: Which statistic is; None if it is all locations together.
        scores: Each statistic, in standard deviations; NaN where it was not tested.
    """

    window: Window
    p_value: float
    family: Family
    strongest: int | None
    scores: Floats


class WindowReference:
    """
    A baseline's windows, and how much they differ.

    Args:
        grid: The bins.
        windows: The baseline's; those with too few rows are left out.
        length: Of a window, in seconds: a day's have a day of the week.

    Attributes:
        statistics: What is compared.
        windows: The windows used, in the order given.
        scores: Each of these windows compared with all others, shape (windows,
            statistics).
        inflation: By how much longer the tails of these windows are than if their
            statistics were normal: what their P values are raised by the inverse of.
    """

    def __init__(self, grid: Grid, windows: Sequence[Window], length: int) -> None:
        self.statistics = WindowStatistics(grid)
        self.windows = [one for one in windows if one.rows >= FEWEST_ROWS]
        self._length = length
        found = [self.statistics.values(one) for one in self.windows]
        width = len(self.statistics.places)
        values = np.array([one for one, _ in found]).reshape(len(found), width)
        sizes = np.array([one for _, one in found]).reshape(len(found), width)
        families = [place.family for place in self.statistics.places]
        self._of_family = {
            family: np.array(
                [at for at, one in enumerate(families) if one == family], np.int64
            )
            for family in _FAMILIES[:-1]
        }
        self.is_enough = len(self.windows) >= FEWEST_WINDOWS
        if self.is_enough:
            self._learn(values, sizes)

    def class_of(self, window: Window) -> int:
        """Say which day of the week a window lies on; 0 for one that is no day's."""
        return weekday(window.starts_at) if self._length == DAY else 0

    def deviation(
        self, window: Window, left_out: frozenset[int] = frozenset()
    ) -> Deviation | None:
        """
        Compare a window; None if it has too few rows, or too few like it.

        Args:
            window: Of the same grid.
            left_out: Columns that are not compared.
        """
        of_class = self.class_of(window)
        if window.rows < FEWEST_ROWS or not self._class_windows[of_class]:
            return None
        values, sizes = self.statistics.values(window)
        like = self._counts[of_class]
        floor = self._floor(sizes)
        variance = (self._between + floor) * self._excess
        error = 1.0 + 1.0 / np.maximum(like, 1)
        with np.errstate(invalid="ignore"):
            away = values - self._means[of_class]
            scores = away / np.sqrt(np.maximum(variance, floor) * error)
        scores[(like < FEWEST_OF_CLASS) | ~self._is_tested] = np.nan
        scores = _as_normal(scores, self._freedom)
        if left_out:
            places = self.statistics.places
            scores[[not left_out.isdisjoint(one.columns) for one in places]] = np.nan
        p_value, family, strongest = self._most_unusual(scores)
        return Deviation(
            window, float(p_value ** (1.0 / self.inflation)), family, strongest, scores
        )

    def _learn(self, values: Floats, sizes: Floats) -> None:
        known = ~np.isnan(values)
        classes = np.array([self.class_of(one) for one in self.windows])
        members = (classes[:, None] == np.arange(7)[None, :]).astype(np.float64)
        self._counts = members.T @ known
        self._class_windows = members.sum(axis=0) >= FEWEST_OF_CLASS
        filled = np.where(known, values, 0.0)
        self._means = (members.T @ filled) / np.maximum(self._counts, 1.0)
        away = np.where(known, filled - self._means[classes], 0.0)
        used = known.sum(axis=0) - (self._counts > 0).sum(axis=0)
        freedom = np.maximum(used, 1.0)
        # What has been on the move all along is no news when it moves on.
        moves = _trend(away, known, np.array([one.starts_at for one in self.windows]))
        self._is_tested = (freedom >= FEWEST_WINDOWS / 2) & (moves < _TRENDING)
        found = (away**2).sum(axis=0) / freedom
        self._alike = self._design_effect(found, sizes, known)
        floor = self._floor(sizes)
        typical = _mean(floor, known)
        self._between = np.maximum(found - typical, 0.0)
        # Where windows differ by no more than rows do, that is known, not estimated.
        self._freedom = np.where(self._between > 0, freedom, _CERTAIN)
        variance = self._between + floor
        relative = away / np.sqrt(variance)
        squares = (relative**2).sum(axis=0)
        self._excess = np.where(self._between > 0, squares / freedom, 1.0)
        # Each window beside all others, as a new one would be.
        like = np.maximum(self._counts[classes], 1.0)
        left = np.maximum(1.0 - 1.0 / like, 1.0 / like)
        others = (squares - relative**2 / left) / np.maximum(freedom - 1.0, 1.0)
        others = np.maximum(others, floor / variance)
        scores = relative / np.sqrt(left * others)
        scores[~known | (like < FEWEST_OF_CLASS)] = np.nan
        scores[:, ~self._is_tested] = np.nan
        self.scores = _as_normal(scores, self._freedom - 1.0)
        dense = self._dense(self.scores)
        self._dense_centre = float(np.mean(dense))
        self._dense_spread = float(np.std(dense, ddof=1)) or 1.0
        p_values = [self._most_unusual(one)[0] for one in self.scores]
        self.inflation = _inflation(-np.log(p_values))

    def _design_effect(self, found: Floats, sizes: Floats, known: Bools) -> Floats:
        """
        Say by how much more shares vary, at the least, than if rows were independent.

        A share that was always the same says nothing of how rows hang together. They
        are taken to hang together as they do in the middle one of the locations.
        """
        alike = np.ones(len(found))
        places = self._of_family["location"]
        independent = _mean(self.statistics.variances / np.maximum(sizes, 1.0), known)
        if len(places):
            ratios = found[places] / np.maximum(independent[places], _SMALLEST)
            alike[self._of_family["missing or category"]] = max(
                1.0, float(np.median(ratios))
            )
        return alike

    def _floor(self, sizes: Floats) -> Floats:
        return np.asarray(
            self._alike * self.statistics.variances / np.maximum(sizes, 1.0)
        )

    def _dense(self, scores: Floats) -> Floats:
        """Say how far all locations together are from the usual; a logarithm."""
        squares = scores[..., self._of_family["location"]] ** 2
        known = np.maximum((~np.isnan(squares)).sum(axis=-1), 1)
        return np.asarray(np.log(np.nansum(squares, axis=-1) / known + 1e-3))

    def _most_unusual(self, scores: Floats) -> tuple[float, Family, int | None]:
        from scipy.special import ndtr  # noqa: PLC0415 - a server compares nothing

        found: list[tuple[float, Family, int | None]] = []
        for family, places in self._of_family.items():
            tested = places[~np.isnan(scores[places])]
            if len(tested):
                most = int(tested[np.argmax(np.abs(scores[tested]))])
                p_value = 2.0 * float(ndtr(-abs(scores[most])))
                found.append((any_of(p_value, len(tested)), family, most))
        beyond = (float(self._dense(scores)) - self._dense_centre) / self._dense_spread
        found.append((float(ndtr(-beyond)), "dense", None))
        p_value, family, strongest = min(found, key=lambda one: one[0])
        return max(any_of(p_value, len(found)), _SMALLEST), family, strongest


_SMALLEST = 1e-300
_CERTAIN = 1e6
_TRENDING = 0.7


def _inflation(surprise: Floats) -> float:
    """
    Say how much longer a tail is than it should be.

    Minus the logarithm of a P value has mean 1, and so has what is left of it beyond
    any point: here beyond the median, for it is the tail that decides.
    """
    upper = np.sort(surprise)[len(surprise) // 2 :]
    return max(1.0, float(upper.mean() - upper[0]))


def _trend(away: Floats, known: Bools, starts: Ints) -> Floats:
    """Give how well time alone tells each statistic: |correlation|, in [0, 1]."""
    time = np.where(
        known, starts[:, None] - _mean(starts[:, None] + 0.0 * away, known), 0.0
    )
    spread = np.sqrt((away**2).sum(axis=0) * (time**2).sum(axis=0))
    together = np.abs((away * time).sum(axis=0))
    return np.asarray(together / np.maximum(spread, _SMALLEST))


def _mean(values: Floats, known: Bools) -> Floats:
    counted = np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.where(known, values, 0.0).sum(axis=0) / counted)


def any_of(p_value: float, tests: int) -> float:
    """
    Give the chance that any of several independent tests comes out so (Šidák 1967).

    >>> round(any_of(0.01, 5), 4)
    0.049
    """
    return float(-np.expm1(tests * np.log1p(-min(p_value, 1.0 - 1e-16))))


def _as_normal(scores: Floats, freedom: Floats) -> Floats:
    """Turn Student's t into the normal score that is as unusual."""
    from scipy.special import ndtri, stdtr  # noqa: PLC0415 - as above

    tail = np.maximum(stdtr(freedom, -np.abs(scores)), _SMALLEST)
    return np.asarray(-np.sign(scores) * ndtri(tail))
