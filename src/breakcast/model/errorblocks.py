"""
How wrong a model was when it was judged, in blocks of builds.

Errors come in bursts: a broken branch stays broken. How much blocks of builds differ
says how far a bad spell may go without meaning anything; single builds do not.
"""

from math import sqrt
from typing import Final

import msgspec
import numpy as np

from breakcast.model.forecasts import DECISION_THRESHOLD, Bools, Floats

BLOCK: Final = 50
"""Builds of a block, in the order their outcomes became known."""


class Level(msgspec.Struct, frozen=True):
    """A loss's mean over blocks, and by how much blocks differ."""

    mean: float
    spread: float


class ErrorBlocks(msgspec.Struct, frozen=True, kw_only=True):
    """
    What blocks of builds looked like.

    >>> failed = np.tile([True, False, False, False], 100)
    >>> found = error_blocks(failed, np.full(400, 0.25))
    >>> found.blocks, found.errors.mean, found.brier.mean
    (8, 0.25, 0.1875)
    """

    blocks: int
    errors: Level
    brier: Level


def error_blocks(failed: Bools, probability: Floats) -> ErrorBlocks:
    """
    Measure forecasts in blocks; what does not fill the last one is left out.

    Args:
        failed: What happened, shape (n,), in the order it became known.
        probability: What was forecast, shape (n,), each in [0, 1].
    """
    losses = block_losses(failed, probability)
    blocks = len(losses["errors"])
    return ErrorBlocks(
        blocks=blocks, **{name: _level(means) for name, means in losses.items()}
    )


def block_losses(failed: Bools, probability: Floats) -> dict[str, Floats]:
    """Give each block's share of errors and its Brier score, shape (blocks,) each."""
    errors = (probability >= DECISION_THRESHOLD) != failed
    brier = (probability - failed) ** 2
    return {"errors": _blocked(errors), "brier": _blocked(brier)}


def _blocked(loss: Bools | Floats) -> Floats:
    blocks = len(loss) // BLOCK
    return np.asarray(
        loss[: blocks * BLOCK].reshape(blocks, BLOCK).mean(axis=1), np.float64
    )


def _level(means: Floats) -> Level:
    """Give mean and spread; that of independent builds, where blocks differ by less."""
    blocks = len(means)
    # Half an error more, and half a build without: nobody is never wrong.
    likely = (float(means.sum()) * BLOCK + 0.5) / (blocks * BLOCK + 1.0)
    least = sqrt(likely * (1.0 - likely) / BLOCK)
    if blocks == 0:
        return Level(likely, least)
    found = float(means.std(ddof=1)) if blocks > 1 else 0.0
    return Level(float(means.mean()), max(found, least if found == 0.0 else 0.0))
