"""
Two samples of independent rows: do their columns come from the same distributions?

Kolmogorov-Smirnov for numbers, chi-squared for categories, shares of unknown values
apart from both, and Holm's correction over all of them. Where rows are not independent
(builds of one day are not) it alarms too often; `windowed` does not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from breakcast.model.forecasts import Floats, Ints
from breakcast.model.sketches import Grid, Window

FEWEST_ROWS = 20
"""Known values that a column is tested with, at the least, on either side."""

_FEWEST_EXPECTED = 5.0
_NODES = 64
_FINEST_STEP = 1 / 130
_UNREMARKABLE = 0.2
_BEYOND_DOUBT = 4.0


class ColumnTest(NamedTuple):
    """One column's test: its family, its P value, and that after Holm's correction."""

    column: int
    family: str
    p_value: float
    adjusted: float


def compare_independent(
    grid: Grid, current: Window, left_out: frozenset[int]
) -> list[ColumnTest]:
    """
    Test every column of a sample against the baseline's.

    Args:
        grid: The baseline.
        current: The sample.
        left_out: Columns that are not tested.

    Returns:
        What could be tested, the most unusual first.
    """
    found: list[tuple[int, str, float]] = []
    for column, sketch in enumerate(grid.sketches):
        if column in left_out:
            continue
        before = np.array(sketch.counts, np.int64)
        now = current.counts[grid.bins(column)]
        if min(before.sum(), now.sum()) >= FEWEST_ROWS:
            if sketch.is_category:
                found.append((column, "category", chi_squared_p_value(before, now)))
            else:
                found.append((column, "distribution", ks_p_value(before, now)))
        missing = np.array([sketch.missing, current.missing[column]])
        rows = np.array([sketch.rows, current.rows])
        if missing.any() and rows.min() >= FEWEST_ROWS:
            found.append((column, "missing", share_p_value(missing, rows)))
    found.sort(key=lambda one: one[2])
    adjusted = _holm([p_value for _, _, p_value in found])
    return [ColumnTest(*one, late) for one, late in zip(found, adjusted, strict=True)]


def ks_p_value(before: Ints, now: Ints) -> float:
    """
    Compare two samples of numbers by the greatest gap between their distributions.

    The gap is looked for at the bins' edges only. Its distribution there, ties and all,
    is that of a Brownian bridge looked at in those places: followed from edge to edge,
    rather than bounded by that of a continuous column, which would alarm too seldom.

    Args:
        before: Counts by bin.
        now: Counts in the same bins.

    Source:
        Kolmogorov (1933), Giornale dell'Istituto Italiano degli Attuari 4; Doob (1949),
        Annals of Mathematical Statistics 20(3), for the bridge.

    >>> round(ks_p_value(np.array([50, 50]), np.array([50, 50])), 3)
    1.0
    >>> round(ks_p_value(np.array([500, 500]), np.array([560, 440])), 4)
    0.0072
    """
    from scipy.special import kolmogorov  # noqa: PLC0415 - a server tests nothing

    size_before, size_now = int(before.sum()), int(now.sum())
    pooled = np.cumsum(before + now) / (size_before + size_now)
    gap = np.cumsum(before) / size_before - np.cumsum(now) / size_now
    looked_at = _apart(pooled)
    if not len(looked_at):
        return 1.0
    size = size_before * size_now / (size_before + size_now)
    scaled = float(np.sqrt(size) * np.abs(gap[looked_at]).max())
    bound = float(kolmogorov(scaled))
    if (bound > _UNREMARKABLE and len(looked_at) > 1) or scaled > _BEYOND_DOUBT:
        return bound
    return min(bound, max(1.0 - _stays_within(scaled, pooled[looked_at]), 0.0))


def chi_squared_p_value(before: Ints, now: Ints) -> float:
    """
    Compare two samples of words by their shares; rare words count as one.

    >>> round(chi_squared_p_value(np.array([50, 50, 1]), np.array([70, 30, 0])), 4)
    0.0031
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - a server tests nothing

    table = np.stack([before, now]).astype(np.float64)
    least = table.sum(axis=0) * table.sum(axis=1).min() / table.sum()
    order = np.argsort(least, kind="stable")
    # The rarest words, until they are together expected often enough.
    rare = int(np.searchsorted(np.cumsum(least[order]), _FEWEST_EXPECTED)) + 1
    together = table[:, order[:rare]].sum(axis=1)
    table = np.c_[table[:, order[rare:]], together]
    if table.shape[1] <= _PAIR:
        return share_p_value(together.astype(np.int64), table.sum(axis=1))
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(chdtrc(table.shape[1] - 1, statistic))


_PAIR = 2


def share_p_value(counts: Ints, rows: NDArray[np.number]) -> float:
    """
    Compare a share in two samples: chi-squared, or Fisher's exact test if rare.

    Args:
        counts: How many of each sample, shape (2,).
        rows: Out of how many, shape (2,).

    >>> round(share_p_value(np.array([0, 4]), np.array([1000, 100])), 5)
    3e-05
    """
    from scipy.special import ndtr  # noqa: PLC0415 - a server tests nothing
    from scipy.stats import hypergeom  # noqa: PLC0415

    total, of_all = int(counts.sum()), int(rows.sum())
    pooled = total / of_all
    least = min(pooled, 1.0 - pooled) * float(rows.min())
    if least >= _FEWEST_EXPECTED:
        spread = np.sqrt(pooled * (1 - pooled) * (1 / rows[0] + 1 / rows[1]))
        gap = abs(counts[0] / rows[0] - counts[1] / rows[1])
        return float(2.0 * ndtr(-gap / spread))
    chance = hypergeom(of_all, total, int(rows[1]))
    low, high = max(0, total - int(rows[0])), min(total, int(rows[1]))
    each = chance.pmf(np.arange(low, high + 1))
    seen = each[int(counts[1]) - low]
    # As likely or less, within rounding; the seen one counts half, so that the level is
    # kept on average rather than fallen short of.
    return float(each[each <= seen * (1 + 1e-9)].sum() - seen / 2)


def _apart(pooled: Floats) -> NDArray[np.int64]:
    """Choose edges with some rows between them: a step too fine cannot be followed."""
    chosen: list[int] = []
    last = 0.0
    for at, reached in enumerate(pooled.tolist()):
        if reached - last >= _FINEST_STEP and 1.0 - reached >= _FINEST_STEP:
            chosen.append(at)
            last = reached
    return np.array(chosen, np.int64)


def _stays_within(bound: float, times: Floats) -> float:
    """
    Give the chance that a Brownian bridge lies within ±bound at all of some times.

    Its density there, cut off at the bounds, is carried from time to time, held at the
    nodes of a Gauss-Legendre rule.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    at, weight = nodes * bound, weights * bound
    start = float(times[0])
    variance = start * (1.0 - start)
    density = np.exp(-(at**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    for before, now in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        left = (1.0 - now) / (1.0 - before)
        variance = (now - before) * left
        away = at[:, None] - left * at[None, :]
        step = np.exp(-(away**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        density = step @ (density * weight)
    return float(density @ weight)


def _holm(p_values: list[float]) -> list[float]:
    """
    Correct P values, in rising order, for their number (Holm 1979).

    >>> _holm([0.01, 0.04])
    [0.02, 0.04]
    """
    tests = len(p_values)
    steps = np.array(p_values) * np.arange(tests, 0, -1)
    return np.minimum(np.maximum.accumulate(steps), 1.0).tolist() if tests else []
