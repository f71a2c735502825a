"""
The trees: one gradient-boosted forest for all repositories.

A row says nothing about which repository it comes from, only how that
repository has behaved; so one forest serves a repository it has never seen.
"""

import hashlib
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
    kept = telling_columns(rows)
    if not len(kept):
        message = (
            f"the {count} labelled builds look all alike: no feature tells them apart; "
            "give more columns of the builds file, or more builds"
        )
        raise NotEnoughHistory(message)
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
        forest.fit(np.ascontiguousarray(rows[:, kept]), failed)
    return _widened(forest, kept, rows.shape[1])


def telling_columns(rows: Rows) -> NDArray[np.intp]:
    """
    Find the columns that say something: neither constant nor said before.

    A history names no authors, or has one pipeline a repository: up to two thirds
    of a row are then empty, or equal to another column.

    Returns:
        Column numbers in rising order; of equal columns the first.

    >>> nan = np.nan
    >>> rows = np.array([[1, 7, nan, 1, nan], [2, 7, nan, 2, 5]], np.float32)
    >>> telling_columns(rows).tolist()
    [0, 4]
    """
    first: dict[bytes, int] = {}
    for at, column in enumerate(rows.T):
        unknown = np.isnan(column)
        if unknown.all() or (not unknown.any() and column.min() == column.max()):
            continue
        first.setdefault(hashlib.sha256(column.tobytes()).digest(), at)
    return np.array(sorted(first.values()), np.intp)


def _widened(
    forest: HistGradientBoostingClassifier, kept: NDArray[np.intp], width: int
) -> HistGradientBoostingClassifier:
    """Make a forest grown on some columns take whole rows, and answer the same."""
    # scikit-learn has no public way to say it; a bundle is refused if its trees,
    # read by Treelite, answer otherwise.
    for trees in forest._predictors:  # noqa: SLF001
        for tree in trees:
            tree.nodes["feature_idx"] = kept[tree.nodes["feature_idx"]]
    forest.n_features_in_ = forest._n_features = width  # noqa: SLF001
    return forest
