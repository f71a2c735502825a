"""
A test that may be looked at after every block, and stopped when it has seen enough.

Looking again and again at a P value finds differences that are not there. Odds do not
have this flaw: while nothing differs they grow to 20 in at most one case of 20, however
often and however long one looks (Ville 1939).
"""

from typing import Final

import numpy as np
from scipy.special import log_ndtr

from breakcast.model.forecasts import Floats

SCALED_ON: Final = 10
"""Blocks that only say how large differences are; they count for nothing else."""
_PRIOR_BLOCKS: Final = 10.0
"""How much is taken for granted that differences are small, in blocks."""


def odds_above_nought(differences: Floats) -> Floats:
    """
    Say, after each block, what speaks for a mean above nought, as odds.

    Args:
        differences: One a block, in order of time, shape (n,). If nothing differs each
            is as likely to be above nought as below, by as much, whatever came before.

    Returns:
        The odds after each block, shape (n,); 1 until there are enough.

    Source:
        De la Peña (1999), Annals of Probability 27(1), lemma 6.1: for a symmetric x,
        exp(l x - l² x² / 2) has a mean of at most 1; mixed here over l from a normal
        distribution, its lower half left out.

    >>> rng = np.random.default_rng(0)
    >>> bool(odds_above_nought(rng.normal(0.5, 1.0, 100))[-1] > 20)
    True
    >>> bool(odds_above_nought(-rng.normal(0.5, 1.0, 100)).max() < 20)
    True
    """
    odds = np.ones(len(differences))
    scale = np.sqrt(np.mean(differences[:SCALED_ON] ** 2)) if len(differences) else 0.0
    if len(differences) <= SCALED_ON or scale == 0.0:
        return odds
    scaled = differences[SCALED_ON:] / scale
    total, spread = np.cumsum(scaled), np.cumsum(scaled**2) + _PRIOR_BLOCKS
    logarithm = (
        np.log(2.0)
        + 0.5 * np.log(_PRIOR_BLOCKS / spread)
        + total**2 / (2.0 * spread)
        + log_ndtr(total / np.sqrt(spread))
    )
    odds[SCALED_ON:] = np.exp(np.minimum(logarithm, _LARGEST))
    return odds


_LARGEST: Final = 500.0
