"""
How wrong a model was when it was judged, in blocks of builds.

Errors come in bursts: a broken branch stays broken. How much blocks of builds differ
says how far a bad spell may go without meaning anything; single builds do not.
"""

from typing import Final

import msgspec
import numpy as np

from breakcast.model.forecasts import DECISION_THRESHOLD, Bools, Floats

BLOCK: Final = 50
"""Builds of a block, in the order their outcomes became known."""
LEAST_SPREAD: Final = 0.5 / BLOCK
"""Blocks are taken to differ by half an error, at the least."""


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
    """Give mean and spread; nobody is never wrong, so no spread is next to nothing."""
    if len(means) < _PAIR:
        return Level(float(means.mean()) if len(means) else 0.0, LEAST_SPREAD)
    return Level(float(means.mean()), max(float(means.std(ddof=1)), LEAST_SPREAD))


_PAIR = 2
