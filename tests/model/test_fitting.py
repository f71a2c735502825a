"""One fit is a forest or a plain failure rate, the same wherever it is made."""

import multiprocessing
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from breakcast.features.table import Table
from breakcast.model import fitting
from breakcast.model.estimator import Bools, Recipe
from breakcast.model.fitting import Fit, fit, fit_each, validation_of
from breakcast.model.split import is_labelled
from tests.model.made_table import NEVER, make_table

SMALL = Recipe(trees=10)


def told_apart(builds: int = 600) -> Table:
    """Three repositories whose first column tells red from green, mostly."""
    rng = np.random.default_rng(0)
    failed = (rng.random(builds) < 0.3).astype(np.float64)
    table = make_table(rng.integers(3, size=builds).tolist(), failed=failed.tolist())
    table.rows[:, 0] = failed + rng.normal(0, 0.4, builds)
    return table


def test_too_few_builds_fall_back_on_their_failure_rate() -> None:
    rows = np.zeros((96, 3), np.float32)

    fitted = fit(rows, np.arange(96) < 24, SMALL)

    assert fitted.forest is None
    assert fitted.builds == 96
    # One red and three green are thought of beside them.
    assert fitted.logit(rows[:2]) == pytest.approx([np.log(25 / 75)] * 2)


@pytest.mark.parametrize(("red", "share"), [(0, 1 / 304), (300, 301 / 304)])
def test_one_class_only_is_never_quite_certain(red: int, share: float) -> None:
    rows = np.zeros((300, 3), np.float32)

    fitted = fit(rows, np.arange(300) < red, SMALL)

    assert fitted.forest is None
    assert fitted.logit(rows[:1]) == pytest.approx([np.log(share / (1 - share))])


def test_nothing_at_all_falls_back_on_one_in_four() -> None:
    fitted = fit(np.empty((0, 3), np.float32), np.empty(0, bool), SMALL)

    assert fitted.logit(np.zeros((1, 3), np.float32)) == pytest.approx([np.log(1 / 3)])


def test_no_rows_get_no_answers() -> None:
    table = told_apart()

    fitted = fit(table.rows, table.failed > 0, SMALL)

    assert fitted.forest is not None
    assert fitted.logit(table.rows[:0]).shape == (0,)


def test_rows_are_scored_one_by_one_as_all_at_once() -> None:
    table = told_apart()
    fitted = fit(table.rows, table.failed > 0, SMALL)

    alone = [float(fitted.logit(table.rows[at : at + 1])[0]) for at in range(50)]

    assert alone == fitted.logit(table.rows[:50]).tolist()


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_fit_as_one_fit_after_another_does(threads: int) -> None:
    table = told_apart()
    teachings = _thirds(table)
    plain = [
        fit(table.rows[of], table.failed[of] > 0, SMALL).logit(table.rows).tolist()
        for of in teachings
    ]

    with ThreadPoolExecutor(threads) as pool:
        assert _logits(table, fit_each(table, teachings, SMALL, pool)) == plain


def test_a_large_table_is_fitted_here_and_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = told_apart()
    teachings = _thirds(table)
    with ThreadPoolExecutor(1) as pool:
        sent = _logits(table, fit_each(table, teachings, SMALL, pool))
        pool.shutdown()
        # Whoever is given something now says that it is closed.
        with pytest.raises(RuntimeError, match="shutdown"):
            fit_each(table, teachings, SMALL, pool)
        monkeypatch.setattr(fitting, "SENT_BYTES", table.rows.nbytes - 1)

        assert _logits(table, fit_each(table, teachings, SMALL, pool)) == sent


@pytest.mark.slow
def test_processes_fit_as_threads_do() -> None:
    """The slow part is that two processes import scikit-learn."""
    table = told_apart()
    teachings = _thirds(table)
    context = multiprocessing.get_context("spawn")
    pools: list[Executor] = [
        ThreadPoolExecutor(1),
        ProcessPoolExecutor(2, mp_context=context),
    ]

    said = []
    for pool in pools:
        with pool:
            said.append(_logits(table, fit_each(table, teachings, SMALL, pool)))

    assert said[0] == said[1]


def test_validation_is_the_last_fifth_and_the_first_forest_ends_before_it() -> None:
    table = make_table([0] * 10, known_at=[*range(1, 7), 8.5, 8.0, 9.5, 10.5])

    early, late = validation_of(table, np.ones(10, bool))

    assert np.flatnonzero(late).tolist() == [8, 9]
    # Neither the build known after the first validation build started, nor the
    # one known at that very moment, has taught the forest that forecasts it.
    assert np.flatnonzero(early).tolist() == [0, 1, 2, 3, 4, 5]


def test_validation_takes_only_builds_that_teach() -> None:
    table = make_table([0, 1] * 20, failed=[0, 1, NEVER, 0] * 10)
    teaching = is_labelled(table) & (np.arange(40) < 30)

    early, late = validation_of(table, teaching)

    assert not (early & late).any()
    assert not ((early | late) & ~teaching).any()
    assert late.sum() == 2 + 3  # a fifth of 8 and of 15, rounded up


def _thirds(table: Table) -> list[Bools]:
    place = np.arange(len(table)) * 3 // len(table)
    return [place == 0, place <= 1, np.ones(len(table), bool)]


def _logits(table: Table, begun: "list[Future[Fit]]") -> list[list[float]]:
    return [future.result().logit(table.rows).tolist() for future in begun]
