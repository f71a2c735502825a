"""The forest grows on any history that holds enough, and the same one each time."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from breakcast.errors import NotEnoughHistory
from breakcast.model.estimator import Bools, Recipe, Rows, grow, telling_columns

SMALL = Recipe(trees=15)


def made_up(builds: int = 400, *, seed: int = 0) -> tuple[Rows, Bools]:
    """Rows of six columns, of which the first tells much and the last is gone."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(builds, 6)).astype(np.float32)
    failed = rows[:, 0] + rng.normal(0, 0.5, builds) > 0.8
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows[:, -1] = np.nan
    return rows, failed


@pytest.mark.parametrize(
    ("builds", "red"), [(99, 40), (100, 9), (100, 91), (100, 0), (100, 100), (0, 0)]
)
def test_too_little_to_learn_from_is_said_in_numbers(builds: int, red: int) -> None:
    with pytest.raises(NotEnoughHistory) as refused:
        grow(np.zeros((builds, 2), np.float32), np.arange(builds) < red, SMALL)

    assert str(refused.value) == (
        f"{builds} labelled builds, {red} of them red, are too few to learn from; "
        "it takes 100, 10 of them red and 10 green"
    )


@pytest.mark.parametrize("red", [10, 90])
def test_a_hundred_builds_with_ten_of_a_kind_are_just_enough(red: int) -> None:
    rows, _ = made_up(100)

    forest = grow(rows, np.arange(100) < red, SMALL)

    assert np.isfinite(forest.decision_function(rows)).all()


def test_what_is_told_by_the_rows_is_learnt() -> None:
    rows, failed = made_up(1_000)
    new_rows, new_failed = made_up(1_000, seed=1)

    said = grow(rows, failed, SMALL).decision_function(new_rows)

    right = said[new_failed][:, None] > said[~new_failed]
    assert right.mean() > 0.8


def test_a_column_never_known_in_training_says_nothing_later() -> None:
    rows, failed = made_up()
    filled = rows.copy()
    filled[:, -1] = np.linspace(-1e6, 1e6, len(rows))

    forest = grow(rows, failed, SMALL)

    said = forest.decision_function(rows).tolist()
    assert forest.decision_function(filled).tolist() == said


def test_growing_leaves_the_rows_as_they_were() -> None:
    rows, failed = made_up()
    before = rows.copy()

    grow(rows, failed, SMALL)

    assert np.array_equal(rows, before, equal_nan=True)


@pytest.mark.parametrize("value", [np.nan, 0.0, -3.5, 1e30])
def test_builds_that_look_all_alike_teach_nothing(value: float) -> None:
    rows = np.full((200, 4), value, np.float32)

    with pytest.raises(NotEnoughHistory) as refused:
        grow(rows, np.arange(200) % 4 == 0, SMALL)

    assert str(refused.value) == (
        "the 200 labelled builds look all alike: no feature tells them apart; "
        "give more columns of the builds file, or more builds"
    )


def test_columns_that_say_nothing_new_change_no_forest() -> None:
    """Constant, empty and repeated ones; but what is sometimes unknown says much."""
    rows, failed = made_up()
    rows[:, 4] = np.where(failed, 1.0, np.nan)
    constant = np.full((len(rows), 1), 7.0, np.float32)
    wide = np.hstack([constant, rows[:, :3], rows[:, :1], constant, rows[:, 3:]])

    assert telling_columns(rows).tolist() == [0, 1, 2, 3, 4]
    assert telling_columns(wide).tolist() == [1, 2, 3, 6, 7]
    said = grow(wide, failed, SMALL).decision_function(wide)
    assert said.tolist() == grow(rows, failed, SMALL).decision_function(rows).tolist()


def test_what_a_repeated_column_says_later_is_not_listened_to() -> None:
    rows, failed = made_up()
    twice = np.hstack([rows, rows[:, :1]])
    forest = grow(twice, failed, SMALL)
    said = forest.decision_function(twice).tolist()

    twice[:, -1] = 1e6

    assert forest.decision_function(twice).tolist() == said


def test_a_forest_takes_rows_as_wide_as_those_it_grew_on() -> None:
    rows, failed = made_up()
    forest = grow(rows, failed, SMALL)

    assert forest.n_features_in_ == 6
    with pytest.raises(ValueError, match=r"has 5 features, but .* is expecting 6"):
        forest.decision_function(rows[:, :5])


def test_some_rows_may_know_nothing() -> None:
    rows, failed = made_up()
    rows[::3] = np.nan

    said = grow(rows, failed, SMALL).decision_function(rows)

    assert np.isfinite(said).all()
    assert len(set(said[::3].tolist())) == 1


def test_extreme_numbers_are_numbers() -> None:
    rows, failed = made_up()
    largest = np.finfo(np.float32).max
    rows[0, :3] = np.array([largest, -largest, 1e-40], np.float32)

    assert np.isfinite(grow(rows, failed, SMALL).decision_function(rows)).all()


def test_as_many_threads_as_there_are_grow_the_same_forest() -> None:
    rows, failed = made_up(2_000)
    grown = []
    for threads in (1, 2, 4):
        with threadpool_limits(limits=threads, user_api="openmp"):
            grown.append(grow(rows, failed, SMALL).decision_function(rows).tolist())

    assert grown[0] == grown[1] == grown[2]


def test_another_seed_grows_another_forest() -> None:
    rows, failed = made_up()
    one, other = (grow(rows, failed, Recipe(trees=15, seed=seed)) for seed in (0, 1))

    assert (one.decision_function(rows) != other.decision_function(rows)).any()
