"""Savings: the budget is kept on validation, and money is counted modestly."""

import numpy as np
import pytest

from breakcast.model.intervals import resample
from breakcast.model.savings import Savings, choose_threshold, judge_savings
from tests.model.made_up import make_forecasts


def judged(test: object, validation: object, budget: float = 0.05) -> Savings:
    return judge_savings(
        test, validation, resample(test, 50, seed=0), budget=budget, price_a_minute=0.01
    )


@pytest.mark.parametrize("budget", [0.01, 0.05, 0.29, 0.5])
def test_the_threshold_is_the_greatest_within_the_budget(budget: float) -> None:
    made = make_forecasts(3_000)
    threshold = choose_threshold(made.probability, made.failed, budget)
    assert threshold is not None
    red = made.probability[made.failed]
    assert (red < threshold).mean() <= budget
    assert (red <= threshold).mean() > budget


def test_a_whole_failure_of_budget_is_not_lost_to_rounding() -> None:
    probability, failed = np.arange(100) / 100, np.ones(100, dtype=bool)
    assert choose_threshold(probability, failed, 0.29) == 0.29


def test_without_a_failure_in_validation_nothing_is_skipped() -> None:
    made = make_forecasts(500)
    green = make_forecasts(500, failed=np.zeros(500, dtype=bool))
    report = judged(made, green)
    assert report.point is None
    assert report.validation_missed_share is None
    assert report.oracle is not None


def test_without_a_failure_in_test_there_is_nothing_to_miss() -> None:
    made = make_forecasts(500)
    green = make_forecasts(500, failed=np.zeros(500, dtype=bool))
    report = judged(green, made)
    assert report.point is not None
    assert (report.point.missed, report.point.missed_share) == (0, None)
    assert report.oracle is None
    assert report.share_of_oracle is None


def test_only_green_builds_of_known_duration_save_minutes() -> None:
    test = make_forecasts(
        4,
        probability=np.array([0.1, 0.1, 0.1, 0.9]),
        failed=np.array([False, True, False, True]),
        minutes=np.array([10.0, 20.0, np.nan, 40.0]),
    )
    validation = make_forecasts(
        2, probability=np.array([0.1, 0.5]), failed=np.array([False, True])
    )
    report = judged(test, validation)
    assert report.point is not None
    assert (report.point.threshold, report.point.skipped) == (0.5, 3)
    assert (report.point.minutes, report.point.money) == (10.0, pytest.approx(0.1))
    assert report.point.missed_share == 0.5
    assert (report.total_minutes, report.minutes_known) == (70.0, 0.75)


def test_the_worst_repository_needs_thirty_failures_to_be_named() -> None:
    failed = np.ones(59, dtype=bool)
    repo = np.r_[np.zeros(30, dtype=int), np.ones(29, dtype=int)]
    probability = np.r_[np.full(15, 0.1), np.full(15, 0.9), np.full(29, 0.1)]
    columns = {"failed": failed, "repo": repo, "probability": probability}
    report = judged(make_forecasts(59, **columns), make_forecasts(seed=1), budget=0.5)
    assert report.point is not None
    assert report.worst_repo == "acme/repo-0"
    assert report.point.worst_repo_missed == 0.5


def test_the_curve_agrees_with_the_chosen_point() -> None:
    made = make_forecasts(150)
    report = judged(made, made)
    assert report.point is not None
    at = report.curve.threshold.index(report.point.threshold)
    assert report.curve.skipped_share[at] == report.point.skipped_share
    assert report.curve.missed_share[at] == report.point.missed_share
    assert report.curve.money[at] == report.point.money


def test_chosen_on_the_test_itself_the_threshold_is_the_oracle() -> None:
    made = make_forecasts()
    report = judged(made, made)
    assert report.point == report.oracle
    assert report.share_of_oracle == 1.0


def test_the_missed_share_comes_with_an_interval() -> None:
    report = judged(make_forecasts(seed=2), make_forecasts(seed=1))
    assert report.point is not None
    assert report.missed_interval is not None
    assert report.missed_interval.lower <= (report.point.missed_share or 0.0)
    assert report.missed_interval.upper >= (report.point.missed_share or 0.0)
