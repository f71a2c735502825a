"""A challenger is promoted, discarded or brought back by what outcomes say."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from breakcast.monitoring.shadow import ShadowReport
from breakcast.retraining.trial import TrialLimits, end_trial

SINCE = datetime(2026, 5, 1, tzinfo=UTC)
LIMITS = TrialLimits(outcomes=5_000, days=28)
OPEN = ShadowReport(
    champion="v1.0",
    challenger="v1.1",
    since=SINCE,
    outcomes=1_000,
    champion_brier=0.1,
    challenger_brier=0.1,
    better=1.0,
    worse=1.0,
    verdict="open",
    why="not proven either way",
)


@pytest.mark.parametrize(
    ("verdict", "is_former", "act"),
    [
        ("better", False, "promote"),
        ("better", True, "rollback"),
        ("worse", False, "discard"),
        ("worse", True, "discard"),
        ("open", False, "wait"),
        ("open", True, "wait"),
    ],
)
def test_what_is_proven_decides(verdict: str, act: str, *, is_former: bool) -> None:
    report = replace(OPEN, verdict=verdict)

    outcome = end_trial(report, SINCE + timedelta(days=1), LIMITS, is_former=is_former)

    assert outcome.act == act
    assert ("former champion" in outcome.reason) == is_former


@pytest.mark.parametrize("is_former", [False, True])
def test_a_trial_ends_after_so_many_outcomes_or_days(*, is_former: bool) -> None:
    many = end_trial(replace(OPEN, outcomes=5_000), SINCE, LIMITS, is_former=is_former)
    long = end_trial(OPEN, SINCE + timedelta(days=28), LIMITS, is_former=is_former)

    assert (many.act, long.act) == ("discard", "discard")
    assert "the trial is over" in many.reason
