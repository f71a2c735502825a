"""The confidence cut comes from validation, with a margin, and may not exist."""

import numpy as np
import pytest

from breakcast.model.forecasts import Forecasts
from breakcast.model.intervals import resample
from breakcast.model.selective import Selective, choose_cut, judge_selective, thin
from tests.model.made_up import make_forecasts


def test_the_cut_answers_all_that_keeps_the_target_and_no_more() -> None:
    made = make_forecasts(5_000, noise=0.2)
    cut = choose_cut(made.probability, made.failed, target=0.88)
    assert cut is not None
    sure = np.maximum(made.probability, 1 - made.probability)
    right = (made.probability > 0.5) == made.failed
    assert right[sure >= cut].mean() > 0.88
    lower_cuts = np.unique(sure[sure < cut])[-5:]
    assert all(right[sure >= lower].mean() < 0.89 for lower in lower_cuts)


def test_few_builds_never_keep_a_target_by_luck() -> None:
    probability, failed = np.full(24, 0.01), np.zeros(24, dtype=bool)
    assert choose_cut(probability[:23], failed[:23], target=0.88) is None
    assert choose_cut(probability, failed, target=0.88) == 0.99


def test_without_a_cut_nothing_is_answered() -> None:
    made = make_forecasts(400, probability=np.full(400, 0.5))
    report = _judged(made, made, 0.99)
    assert report.threshold is None
    assert (report.coverage, report.answered, report.accuracy) == (0.0, 0, None)
    assert report.lower95 is None


def test_no_validation_build_means_no_cut() -> None:
    made = make_forecasts(400)
    nothing = made.take(np.zeros(400, dtype=bool))
    report = _judged(made, nothing, 0.88)
    assert report.threshold is None
    assert report.validation_coverage == 0.0


def test_the_cut_is_chosen_without_looking_at_the_test() -> None:
    validation, test = make_forecasts(seed=1), make_forecasts(seed=2)
    flipped = make_forecasts(seed=2, failed=~test.failed)
    one, other = (_judged(some, validation, 0.88) for some in (test, flipped))
    assert one.threshold == other.threshold
    assert one.coverage == other.coverage
    assert one.accuracy == pytest.approx(1 - (other.accuracy or 0.0))


def test_a_flawless_sample_is_still_only_a_sample() -> None:
    failed = np.zeros(100, dtype=bool)
    made = make_forecasts(100, probability=np.full(100, 0.01), failed=failed)
    report = _judged(made, made, 0.88)
    assert report.accuracy == 1.0
    assert report.lower95 == pytest.approx(0.05 ** (1 / 100))


def test_the_curve_ends_with_every_build_answered() -> None:
    made = make_forecasts(3_000)
    report = _judged(made, made, 0.88)
    assert report.curve.coverage[-1] == 1.0
    assert report.curve.accuracy[-1] == pytest.approx(
        ((made.probability > 0.5) == made.failed).mean()
    )
    assert len(report.curve.coverage) <= 200


def test_thinning_keeps_the_ends() -> None:
    assert thin(0) == []
    assert thin(1) == [0]
    kept = thin(12_345)
    assert (kept[0], kept[-1], len(kept)) == (0, 12_344, 200)


def test_each_build_may_have_the_cut_of_its_own_forest() -> None:
    made = make_forecasts(400)
    cut = np.where(np.arange(400) < 200, np.nan, 0.5)
    report = judge_selective(made, made, resample(made, 50, seed=0), 0.88, cut)
    assert report.answered == 200
    assert report.threshold == 0.5


def _judged(test: Forecasts, validation: Forecasts, target: float) -> Selective:
    cut = choose_cut(validation.probability, validation.failed, target)
    return judge_selective(test, validation, resample(test, 50, seed=0), target, cut)
