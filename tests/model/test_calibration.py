"""Probabilities keep their word: pooled first, then repository by repository."""

from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from breakcast.model.calibration import (
    MEMORY_BUILDS,
    SHRINKAGE,
    Calibration,
    Offset,
    Platt,
    calibrate_in_order,
    fit_platt,
)
from breakcast.model.estimator import Bools, Floats

calmly = settings(deadline=None, derandomize=True)
LOGITS = st.floats(-30, 30)
FORECASTS = st.lists(st.tuples(LOGITS, st.booleans()), min_size=1, max_size=40)
BUILDS = st.tuples(
    st.integers(0, 12),
    st.sampled_from([0.0, 1.0, 2.0, 5.0, np.nan]),
    st.sampled_from(["acme/a", "acme/b", "acme/c"]),
    st.booleans(),
    st.floats(-5, 5),
)


class History(NamedTuple):
    """Forecasts of builds in any order, and what became of them."""

    logit: Floats
    repo: list[str]
    started_at: Floats
    known_at: Floats
    failed: Bools

    def flipped(self, which: Bools) -> "History":
        """The same builds, some with the opposite outcome."""
        return self._replace(failed=self.failed ^ which)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Few builds at few times, so that most things happen at once."""
    builds = draw(st.lists(BUILDS, max_size=25))
    started = np.array([at for at, *_ in builds], np.float64)
    return History(
        np.array([logit for *_, logit in builds], np.float64),
        [repo for _, _, repo, _, _ in builds],
        started,
        started + np.array([took for _, took, *_ in builds], np.float64),
        np.array([failed for _, _, _, failed, _ in builds], np.bool_),
    )


def test_a_known_slope_and_intercept_are_found_again() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(-1, 2, 20_000)
    failed = rng.random(20_000) < expit(0.7 * logit - 0.4)

    found = fit_platt(logit, failed)

    assert found.slope == pytest.approx(0.7, abs=0.03)
    assert found.intercept == pytest.approx(-0.4, abs=0.06)


def test_on_many_forecasts_it_is_plain_logistic_regression() -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(0, 1.5, 5_000)
    failed = rng.random(5_000) < expit(1.3 * logit + 0.5)
    plain = LogisticRegression(C=np.inf, tol=1e-8).fit(logit[:, None], failed)

    found = fit_platt(logit, failed)

    assert found.slope == pytest.approx(plain.coef_[0, 0], abs=2e-3)
    assert found.intercept == pytest.approx(plain.intercept_[0], abs=2e-3)


def test_without_forecasts_nothing_is_changed() -> None:
    assert fit_platt(np.empty(0), np.empty(0, bool)) == Platt(1.0, 0.0)


def test_few_forecasts_change_little() -> None:
    found = fit_platt(np.array([0.3]), np.array([True]))

    assert found.slope == pytest.approx(1.0, abs=0.2)
    assert found.intercept == pytest.approx(0.0, abs=0.4)


def test_perfectly_told_apart_forecasts_grow_surer_but_stay_finite() -> None:
    logit = np.linspace(-3, 3, 1_000)

    found = fit_platt(logit, logit > 0)

    assert 1.0 < found.slope < 100.0
    assert abs(found.intercept) < 1.0


@calmly
@given(FORECASTS)
def test_the_fit_is_finite_and_nothing_near_it_fits_better(
    forecasts: list[tuple[float, bool]],
) -> None:
    logit = np.array([forecast for forecast, _ in forecasts])
    failed = np.array([outcome for _, outcome in forecasts])

    found = fit_platt(logit, failed)

    def loss(slope: float, intercept: float) -> float:
        margin = np.where(failed, 1, -1) * (slope * logit + intercept)
        held = ((slope - 1) ** 2 + intercept**2) / 2
        return float(np.logaddexp(0, -margin).sum() + held)

    least = loss(found.slope, found.intercept)
    assert np.isfinite([found.slope, found.intercept, least]).all()
    for away in ((0.01, 0.0), (-0.01, 0.0), (0.0, 0.01), (0.0, -0.01)):
        assert least <= loss(found.slope + away[0], found.intercept + away[1])


def test_one_surprise_moves_little_and_many_move_far() -> None:
    offset = Offset()
    assert offset.value == 0.0

    offset.learn(0.5, failed=True)
    assert offset.value == pytest.approx(0.5 / (SHRINKAGE + 0.25))

    for _ in range(200):
        offset.learn(0.5, failed=True)
    assert offset.value > 1.0


@calmly
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=300))
def test_an_offset_stays_within_two(outcomes: list[tuple[float, bool]]) -> None:
    offset = Offset()
    for probability, failed in outcomes:
        offset.learn(probability, failed=failed)

    assert -2.0 <= offset.value <= 2.0


@pytest.mark.parametrize("failed", [True, False])
def test_forecasts_that_are_always_wrong_reach_the_bound(failed: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    offset = Offset()
    for _ in range(300):
        offset.learn(0.02 if failed else 0.98, failed=failed)

    assert offset.value == (2.0 if failed else -2.0)


def test_a_surprise_weighs_half_after_the_memory_is_full_again() -> None:
    offset = Offset()
    offset.learn(0.5, failed=True)

    for _ in range(int(MEMORY_BUILDS)):
        offset.learn(0.0, failed=False)

    assert offset.surplus == pytest.approx(0.25)
    assert offset.weight == pytest.approx(0.125)


@calmly
@given(histories())
def test_each_forecast_learns_from_outcomes_known_before_it_and_no_others(
    history: History,
) -> None:
    probability, _ = calibrate_in_order(*history)

    assert probability == pytest.approx(_by_all_pairs(history), rel=1e-9)


@calmly
@given(histories(), st.integers(0, 15))
def test_what_becomes_known_later_changes_no_earlier_forecast(
    history: History, as_of: int
) -> None:
    late = history.known_at >= as_of

    probability, _ = calibrate_in_order(*history)
    other, _ = calibrate_in_order(*history.flipped(late | np.isnan(history.known_at)))

    asked = history.started_at <= as_of
    assert probability[asked].tolist() == other[asked].tolist()


def test_a_flipped_outcome_does_change_the_forecasts_after_it() -> None:
    """Otherwise the test above could not fail."""
    history = _biased_history(builds=50)
    first = np.arange(50) == 0

    probability, _ = calibrate_in_order(*history)
    other, _ = calibrate_in_order(*history.flipped(first))

    changed = np.array(history.repo) == history.repo[0]
    changed &= history.started_at > history.known_at[0]
    assert changed.any()
    assert (probability != other).tolist() == changed.tolist()


@calmly
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_the_builds_are_given_in_does_not_matter(
    history: History, random: Random
) -> None:
    # Known at the same moment they are learnt in the order given: leave no ties.
    history = history._replace(
        started_at=history.started_at + np.arange(len(history.repo)) / 1e3,
        known_at=history.known_at + np.arange(len(history.repo)) / 1e3,
    )
    order = list(range(len(history.repo)))
    random.shuffle(order)
    shuffled = History(
        history.logit[order],
        [history.repo[at] for at in order],
        history.started_at[order],
        history.known_at[order],
        history.failed[order],
    )

    probability, offsets = calibrate_in_order(*history)

    assert calibrate_in_order(*shuffled)[0].tolist() == probability[order].tolist()
    assert calibrate_in_order(*shuffled)[1] == offsets


def test_repositories_that_fail_oftener_than_forecast_are_forecast_better() -> None:
    history = _biased_history(builds=4_000)

    probability, offsets = calibrate_in_order(*history)

    assert _brier(probability, history) < _brier(expit(history.logit), history) - 0.01
    assert offsets["acme/unlucky"].value > 0.4
    assert offsets["acme/lucky"].value < -0.4
    assert abs(offsets["acme/plain"].value) < 0.3


def test_where_nothing_is_biased_little_is_lost() -> None:
    history = _biased_history(builds=4_000, bias=0.0)

    probability, _ = calibrate_in_order(*history)

    assert _brier(probability, history) < _brier(expit(history.logit), history) + 0.002


@calmly
@given(histories(), st.floats(0.2, 3), st.floats(-2, 2))
def test_step_by_step_it_says_what_the_whole_at_once_says(
    history: History, slope: float, intercept: float
) -> None:
    """What a server says, outcome by outcome, is what the backtest judged."""
    calibration = Calibration(Platt(slope, intercept))
    said = np.empty(len(history.repo))
    order = sorted(range(len(said)), key=lambda at: (history.started_at[at], at))
    learnt: set[int] = set()
    for asked in order:
        due = [
            (history.known_at[at], at)
            for at in order
            if history.known_at[at] < history.started_at[asked] and at not in learnt
        ]
        for _, at in sorted(due):
            calibration.learn(
                history.logit[at], history.repo[at], failed=bool(history.failed[at])
            )
            learnt.add(at)
        said[asked] = calibration.probability(history.logit[asked], history.repo[asked])

    pooled = calibration.platt(history.logit)
    at_once, offsets = calibrate_in_order(pooled, *history[1:])

    assert said == pytest.approx(at_once, rel=1e-12)
    assert calibration.offsets.keys() == offsets.keys()
    for repo, offset in offsets.items():
        assert calibration.offsets[repo].value == pytest.approx(offset.value, rel=1e-12)


def test_a_repository_never_seen_is_forecast_by_the_pooled_step() -> None:
    calibration = Calibration(Platt(0.5, -1.0))
    calibration.learn(0.0, "acme/shop", failed=True)

    assert calibration.probability(2.0, "acme/new") == pytest.approx(0.5)
    assert calibration.probability(2.0, "acme/shop") > 0.5


def test_two_calibrations_share_nothing() -> None:
    one, other = Calibration(Platt()), Calibration(Platt())
    one.learn(0.0, "acme/shop", failed=True)

    assert other.offsets == {}


@pytest.mark.parametrize("logit", [-1e6, -800.0, 800.0, 1e6])
def test_a_forecast_however_sure_is_a_probability(logit: float) -> None:
    calibration = Calibration(Platt())

    assert calibration.probability(logit, "acme/shop") == (0.0 if logit < 0 else 1.0)


def _by_all_pairs(history: History) -> Floats:
    """The definition, forecast by forecast, over all outcomes known before it."""
    fading = 0.5 ** (1 / MEMORY_BUILDS)
    pooled = expit(history.logit)
    said = np.empty(len(pooled))
    for i in range(len(pooled)):
        known = sorted(
            (history.known_at[j], j)
            for j in range(len(pooled))
            if history.repo[j] == history.repo[i]
            and history.known_at[j] < history.started_at[i]
        )
        surplus = weight = 0.0
        for age, (_, j) in enumerate(reversed(known)):
            surplus += fading**age * (float(history.failed[j]) - pooled[j])
            weight += fading**age * pooled[j] * (1 - pooled[j])
        offset = min(2.0, max(-2.0, surplus / (weight + SHRINKAGE)))
        said[i] = expit(history.logit[i] + offset)
    return said


def _biased_history(builds: int, bias: float = 1.5) -> History:
    rng = np.random.default_rng(3)
    names = ["acme/unlucky", "acme/plain", "acme/lucky"]
    repo = rng.integers(3, size=builds)
    logit = rng.normal(-0.5, 1.0, builds)
    started = np.sort(rng.uniform(0, builds, builds))
    return History(
        logit,
        [names[at] for at in repo],
        started,
        started + rng.exponential(2.0, builds),
        rng.random(builds) < expit(logit + bias * (1 - repo)),
    )


def _brier(probability: Floats, history: History) -> float:
    return float(np.mean((probability - history.failed) ** 2))
