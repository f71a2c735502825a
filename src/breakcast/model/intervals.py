"""
How sure a number is: bootstrap by repository-days.

Builds of one day in one repository share their cause, so they are drawn
together; drawing single builds would call everything far too certain. The
resamples are drawn once and shared by all metrics and forecasters, so a
difference between two forecasters is paired.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from breakcast.model.forecasts import Bools, Floats, Forecasts, Ints
from breakcast.model.weighted import METRICS, ratio, weighted_scores

MIN_BLOCKS: Final = 20
"""With fewer repository-days a bootstrap is wishful; there is no interval then."""

_LEAST_DEFINED: Final = 0.9
_SECONDS_A_DAY: Final = 86_400
_CELLS_AT_ONCE: Final = 2_000_000
"""Weights held at one time (16 MB), so a million builds need no more memory."""


class Interval(msgspec.Struct, frozen=True):
    """A 95 % bootstrap interval (percentiles 2.5 and 97.5)."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, eq=False)
class Resamples:
    """
    How often each repository-day was drawn in each resample.

    Args:
        block: The block of each build, shape (n,), from 0.
        counts: Times drawn, shape (b, blocks); each row sums to blocks.
    """

    block: Ints
    counts: Floats

    def scores(
        self, probability: Floats, failed: Bools, rows: Bools | None = None
    ) -> dict[str, Floats]:
        """
        Every metric on every resample.

        Args:
            probability: Forecast P(red), shape (n,).
            failed: What happened, shape (n,).
            rows: Judge these builds only, mask of shape (n,); all if None.

        Returns:
            By metric, one value a resample, shape (b,); NaN where undefined.
        """
        block = self.block
        if rows is not None:
            probability, failed, block = probability[rows], failed[rows], block[rows]
        parts = [
            weighted_scores(probability, failed, self.counts[some][:, block])
            for some in _portions(len(self.counts), len(block))
        ]
        return {name: np.concatenate([p[name] for p in parts]) for name in METRICS}

    def share(self, part: Bools, whole: Bools) -> Floats:
        """
        The share `part & whole` has of `whole`, on every resample.

        Args:
            part: Mask of builds, shape (n,).
            whole: Mask of builds, shape (n,).

        Returns:
            One share a resample, shape (b,); NaN where `whole` was not drawn.
        """
        size = self.counts.shape[1]
        above = np.bincount(self.block, part & whole, minlength=size)
        below = np.bincount(self.block, whole, minlength=size)
        return ratio(self.counts @ above, self.counts @ below)

    def interval(self, sample: Floats) -> Interval | None:
        """
        The middle 95 % of a metric's values.

        Args:
            sample: One value a resample, shape (b,); NaN where undefined.

        Returns:
            None with fewer than `MIN_BLOCKS` blocks; and if a tenth of the
            resamples or more left the metric undefined, because what remains
            would be a flattering selection.
        """
        bounds = self._quantiles(sample, [0.025, 0.975])
        return Interval(*bounds) if bounds else None

    def lower_bound(self, sample: Floats) -> float | None:
        """
        What the metric exceeds with 95 % confidence, one-sided: its 5th percentile.

        Args:
            sample: One value a resample, shape (b,); NaN where undefined.

        Returns:
            None under the same conditions as `interval`.
        """
        bounds = self._quantiles(sample, [0.05])
        return bounds[0] if bounds else None

    def _quantiles(self, sample: Floats, levels: list[float]) -> list[float]:
        held = sample[~np.isnan(sample)]
        is_enough = self.counts.shape[1] >= MIN_BLOCKS
        if not is_enough or len(held) <= _LEAST_DEFINED * len(sample):
            return []
        return [float(bound) for bound in np.quantile(held, levels)]


def resample(forecasts: Forecasts, resamples: int, seed: int) -> Resamples:
    """
    Draw repository-days (UTC) with replacement.

    Args:
        forecasts: The builds to draw from.
        resamples: How many times, at least 1.
        seed: The same seed draws the same resamples.

    Returns:
        The draws, each of as many blocks as there are.
    """
    day = np.floor(forecasts.started_at / _SECONDS_A_DAY).astype(np.int64)
    span = int(np.ptp(day)) + 1 if len(day) else 1
    found, block = np.unique(forecasts.repo * span + day, return_inverse=True)
    size = len(found)
    rng = np.random.default_rng(seed)
    counts = np.zeros((resamples, size))
    for row in range(resamples if size else 0):
        drawn = rng.integers(size, size=size)
        counts[row] = np.bincount(drawn, minlength=size)
    return Resamples(block=block, counts=counts)


def _portions(total: int, width: int) -> Iterator[slice]:
    step = max(1, _CELLS_AT_ONCE // max(width, 1))
    return (slice(start, start + step) for start in range(0, total, step))
