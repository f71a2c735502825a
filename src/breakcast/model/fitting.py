"""
One fit, whole: a forest, and the logits of builds it had not seen.

What is chosen (slope, thresholds) is chosen on validation builds, forecast by
a forest that ended before them; the forest that answers is then grown on both.
"""

import threading
from collections.abc import Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import logit as logit_of
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from breakcast.errors import NotEnoughHistory
from breakcast.features.table import Table
from breakcast.model.estimator import Bools, Floats, Recipe, Rows, grow
from breakcast.model.split import VALIDATION_FRACTION, is_known_before, is_last_fraction

SENT_BYTES = 256 * 2**20
"""A table that is larger (some 300,000 builds) is not sent to other processes."""
_ALONE = threading.Lock()


@dataclass(frozen=True, slots=True)
class Fit:
    """A forest, or the plain failure rate where there was too little to learn."""

    forest: HistGradientBoostingClassifier | None
    base_logit: float
    builds: int

    def logit(self, rows: Rows) -> Floats:
        """Score rows (n, width): the uncalibrated log-odds of red, shape (n,)."""
        if self.forest is None or not len(rows):
            return np.full(len(rows), self.base_logit)
        with threadpool_limits(limits=1, user_api="openmp"):
            return np.asarray(self.forest.decision_function(rows), np.float64)


def fit(rows: Rows, failed: Bools, recipe: Recipe) -> Fit:
    """Grow a forest on labelled rows, or fall back on their failure rate."""
    base = float(logit_of((failed.sum() + 1) / (len(failed) + 4)))
    try:
        forest = grow(rows, failed, recipe)
    except NotEnoughHistory:
        forest = None
    return Fit(forest, base, len(failed))


def fit_each(
    table: Table, teachings: Iterable[Bools], recipe: Recipe, executor: Executor
) -> list["Future[Fit]"]:
    """
    Begin one fit for each set of teaching builds.

    They run side by side, unless the table is so large that a copy for each would not
    fit into memory: then one after the other, in this process.
    """
    if table.rows.nbytes <= SENT_BYTES:
        return [
            executor.submit(
                fit, table.rows[teaching], table.failed[teaching] > 0, recipe
            )
            for teaching in teachings
        ]
    here = ThreadPoolExecutor(1)
    begun = [here.submit(_fit_alone, table, one, recipe) for one in teachings]
    here.shutdown(wait=False)
    return begun


def _fit_alone(table: Table, teaching: Bools, recipe: Recipe) -> Fit:
    with _ALONE:
        return fit(table.rows[teaching], table.failed[teaching] > 0, recipe)


def validation_of(table: Table, teaching: Bools) -> tuple[Bools, Bools]:
    """
    Part teaching builds by time: those for a first forest, and its validation.

    The validation is the last fifth of each repository's; the first forest knows
    only what was known before.
    """
    late = is_last_fraction(table, teaching, VALIDATION_FRACTION)
    return is_known_before(table, teaching & ~late, late), late
