"""
Made-up data that drifts, or does not: seeded, so that every tool sees the same.

Thirty features of five kinds, in five blocks whose members hang together (correlation
.5 before they are bent into their shapes). Rows may be independent; or days have a
cycle over the week and something of their own, as builds' days have.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

FEATURES = 30
BLOCK = 6
TOGETHER = 0.5
DAY_SPREAD = 0.1
WEEKEND_SHIFT = 0.5
"""Of six features, on Saturdays and Sundays."""
CYCLE = 0.3
"""Of six others, a wave over all days of the week."""
DAY = 86_400
START = 4 * DAY
"""A Monday."""

TELLING = (0, 7, 14)
"""Features that tell red from green."""
STEEPNESS = 1.9
"""How surely: the forecaster is right in 88.8 % of the rows."""

Rows = NDArray[np.float64]
Shift = Callable[[Rows, np.random.Generator], Rows]

_ROOT = np.linalg.cholesky(np.full((BLOCK, BLOCK), TOGETHER) + np.eye(BLOCK) / 2)
_NORMAL, _HEAVY, _COUNT, _ZEROES = 10, 18, 24, 28
# Each block has features of several kinds.
_ORDER = np.random.default_rng(99).permutation(FEATURES)
NAMES = tuple(f"f{at:02}" for at in range(FEATURES))


class Days(NamedTuple):
    """Rows of some days, and when each was, in seconds."""

    values: Rows
    seconds: NDArray[np.int64]


def rows(rng: np.random.Generator, count: int, shift: Shift | None = None) -> Rows:
    """Draw independent rows."""
    latent = _latent(rng, count)
    return _shaped(latent if shift is None else shift(latent, rng), rng, shift)


def days(
    rng: np.random.Generator,
    first: int,
    count: int,
    a_day: int,
    *,
    shift: Shift | None = None,
    has_cycle: bool = False,
) -> Days:
    """
    Draw the rows of some days.

    Args:
        rng: Draws them.
        first: Which day is the first, a Monday being day 0.
        count: How many days.
        a_day: Rows of a day.
        shift: What has changed.
        has_cycle: Whether all days of the week differ, not only weekends.
    """
    parts = []
    for day in range(first, first + count):
        latent = _latent(rng, a_day) + DAY_SPREAD * rng.normal(size=FEATURES)
        latent[:, :6] += WEEKEND_SHIFT * (day % 7 >= 5)
        if has_cycle:
            latent[:, 12:18] += CYCLE * np.sin(2 * np.pi * day / 7)
        if shift is not None:
            latent = shift(latent, rng)
        parts.append(_shaped(latent, rng, shift))
    seconds = START + np.repeat(np.arange(first, first + count), a_day) * DAY
    return Days(np.concatenate(parts), seconds + 3_600)


def moved(by: float, features: int = 1) -> Shift:
    """Move so many features by standard deviations."""

    def shift(latent: Rows, rng: np.random.Generator) -> Rows:
        del rng
        latent[:, 2 : 2 + 5 * features : 5] += by
        return latent

    return shift


def widened(latent: Rows, rng: np.random.Generator) -> Rows:
    """Scale one feature by 1.6."""
    del rng
    latent[:, 3] *= 1.6
    return latent


def parted(latent: Rows, rng: np.random.Generator) -> Rows:
    """Let the features of one block have nothing to do with each other."""
    block = _ORDER < BLOCK
    latent[:, block] = rng.normal(size=(len(latent), BLOCK))
    return latent


def lost(latent: Rows, rng: np.random.Generator) -> Rows:
    """Lose a tenth of one feature; done once it is shaped."""
    del rng
    return latent


def all_but_the_telling_moved(latent: Rows, rng: np.random.Generator) -> Rows:
    """Move all inputs that do not tell red from green; what they mean stays."""
    del rng
    others = np.setdiff1d(np.arange(FEATURES), TELLING)
    latent[:, others] += 0.4
    return latent


SHIFTS: dict[str, Shift] = {
    "location +.3 SD, one feature": moved(0.3),
    "location +.5 SD, one feature": moved(0.5),
    "location +.3 SD, six features": moved(0.3, 6),
    "scale ×1.6, one feature": widened,
    "10 % missing, one feature": lost,
    "correlation of a block lost": parted,
}


class Labelled(NamedTuple):
    """Inputs, what a forecaster that stays as it is says of them, and what happens."""

    values: Rows
    probability: Rows
    failed: NDArray[np.bool_]


def labelled(
    rng: np.random.Generator,
    count: int,
    *,
    shift: Shift | None = None,
    turned: float = 0.0,
) -> Labelled:
    """
    Draw inputs with outcomes; the forecaster knows P(red) as it was.

    Args:
        rng: Draws them.
        count: How many.
        shift: What has changed about the inputs; what they mean stays.
        turned: In this share of the rows the opposite happens: P(red | inputs) has
            changed, the inputs have not.
    """
    latent = _latent(rng, count)
    if shift is not None:
        latent = shift(latent, rng)
    said = expit(STEEPNESS * (latent[:, TELLING].sum(axis=1) - 1.2))
    failed = (rng.random(count) < said) != (rng.random(count) < turned)
    return Labelled(_shaped(latent, rng, None), said, failed)


def errors_in_bursts(
    rng: np.random.Generator, streams: int, labels: int, rate: float, together: float
) -> NDArray[np.bool_]:
    """
    Draw streams of errors, one following another: a two-state Markov chain.

    Args:
        rng: Draws them.
        streams: How many.
        labels: How long each is.
        rate: Share of errors.
        together: Correlation of neighbours.
    """
    errors = np.empty((streams, labels), np.bool_)
    last = rng.random(streams) < rate
    for at in range(labels):
        last = rng.random(streams) < rate + together * (last - rate)
        errors[:, at] = last
    return errors


def _latent(rng: np.random.Generator, count: int) -> Rows:
    drawn = rng.normal(size=(count, FEATURES // BLOCK, BLOCK)) @ _ROOT.T
    return drawn.reshape(count, FEATURES)[:, _ORDER]


def _shaped(latent: Rows, rng: np.random.Generator, shift: Shift | None) -> Rows:
    values = latent.copy()
    values[:, _NORMAL:_HEAVY] = np.exp(latent[:, _NORMAL:_HEAVY])
    values[:, _HEAVY:_COUNT] = np.floor(np.exp(1 + 0.6 * latent[:, _HEAVY:_COUNT]))
    zeroes = latent[:, _COUNT:_ZEROES]
    values[:, _COUNT:_ZEROES] = np.where(zeroes > 0.5, np.exp(zeroes), 0.0)
    values[:, _ZEROES:] = latent[:, _ZEROES:] > 0.3
    if shift is lost:
        values[rng.random(len(values)) < 0.1, 4] = np.nan
    return values
