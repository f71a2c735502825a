"""Intervals rest on repository-days, are paired, and are withheld when too bold."""

import numpy as np
import pytest

from breakcast.model.intervals import Interval, resample
from breakcast.model.metrics import score
from tests.model.made_up import make_forecasts

DAY = 86_400


def test_builds_of_one_repository_and_utc_day_are_drawn_together() -> None:
    started_at = np.array([0, DAY - 1, DAY, 0, DAY]) * 1.0
    made = make_forecasts(5, repo=np.array([0, 0, 0, 1, 1]), started_at=started_at)
    block = resample(made, 10, seed=0).block
    assert block[0] == block[1]
    assert len(set(block.tolist())) == 4


def test_each_resample_draws_as_many_blocks_as_there_are() -> None:
    draws = resample(make_forecasts(300), 50, seed=0)
    assert (draws.counts.sum(axis=1) == draws.counts.shape[1]).all()


def test_the_same_seed_draws_the_same() -> None:
    made = make_forecasts(300)
    assert (resample(made, 9, seed=4).counts == resample(made, 9, seed=4).counts).all()
    assert (resample(made, 9, seed=4).counts != resample(made, 9, seed=5).counts).any()


def test_a_resampled_metric_is_the_metric_of_the_repeated_builds() -> None:
    made = make_forecasts(300)
    draws = resample(made, 3, seed=0)
    found = draws.scores(made.probability, made.failed)
    times = draws.counts[1][draws.block].astype(int)
    again = score(np.repeat(made.probability, times), np.repeat(made.failed, times))
    assert found["roc_auc"][1] == pytest.approx(again.roc_auc)
    assert found["mcc"][1] == pytest.approx(again.mcc)


def test_many_builds_are_weighed_in_portions_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = make_forecasts(300)
    draws = resample(made, 7, seed=0)
    at_once = draws.scores(made.probability, made.failed)
    monkeypatch.setattr("breakcast.model.intervals._CELLS_AT_ONCE", 700)
    in_portions = draws.scores(made.probability, made.failed)
    assert all((at_once[name] == in_portions[name]).all() for name in at_once)


def test_a_share_of_some_rows_is_resampled_like_a_metric() -> None:
    made = make_forecasts(300)
    draws = resample(made, 5, seed=0)
    right = (made.probability > 0.5) == made.failed
    everything = np.ones(300, dtype=bool)
    accuracy = draws.scores(made.probability, made.failed)["accuracy"]
    assert draws.share(right, everything) == pytest.approx(accuracy)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Coin tosses in days of 10, so that the true accuracy is known to be 0.7."""
    covered = 0
    for seed in range(100):
        right = np.random.default_rng(seed).random(600) < 0.7
        made = make_forecasts(
            600,
            probability=np.full(600, 0.1),
            failed=~right,
            repo=np.zeros(600, dtype=int),
            started_at=np.repeat(np.arange(60.0), 10) * DAY,
        )
        draws = resample(made, 200, seed)
        found = draws.interval(draws.scores(made.probability, made.failed)["accuracy"])
        assert found is not None
        covered += found.lower <= 0.7 <= found.upper
    assert 88 <= covered <= 99


def test_days_that_fail_as_one_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    by_day = np.repeat(rng.random(60) < 0.3, 10)
    columns = {"repo": np.zeros(600, dtype=int), "probability": np.full(600, 0.1)}
    days = np.repeat(np.arange(60.0), 10) * DAY
    widths = []
    for failed in (by_day, rng.permutation(by_day)):
        made = make_forecasts(600, failed=failed, started_at=days, **columns)
        draws = resample(made, 300, seed=0)
        found = draws.interval(draws.scores(made.probability, failed)["brier"])
        assert found is not None
        widths.append(found.upper - found.lower)
    assert widths[0] > 2 * widths[1]


def test_with_few_days_there_is_no_interval() -> None:
    made = make_forecasts(300, repos=1, started_at=np.repeat(np.arange(10.0), 30) * DAY)
    draws = resample(made, 50, seed=0)
    assert draws.interval(np.arange(50.0)) is None
    assert draws.lower_bound(np.arange(50.0)) is None


def test_an_interval_is_withheld_when_many_resamples_leave_it_undefined() -> None:
    draws = resample(make_forecasts(300), 1_001, seed=0)
    sample = np.arange(1_001.0)
    assert draws.interval(sample) == Interval(25.0, 975.0)
    assert draws.lower_bound(sample) == 50.0
    sample[:101] = np.nan
    assert draws.interval(sample) is None


def test_no_builds_give_no_interval_and_no_error() -> None:
    draws = resample(make_forecasts(5).take(np.zeros(5, dtype=bool)), 10, seed=0)
    found = draws.scores(np.empty(0), np.empty(0, dtype=bool))
    assert draws.interval(found["accuracy"]) is None
