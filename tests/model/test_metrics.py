"""Metrics equal scikit-learn's, weighted or not, and know when they are undefined."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from breakcast.model.curves import reliability_bins
from breakcast.model.metrics import Scores, chance_ece, macro, score
from breakcast.model.weighted import METRICS, weighted_scores
from tests.model.made_up import make_forecasts

TIED = [2, 20, 1_000]
"""Distinct forecasts among 400 builds: many ties, some, nearly none."""


@pytest.mark.parametrize("distinct", TIED)
@pytest.mark.parametrize("heaviest", [1, 4])
def test_scores_equal_those_of_scikit_learn(distinct: int, heaviest: int) -> None:
    rng = np.random.default_rng(distinct)
    probability = rng.integers(0, distinct, 400) / distinct
    failed = rng.random(400) < 0.2 + 0.6 * probability
    weights = rng.integers(0, heaviest + 1, 400) if heaviest > 1 else np.ones(400)
    red = probability > 0.5
    found = weighted_scores(probability, failed, weights[None].astype(float))
    how = {"sample_weight": weights}
    expected = {
        "accuracy": oracle.accuracy_score(failed, red, **how),
        "roc_auc": oracle.roc_auc_score(failed, probability, **how),
        "pr_auc": oracle.average_precision_score(failed, probability, **how),
        "f1": oracle.f1_score(failed, red, **how),
        "mcc": oracle.matthews_corrcoef(failed, red, **how),
        "brier": oracle.brier_score_loss(failed, probability, **how),
    }
    assert {name: found[name][0] for name in expected} == pytest.approx(expected)


def test_a_whole_weight_is_as_good_as_repeating_the_build() -> None:
    made = make_forecasts(300)
    times = np.random.default_rng(1).integers(0, 4, 300)
    weighted = weighted_scores(made.probability, made.failed, times[None].astype(float))
    repeated = score(np.repeat(made.probability, times), np.repeat(made.failed, times))
    for name in METRICS:
        assert weighted[name][0] == pytest.approx(getattr(repeated, name)), name


def test_scores_do_not_depend_on_the_order_of_builds() -> None:
    made = make_forecasts(500)
    coarse = made.probability.round(1)
    shuffled = np.random.default_rng(0).permutation(500)
    found = score(coarse[shuffled], made.failed[shuffled])
    for name in METRICS:
        expected = getattr(score(coarse, made.failed), name)
        assert getattr(found, name) == pytest.approx(expected), name


def test_ece_of_distinct_forecasts_is_the_mean_gap_of_fifteen_equal_bins() -> None:
    rng = np.random.default_rng(0)
    probability = np.sort(rng.random(300))
    failed = rng.random(300) < probability
    bins = np.arange(300).reshape(15, 20)
    gaps = probability[bins].mean(axis=1) - failed[bins].mean(axis=1)
    found = score(probability, failed).ece
    assert found == pytest.approx(np.abs(gaps).mean())


def test_reliability_bins_are_those_of_the_ece() -> None:
    made = make_forecasts(700)
    bins = reliability_bins(made.probability, made.failed)
    gap = sum(b.builds * abs(b.mean_probability - b.failure_rate) for b in bins)
    assert sum(b.builds for b in bins) == 700
    assert gap / 700 == pytest.approx(score(made.probability, made.failed).ece)


def test_the_ece_of_a_yes_or_no_forecaster_is_the_share_it_got_wrong() -> None:
    said = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    failed = np.array([True, False, False, False, True])
    assert score(said, failed).ece == pytest.approx(0.4)


def test_recall_of_the_riskiest_fifth_takes_ties_in_proportion() -> None:
    failed = np.arange(100) < 10
    sorted_well = np.linspace(1, 0, 100)
    assert score(sorted_well, failed).recall_at_20 == pytest.approx(1.0)
    assert score(np.full(100, 0.1), failed).recall_at_20 == pytest.approx(0.2)


def test_with_one_outcome_only_ranking_is_undefined_and_nothing_warns() -> None:
    green = score(np.array([0.1, 0.2]), np.array([False, False]))
    assert green.accuracy == 1.0
    assert green.brier == pytest.approx(0.025)
    assert [green.roc_auc, green.pr_auc, green.f1, green.mcc] == [None] * 4
    red = score(np.array([0.9, 0.2]), np.array([True, True]))
    assert (red.roc_auc, red.mcc, red.pr_auc) == (None, None, 1.0)


def test_without_builds_every_score_is_undefined() -> None:
    assert score(np.empty(0), np.empty(0, dtype=bool)) == Scores()


def test_always_answering_the_same_has_no_correlation() -> None:
    scores = score(np.full(4, 0.1), np.array([True, False, False, False]))
    assert (scores.mcc, scores.f1, scores.roc_auc) == (0.0, 0.0, 0.5)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(2,\) forecasts and \(1,\) outcomes"):
        score(np.array([0.1, 0.2]), np.array([True]))


def test_macro_counts_the_repositories_where_a_metric_is_defined() -> None:
    means, repos = macro([Scores(roc_auc=0.6), Scores(roc_auc=0.8), Scores()])
    assert (means.roc_auc, repos["roc_auc"]) == (pytest.approx(0.7), 2)
    assert (means.accuracy, repos["accuracy"]) == (None, 0)


def test_a_perfect_forecaster_shows_the_calibration_error_of_chance() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(2_000).round(2)
    shown = [
        score(probability, rng.random(2_000) < probability).ece or 0.0
        for _ in range(40)
    ]
    assert chance_ece(probability, rng) == pytest.approx(np.mean(shown), rel=0.1)
