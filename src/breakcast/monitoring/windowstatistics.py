"""
What of a window is compared with other windows: one vector of statistics.

A number's location, scale and shape are the first components of Neyman's smooth test:
means of scores that are orthogonal in the baseline. Shares (of unknown values, of a
category, of what lies outside the range) are put on a scale where their spread does
not depend on them; correlations likewise. Each has a sampling variance for independent
rows, below which no window's can be.
"""

from functools import cached_property
from itertools import combinations
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from breakcast.model.forecasts import Floats, Ints
from breakcast.model.sketches import Grid, Window

Family: TypeAlias = Literal[
    "location", "scale", "shape", "missing or category", "correlation", "dense"
]

ORDERS: Final[tuple[Family, ...]] = ("location", "scale", "shape", "shape")
"""The families of the components, by their order."""

_CONSTANT = 0.99
_LUMPY = 0.5
_FINE_BINS = 8
_EQUAL = 0.999
_TINY = 1e-6


class Place(NamedTuple):
    """One statistic: its family and the column, or two columns, it is about."""

    family: Family
    columns: tuple[int, ...]


class WindowStatistics:
    """
    Computes the statistics of windows of one grid.

    Args:
        grid: The bins, and what the baseline held in them.

    Attributes:
        places: What each statistic is, in order.
        variances: Each one's sampling variance for one independent row.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.places: list[Place] = []
        variances: list[float] = []
        self._components: list[_Component] = []
        self._shares: list[tuple[int, Ints]] = []
        for column, sketch in enumerate(grid.sketches):
            if sketch.is_category or sketch.lump > _CONSTANT:
                continue
            counts = np.array(sketch.counts, np.float64)
            scores = grid.scores[grid.bins(column)]
            for family, component in zip(
                ORDERS, _components(scores, counts), strict=False
            ):
                self.places.append(Place(family, (column,)))
                self._components.append(_Component(column, family, *component))
                variances.append(1.0)
        for column, sketch in enumerate(grid.sketches):
            self.places.append(Place("missing or category", (column,)))
            for bins in _shares_of(sketch.counts, is_category=sketch.is_category):
                self.places.append(Place("missing or category", (column,)))
                self._shares.append((column, bins))
        shares = len(grid.sketches) + len(self._shares)
        related = [int(column) for column in grid.related]
        self.places += [Place("correlation", two) for two in combinations(related, 2)]
        variances += [0.25] * shares + [1.0] * len(self._pairs[0])
        self.variances = np.array(variances)

    def values(self, window: Window) -> tuple[Floats, Floats]:
        """
        Compute one window's statistics.

        Returns:
            The statistics, NaN where a column is known of no row, and of how many rows
            each is.
        """
        grid = self._grid
        known = window.rows - window.missing
        values: list[float] = []
        sizes: list[float] = []
        location = 0.0
        for one in self._components:
            counts = window.counts[grid.bins(one.column)]
            size = int(known[one.column])
            value = float(counts @ one.scores) / size if size else np.nan
            if one.family == "location":
                location = value
            elif one.family == "scale":
                # About the window's own mean: a day that is shifted is not wider.
                value -= one.curvature * location**2
            values.append(value)
            sizes.append(size)
        shares = [_share(window.missing, np.full_like(window.missing, window.rows))]
        share_sizes = [np.full(len(window.missing), float(window.rows))]
        if self._shares:
            columns = np.array([column for column, _ in self._shares])
            counted = np.array(
                [
                    window.counts[grid.starts[column] + bins].sum()
                    for column, bins in self._shares
                ]
            )
            shares.append(_share(counted, known[columns]))
            share_sizes.append(known[columns].astype(np.float64))
        return (
            np.concatenate([np.array(values), *shares, self._correlations(window)]),
            np.concatenate(
                [
                    np.array(sizes),
                    *share_sizes,
                    np.full(len(self._pairs[0]), max(window.rows - 3.0, 1.0)),
                ]
            ),
        )

    @cached_property
    def _pairs(self) -> tuple[Ints, Ints]:
        one, other = np.triu_indices(len(self._grid.related), 1)
        return one.astype(np.int64), other.astype(np.int64)

    def _correlations(self, window: Window) -> Floats:
        one, other = self._pairs
        if window.rows == 0:
            return np.full(len(one), np.nan)
        mean = window.sums / window.rows
        spread = window.products / window.rows - np.outer(mean, mean)
        own = np.sqrt(np.maximum(np.diag(spread), 0.0))
        below = own[one] * own[other]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(below > _TINY, spread[one, other] / below, np.nan)
        return np.asarray(np.arctanh(np.clip(found, -_EQUAL, _EQUAL)))


class _Component(NamedTuple):
    """A column's scores by bin, and how much of their square is in them."""

    column: int
    family: Family
    scores: Floats
    curvature: float


def _components(scores: Floats, counts: Floats) -> list[tuple[Floats, float]]:
    """
    Make powers of the scores orthonormal in the baseline, as far as bins tell.

    Returns:
        Each component, and by what its power was divided.

    Source:
        Neyman (1937), Skandinavisk Aktuarietidskrift 20.
    """
    weights = counts / counts.sum()
    basis = [np.ones_like(scores)]
    lengths = []
    filled = int((counts > 0).sum())
    # Coarse columns have no scale or shape apart from their location.
    orders = len(ORDERS) if filled >= _FINE_BINS else 1
    for order in range(1, orders + 1):
        power = scores**order
        for _ in range(2):  # once more, for rounding
            for former in basis:
                power = power - (weights @ (power * former)) * former
        length = np.sqrt(weights @ power**2)
        if length < _TINY:
            break
        basis.append(power / length)
        lengths.append(1.0 / float(length))
    return list(zip(basis[1:], lengths, strict=True))


def _shares_of(counts: tuple[int, ...], *, is_category: bool) -> list[Ints]:
    """Say of which bins the shares are looked at: each its own, or some together."""
    if is_category:
        return [np.array([at]) for at in range(len(counts))]
    fullest = int(np.argmax(counts))
    is_lumpy = sum(counts) > 0 and counts[fullest] >= _LUMPY * sum(counts)
    return [np.array([fullest])] if is_lumpy else []


def _share(counts: Ints, rows: Ints) -> Floats:
    """
    Put shares on a scale where their variance is 1 / (4 rows).

    Source:
        Anscombe (1948), Biometrika 35(3/4).
    """
    found = np.arcsin(np.sqrt((counts + 0.375) / (rows + 0.75)))
    return np.where(rows > 0, found, np.nan)
