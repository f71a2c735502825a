"""
The trees: one gradient-boosted forest for all repositories.

A row says nothing about which repository it comes from, only how that
repository has behaved; so one forest serves a repository it has never seen.
"""

from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from breakcast.errors import NotEnoughHistory

Rows: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

FEWEST_BUILDS = 100
FEWEST_OF_A_KIND = 10


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """
    How the forest is grown; chosen on validation parts of real histories.

    Many small trees on a fifth of the columns each: on 20 to 60 thousand builds
    the ranking is flat around these values, and small trees are quick to serve.
    """

    trees: int = 200
    learning_rate: float = 0.04
    leaves: int = 15
    bins: int = 64
    column_share: float = 0.2
    l2: float = 5.0
    fewest_in_leaf: int = 20
    seed: int = 0


def grow(rows: Rows, failed: Bools, recipe: Recipe) -> HistGradientBoostingClassifier:
    """
    Grow the forest on labelled rows.

    Args:
        rows: Features, shape (n, width); NaN is unknown.
        failed: Which of the builds were red, shape (n,).
        recipe: How.

    Raises:
        NotEnoughHistory: If there are fewer than 100 builds, or fewer than 10
            of them red or green.
    """
    count, red = len(failed), int(failed.sum())
    if count < FEWEST_BUILDS or min(red, count - red) < FEWEST_OF_A_KIND:
        message = (
            f"{count} labelled builds, {red} of them red, are too few to learn from; "
            f"it takes {FEWEST_BUILDS}, {FEWEST_OF_A_KIND} of them red and "
            f"{FEWEST_OF_A_KIND} green"
        )
        raise NotEnoughHistory(message)
    is_never_known = np.isnan(rows).all(axis=0)
    if is_never_known.any():
        # scikit-learn 1.9 cannot bin a column without a value; a constant is never
        # split on.
        rows = np.where(is_never_known, np.float32(0.0), rows)
    forest = HistGradientBoostingClassifier(
        max_iter=recipe.trees,
        learning_rate=recipe.learning_rate,
        max_leaf_nodes=recipe.leaves,
        max_bins=recipe.bins,
        max_features=recipe.column_share,
        l2_regularization=recipe.l2,
        min_samples_leaf=recipe.fewest_in_leaf,
        early_stopping=False,
        random_state=recipe.seed,
    )
    # One thread a forest: sums come out in one order, so the same forest grows on
    # any machine; and OpenMP's waiting threads cost tenfold where cores are shared.
    with threadpool_limits(limits=1, user_api="openmp"):
        return forest.fit(rows, failed)
