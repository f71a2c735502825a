"""Streams of outcomes and forecasts, and what the sums of their losses make of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from breakcast.model.errorblocks import (
    BLOCK,
    ErrorBlocks,
    block_losses,
    error_blocks,
)
from breakcast.monitoring.concept import THRESHOLD, sums_of

SEED = 70_000
"""Those that the threshold was chosen on lay below 10,000."""

Errors = NDArray[np.bool_]


class Answers(NamedTuple):
    """Streams of outcomes, and what was said of them; shape (streams, labels) each."""

    failed: Errors
    probability: NDArray[np.float64]


def said_of(errors: Errors, rng: np.random.Generator) -> Answers:
    """Draw forecasts that are wrong where they are to be."""
    failed = rng.random(errors.shape) < 0.3
    sure = rng.uniform(0.5, 1.0, errors.shape)
    return Answers(failed, np.where(failed != errors, sure, 1.0 - sure))


def measured(answers: Answers) -> list[ErrorBlocks]:
    """Measure each stream, as a model is that is judged."""
    return [error_blocks(*one) for one in zip(*answers, strict=True)]


def alarms_of(
    failed: Errors, said: NDArray[np.float64], usual: ErrorBlocks
) -> list[int]:
    """Give the labels after which a sum alarms; both begin anew then."""
    return passed(block_losses(failed, said), usual)


def passed(losses: dict[str, NDArray[np.float64]], usual: ErrorBlocks) -> list[int]:
    """Give the labels after which a sum of some blocks' losses alarms, likewise."""
    levels = {"errors": usual.errors, "brier": usual.brier}
    found, start = [], 0
    while True:
        high = np.any(
            [
                sums_of(losses[name][start:], level, usual.blocks) >= THRESHOLD
                for name, level in levels.items()
            ],
            axis=0,
        )
        if not high.any():
            return found
        start += int(np.argmax(high)) + 1
        found.append(start * BLOCK)


def rate_of(alarms: list[int]) -> dict[str, float]:
    """Give alarms in 10,000 labels, and the standard error of that."""
    return {
        "false_alarms_in_10000": float(np.mean(alarms)),
        "standard_error": float(np.std(alarms, ddof=1) / np.sqrt(len(alarms))),
    }


def delays(first: list[int | None]) -> dict[str, float | None]:
    """Give the median of the first alarms' labels, those missed being the last."""
    delays = np.array([np.inf if one is None else one for one in first])
    middle = float(np.median(delays))
    return {
        "labels_median": middle if np.isfinite(middle) else None,
        "missed": float(np.isinf(delays).mean()),
    }
