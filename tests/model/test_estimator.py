"""The forest grows on any history that holds enough, and the same one each time."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from breakcast.errors import NotEnoughHistory
from breakcast.model.estimator import Bools, Recipe, Rows, grow

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

    assert said[new_failed].mean() > said[~new_failed].mean() + 0.5


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
def test_rows_that_are_all_alike_give_the_failure_rate(value: float) -> None:
    rows = np.full((200, 4), value, np.float32)
    failed = np.arange(200) % 4 == 0

    said = grow(rows, failed, SMALL).decision_function(rows)

    assert said == pytest.approx(np.log(0.25 / 0.75))


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
