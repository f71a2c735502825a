"""
Slow drift: many days in a row that are all a little off to the same side.

Each statistic's deviations are summed day by day, less an allowance, never below zero
(a CUSUM), to either side. A single wild day counts for little: deviations are clipped.
Where the sum alarms comes from the baseline's own days, drawn anew many times: in runs
of neighbours, because days wander, and with the error that the mean of so few days has,
which is taken for drift otherwise, and grows day by day.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from breakcast.model.forecasts import Floats, Ints
from breakcast.monitoring.windowed import Deviation, WindowReference

HORIZON: Final = 30
"""Windows in a row that a chance of false alarm is about: a month of days."""
ALLOWANCE: Final = 1.0
CLIP: Final = 2.5
DRAWS: Final = 1_000
RUN: Final = 10
"""Neighbouring windows that are drawn together."""

_FOLLOWED: Final = ("location", "scale", "missing or category")


class Slow(NamedTuple):
    """Where the largest sum stands after a window: how unusual, and whose it is."""

    level: float
    p_value: float
    strongest: int


class SlowDrift:
    """
    Follows windows in a row.

    Args:
        reference: The baseline's windows; enough of them.
        seed: Of the draws.
    """

    def __init__(self, reference: WindowReference, seed: int = 0) -> None:
        self._reference = reference
        self._followed = np.array(
            [
                at
                for at, place in enumerate(reference.statistics.places)
                if place.family in _FOLLOWED
                and not np.isnan(reference.scores[:, at]).all()
            ],
            np.int64,
        )
        pool = np.nan_to_num(reference.scores[:, self._followed])
        classes = [reference.class_of(one) for one in reference.windows]
        like = len(classes) / len(set(classes))
        self._highest = _drawn(pool, like, len(set(classes)), seed)

    def follow(self, deviations: Sequence[Deviation]) -> list[Slow]:
        """Give where the largest sum stands after each of some windows in a row."""
        scores = [one.scores[self._followed] for one in deviations]
        sums = np.zeros((2, len(self._followed)))
        found = []
        for one in scores:
            step = np.clip(np.nan_to_num(one), -CLIP, CLIP)
            sums = np.maximum(sums + np.stack([step, -step]) - ALLOWANCE, 0.0)
            at = int(np.argmax(sums.max(axis=0)))
            level = float(sums.max())
            as_high = int((self._highest >= level).sum())
            p_value = (as_high + 1) / (len(self._highest) + 1)
            found.append(Slow(level, p_value, int(self._followed[at])))
        return found

    def limit(self, level: float) -> float:
        """Give the sum that is passed within 30 windows with this chance only."""
        return float(np.quantile(self._highest, 1.0 - level))


def _drawn(pool: Floats, like: float, classes: int, seed: int) -> Floats:
    """Draw how high the highest sum comes within 30 windows where nothing changes."""
    rng = np.random.default_rng(seed)
    sums = np.zeros((DRAWS, 2, pool.shape[1]))
    highest = np.zeros(DRAWS)
    # Of each draw: what the means of its own baseline are off by, class by class.
    size = max(round(like), 1)
    drawn = _runs(len(pool), size * classes, rng)
    errors = np.stack(
        [
            sum(pool[drawn[:, at]] for at in range(one, size * classes, classes)) / size
            for one in range(classes)
        ]
    )
    following = _runs(len(pool), HORIZON, rng)
    for window in range(HORIZON):
        away = pool[following[:, window]] - errors[window % classes]
        step = np.clip(away / np.sqrt(1.0 + 1.0 / like), -CLIP, CLIP)
        sums = np.maximum(sums + np.stack([step, -step], axis=1) - ALLOWANCE, 0.0)
        if pool.shape[1]:
            highest = np.maximum(highest, sums.max(axis=(1, 2)))
    return highest


def _runs(windows: int, length: int, rng: np.random.Generator) -> Ints:
    """
    Draw windows in runs of neighbours: what wanders from day to day wanders on.

    Source:
        Politis & Romano (1992), the circular block bootstrap.
    """
    starts = rng.integers(windows, size=(DRAWS, -(-length // RUN)))
    each = (starts[:, :, None] + np.arange(RUN)) % windows
    return each.reshape(DRAWS, -1)[:, :length]
