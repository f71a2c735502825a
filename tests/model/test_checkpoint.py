"""Trees answer as the estimator on every number there is, and never crash us."""

import numpy as np
import pytest
import treelite
from numpy.typing import NDArray
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression

from breakcast.errors import BundleError
from breakcast.model.checkpoint import Trees, checkpoint_of, try_elsewhere
from breakcast.model.checkpointtrial import fault_of

RNG = np.random.default_rng(0)
# Coarse values, so that many rows lie exactly on a cut.
ROWS = RNG.integers(-8, 9, (800, 6)).astype(np.float32) / 4
FAILED = ROWS[:, 0] + RNG.normal(0, 1, 800) > 0
FLOAT32 = np.finfo(np.float32)
EXTREMES = np.array(
    [
        *(np.nan, np.inf, -np.inf, 0.0, -0.0),
        *(FLOAT32.max, FLOAT32.min, FLOAT32.tiny, -FLOAT32.tiny),
        *(FLOAT32.smallest_subnormal, -FLOAT32.smallest_subnormal, FLOAT32.eps),
    ],
    np.float32,
)


@pytest.fixture(scope="module")
def hist() -> HistGradientBoostingClassifier:
    """Fitted with unknown values, so that every node has a side for them."""
    rows = ROWS.copy()
    rows[RNG.random(rows.shape) < 0.2] = np.nan
    return HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=15, min_samples_leaf=5, early_stopping=False
    ).fit(rows, FAILED)


@pytest.fixture(scope="module")
def classic() -> GradientBoostingClassifier:
    return GradientBoostingClassifier(n_estimators=40, random_state=0).fit(ROWS, FAILED)


def test_every_extreme_in_every_column_is_scored_alike(
    hist: HistGradientBoostingClassifier,
) -> None:
    rows = np.repeat(ROWS[:20], len(EXTREMES) * 6, axis=0)
    places = np.tile(np.arange(6).repeat(len(EXTREMES)), 20)
    rows[np.arange(len(rows)), places] = np.tile(EXTREMES, 20 * 6)

    _assert_alike(hist, rows)


def test_values_on_a_cut_and_beside_it_are_scored_alike(
    hist: HistGradientBoostingClassifier,
) -> None:
    _assert_alike(hist, _rows_around_cuts(hist))


def test_the_older_gradient_boosting_is_scored_alike_with_its_own_base(
    classic: GradientBoostingClassifier,
) -> None:
    _assert_alike(classic, ROWS)


def test_the_older_gradient_boosting_is_scored_alike_around_its_cuts(
    classic: GradientBoostingClassifier,
) -> None:
    """It compares in float32 what the trees compare in float64."""
    _assert_alike(classic, _rows_around_cuts(classic))


def test_trees_know_their_width_and_number(
    hist: HistGradientBoostingClassifier,
) -> None:
    trees = Trees(checkpoint_of(hist))

    assert (trees.width, trees.count) == (6, 40)


def test_outcomes_by_another_name_than_true_are_refused() -> None:
    estimator = HistGradientBoostingClassifier(max_iter=2)
    estimator.fit(ROWS, np.where(FAILED, "failed", "passed"))

    with pytest.raises(BundleError, match=r"'failed', 'passed'.* gives no log-odds"):
        checkpoint_of(estimator)


def test_an_estimator_without_log_odds_is_refused() -> None:
    estimator = RandomForestClassifier(n_estimators=2).fit(ROWS, FAILED)

    with pytest.raises(BundleError, match=r"RandomForestClassifier .* no log-odds"):
        checkpoint_of(estimator)


def test_an_estimator_without_trees_is_refused() -> None:
    estimator = LogisticRegression().fit(ROWS, FAILED)

    with pytest.raises(BundleError, match="cannot take a LogisticRegression"):
        checkpoint_of(estimator)


def test_trees_of_three_classes_are_refused() -> None:
    estimator = HistGradientBoostingClassifier(max_iter=2)
    estimator.fit(ROWS, np.arange(800) % 3)
    model = treelite.sklearn.import_model(estimator)

    with pytest.raises(BundleError, match=r"the trees are .*'num_class': \[3\]"):
        Trees(model.serialize_bytes())


def test_a_sound_checkpoint_passes_the_trial(
    hist: HistGradientBoostingClassifier, classic: GradientBoostingClassifier
) -> None:
    try_elsewhere(checkpoint_of(hist))
    try_elsewhere(checkpoint_of(classic))


@pytest.mark.slow
def test_a_damaged_checkpoint_never_ends_this_process(
    hist: HistGradientBoostingClassifier,
) -> None:
    """Whatever passes the trial is also read and scored here."""
    sound = checkpoint_of(hist)
    refused = 0
    for seed in range(30):
        damaged, chance = bytearray(sound), np.random.default_rng(seed)
        for _ in range(1 + seed % 4):
            # Mostly lengths and indices, which lie near the start of each tree.
            damaged[chance.integers(2_000)] = chance.integers(256)
        try:
            try_elsewhere(bytes(damaged))
            Trees(bytes(damaged)).logit(ROWS.astype(np.float64))
        except BundleError:
            refused += 1
    assert refused > 10


@pytest.mark.parametrize(
    ("name", "values", "fault"),
    [
        ("cleft", [1, -1], "arrays are of lengths"),
        ("node_type", [2, 0, 0], "neither a leaf nor the test"),
        ("split_index", [4, -1, -1], "a column that is not from 0 to 3"),
        ("split_index", [-1, -1, -1], "a column that is not from 0 to 3"),
        ("cleft", [0, -1, -1], "not exactly one parent"),
        ("cright", [1, -1, -1], "not exactly one parent"),
        ("cright", [3, -1, -1], "not exactly one parent"),
        ("cleft", [1, 0, -1], "a leaf has children"),
        ("leaf_value", [0.0, np.inf, 0.0], "no finite number"),
        ("leaf_vector_end", [0, 2, 0], "more than one number"),
    ],
)
def test_a_tree_that_cannot_be_walked_is_told(
    name: str, values: list[float], fault: str
) -> None:
    stump: dict[str, NDArray[np.float64]] = {
        "node_type": np.array([1, 0, 0]),
        "split_index": np.array([3, -1, -1]),
        "cleft": np.array([1, -1, -1]),
        "cright": np.array([2, -1, -1]),
        "leaf_value": np.array([0.0, -0.5, 0.5]),
        "leaf_vector_begin": np.zeros(3),
        "leaf_vector_end": np.zeros(3),
    }
    assert fault_of(stump, width=4) is None

    assert fault in str(fault_of(stump | {name: np.array(values)}, width=4))


def _assert_alike(
    estimator: HistGradientBoostingClassifier | GradientBoostingClassifier,
    rows: NDArray[np.float32],
) -> None:
    trees = Trees(checkpoint_of(estimator))
    expected = estimator.decision_function(rows)

    found = trees.logit(rows.astype(np.float64))

    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def _rows_around_cuts(
    estimator: HistGradientBoostingClassifier | GradientBoostingClassifier,
) -> NDArray[np.float32]:
    """Rows with one value on a cut, or the next float32 below or above it."""
    model = treelite.sklearn.import_model(estimator)
    rows = []
    for number in range(model.num_tree):
        tree = model.get_tree_accessor(number)
        fields = zip(
            np.asarray(tree.get_field("split_index")).tolist(),
            np.asarray(tree.get_field("threshold")).astype(np.float32),
            strict=True,
        )
        for column, cut in fields:
            if column < 0:
                continue
            above = np.nextafter(cut, np.float32(np.inf))
            below = np.nextafter(cut, np.float32(-np.inf))
            for value in (cut, above, below):
                row = ROWS[len(rows) % len(ROWS)].copy()
                row[column] = value
                rows.append(row)
    return np.array(rows, np.float32)
