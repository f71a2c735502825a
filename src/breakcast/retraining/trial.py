"""
The trial: what becomes of a challenger, by what live outcomes say of it.

A newcomer that is proven better takes the champion's place, any other is discarded in
the end. After a promotion the former champion is the challenger: if it is proven
better, the promotion was a mistake and is rolled back.
"""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from breakcast.monitoring.shadow import ShadowReport

Act: TypeAlias = Literal["promote", "discard", "rollback", "wait"]


class TrialLimits(NamedTuple):
    """How long a trial may take: so many outcomes, so many days."""

    outcomes: int = 5_000
    days: float = 28.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about a challenger, and why."""

    act: Act
    reason: str


def end_trial(
    report: ShadowReport, at: datetime, limits: TrialLimits, *, is_former: bool
) -> Outcome:
    """
    Decide what becomes of a challenger.

    Args:
        report: What live outcomes say.
        at: Now.
        limits: How long the trial may take.
        is_former: Whether it is the champion before, and not a newcomer.
    """
    who = f"the former champion {report.challenger}" if is_former else report.challenger
    if report.verdict == "better":
        act: Act = "rollback" if is_former else "promote"
        return Outcome(act=act, reason=f"{who}: {report.why}")
    if report.verdict == "worse":
        return Outcome(act="discard", reason=f"{who}: {report.why}")
    is_over = report.outcomes >= limits.outcomes or at - report.since >= timedelta(
        days=limits.days
    )
    if is_over:
        return Outcome(act="discard", reason=f"{who}: the trial is over; {report.why}")
    return Outcome(act="wait", reason=f"{who}: {report.why}")
