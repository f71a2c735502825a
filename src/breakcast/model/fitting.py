"""
One fit, whole: a forest, and the logits of builds it had not seen.

What is chosen (slope, thresholds) is chosen on validation builds, forecast by
a forest that ended before them; the forest that answers is then grown on both.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logit as logit_of
from sklearn.ensemble import HistGradientBoostingClassifier

from breakcast.errors import NotEnoughHistory
from breakcast.features.table import Table
from breakcast.model.estimator import Bools, Floats, Recipe, Rows, grow
from breakcast.model.split import VALIDATION_FRACTION, is_known_before, is_last_fraction


@dataclass(frozen=True, slots=True)
class Fit:
    """A forest, or the plain failure rate where there was too little to learn."""

    forest: HistGradientBoostingClassifier | None
    base_logit: float
    builds: int

    def logit(self, rows: Rows) -> Floats:
        """Score rows, shape (n, width): the uncalibrated log-odds of red, shape (n,)."""
        if self.forest is None or not len(rows):
            return np.full(len(rows), self.base_logit)
        return np.asarray(self.forest.decision_function(rows), np.float64)


def fit(table: Table, teaching: Bools, recipe: Recipe) -> Fit:
    """Grow a forest on the marked builds, or fall back on their failure rate."""
    failed = table.failed[teaching] > 0
    base = float(logit_of((failed.sum() + 1) / (len(failed) + 4)))
    try:
        forest = grow(table.rows[teaching], failed, recipe)
    except NotEnoughHistory:
        forest = None
    return Fit(forest, base, len(failed))


@dataclass(frozen=True, slots=True)
class Validated:
    """Which builds validated a fit, and the logits they were given unseen."""

    builds: Bools
    logit: Floats


def validate(table: Table, teaching: Bools, recipe: Recipe) -> Validated:
    """Forecast the last fifth of the teaching builds by a forest that ends before."""
    late = is_last_fraction(table, teaching, VALIDATION_FRACTION)
    early = is_known_before(table, teaching & ~late, late)
    return Validated(late, fit(table, early, recipe).logit(table.rows[late]))
