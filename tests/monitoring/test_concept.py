"""Outcomes say whether a model has become worse, and errors in bursts do not."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from breakcast.model.errorblocks import BLOCK, ErrorBlocks, error_blocks
from breakcast.monitoring.concept import ConceptReport, judge_concept

Stream = tuple[np.ndarray, np.ndarray, np.ndarray]


def stream(seed: int, labels: int, error_rate: float, burst: float = 0.5) -> Stream:
    """Forecasts of which so many are wrong, in bursts: one error follows another."""
    rng = np.random.default_rng(seed)
    wrong = np.empty(labels, bool)
    last = rng.random() < error_rate
    for at, drawn in enumerate(rng.random(labels)):
        last = drawn < (error_rate + burst * (last - error_rate))
        wrong[at] = last
    failed = rng.random(labels) < 0.3
    sure = rng.uniform(0.55, 0.95, labels)
    return failed, np.where(failed != wrong, sure, 1 - sure), np.arange(labels) * 60.0


def reference(seed: int = 0, error_rate: float = 0.08) -> ErrorBlocks:
    failed, said, _ = stream(seed, 20_000, error_rate)
    return error_blocks(failed, said)


def test_a_model_that_stays_as_it_was_does_not_alarm() -> None:
    alarms = [
        judge_concept(reference(), *stream(seed, 3_000, 0.08)).alarm
        for seed in range(1, 21)
    ]

    assert sum(alarms) <= 3


def test_four_points_less_are_found_and_dated() -> None:
    found = []
    for seed in range(1, 11):
        before, after = stream(seed, 2_000, 0.08), stream(100 + seed, 3_000, 0.12)
        known_at = np.arange(5_000) * 60.0
        joined = [np.concatenate(pair) for pair in zip(before, after, strict=True)]
        report = judge_concept(reference(), joined[0], joined[1], known_at)
        found.append(report.alarm)
    assert all(found)
    assert report.errors is not None
    assert report.errors.since is not None
    assert report.errors.since > datetime.fromtimestamp(0, UTC)
    assert "have risen" in report.why


def test_a_concept_that_turns_is_found_within_a_thousand_labels() -> None:
    for seed in range(1, 11):
        report = judge_concept(reference(0, 0.112), *stream(seed, 1_000, 0.269, 0.2))
        assert report.alarm


def test_a_promise_is_proven_kept_or_missed_or_neither() -> None:
    def kept(error_rate: float, labels: int) -> str:
        return judge_concept(None, *stream(1, labels, error_rate)).kept

    assert kept(0.05, 5_000) == "met"
    assert kept(0.2, 5_000) == "missed"
    assert kept(0.12, 5_000) == "unsure"
    assert kept(0.2, 100) == "unsure"


def test_bounds_hold_although_errors_come_in_bursts() -> None:
    below = above = 0
    for seed in range(200):
        report = judge_concept(None, *stream(seed, 2_000, 0.12))
        assert report.lower95 is not None
        assert report.upper95 is not None
        below += report.lower95 > 0.88
        above += report.upper95 < 0.88

    # Nominally ten in two hundred each.
    assert below <= 20
    assert above <= 20


def test_below_the_promise_is_an_alarm_only_if_it_was_better() -> None:
    failed, said, known_at = stream(1, 4_000, 0.2)

    as_before = judge_concept(reference(0, 0.2), failed, said, known_at)
    was_better = judge_concept(reference(0, 0.1), failed, said, known_at)

    assert (as_before.kept, as_before.alarm) == ("missed", False)
    assert (was_better.kept, was_better.alarm) == ("missed", True)


def test_a_model_nobody_measured_is_held_to_the_promise() -> None:
    missed = judge_concept(None, *stream(1, 4_000, 0.2))
    few = error_blocks(*stream(2, 10 * BLOCK, 0.05)[:2])

    assert missed.alarm
    assert missed.errors is None
    assert "proven below the 88 % promised" in missed.why
    assert judge_concept(few, *stream(1, 4_000, 0.2)).alarm
    assert not judge_concept(None, *stream(1, 4_000, 0.05)).alarm


def test_a_bound_passed_by_chance_alarms_nobody_who_has_sums() -> None:
    """Who looks at a bound of 95 % day by day sees it passed by chance some day."""
    passed_by_chance = 0
    for seed in range(1, 21):
        usual = reference(seed, 0.12)
        failed, said, known_at = stream(100 + seed, 5_000, 0.12)
        for end in range(500, 5_001, 250):
            report = judge_concept(usual, failed[:end], said[:end], known_at[:end])
            assert report.errors is not None
            assert report.brier is not None
            assert report.alarm == (report.errors.is_alarm or report.brier.is_alarm)
            is_quiet = not report.alarm
            passed_by_chance += report.kept == "missed" and is_quiet

    assert passed_by_chance > 0


def test_what_was_not_forecast_is_counted_and_left_out() -> None:
    failed, said, known_at = stream(1, 500, 0.1)
    said[::5] = np.nan

    report = judge_concept(None, failed, said, known_at)

    assert (report.labels, report.left_out) == (400, 100)


def test_a_model_that_was_never_wrong_has_some_room() -> None:
    perfect = error_blocks(np.zeros(2_000, bool), np.zeros(2_000))
    failed = np.zeros(2_000, bool)
    failed[::400] = True

    assert not judge_concept(
        perfect, failed, np.full(2_000, 0.01), np.arange(2_000.0)
    ).alarm


def test_what_does_not_fill_a_block_is_left_out() -> None:
    failed, said, known_at = stream(1, 10 * BLOCK + 7, 0.1)

    assert error_blocks(failed, said).blocks == 10
    assert judge_concept(None, failed, said, known_at).labels == 10 * BLOCK + 7


@given(
    arrays(np.float64, st.integers(0, 300), elements=st.floats(0, 1) | st.just(np.nan)),
    st.booleans(),
    st.integers(0, 2_000),
)
def test_odd_outcomes_get_a_report(
    said: np.ndarray,
    is_red: bool,  # noqa: FBT001 - drawn
    taught: int,
) -> None:
    failed = np.full(len(said), is_red)
    before = error_blocks(np.full(taught, is_red), np.full(taught, 0.5))

    report = judge_concept(before, failed, said, np.arange(len(said)) * 1.0)

    assert (
        msgspec.json.decode(msgspec.json.encode(report), type=ConceptReport) == report
    )
    assert report.labels == int((~np.isnan(said)).sum())


def test_no_outcome_says_nothing() -> None:
    empty = np.empty(0)

    report = judge_concept(reference(), empty > 0, empty, empty)

    assert not report.alarm
    assert report.why == "no outcome is known yet of what was answered"
    assert report.accuracy is None
    assert report.objective == pytest.approx(0.88)
