"""
The trigger: is it time to train anew?

Labels decide, age decides, drift asks for a look; none of them promotes anything, that
is the gate's. Data that is broken teaches nothing: it is mended first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from breakcast.monitoring.health import HealthReport

OLD: Final = timedelta(days=7)
"""From this age on a model is renewed, where there are new labels."""
DAY: Final = timedelta(days=1)
MOST_A_DAY: Final = 2
"""Retrainings asked for within 24 hours, for whatever reasons."""

Trigger: TypeAlias = Literal["labels", "drift", "age"]
COOL_DOWN: Final[dict[Trigger, timedelta]] = {
    "labels": timedelta(hours=20),
    "drift": timedelta(days=3) - timedelta(hours=4),
    "age": OLD - timedelta(hours=4),
}
"""
How long a retraining is not asked for again for the same reason, passed or refused.
Some hours less than whole days: who asks each night is a little earlier some nights.
"""
IN_VAIN: Final = timedelta(days=2) - timedelta(hours=4)
"""The same, at the least, where it was asked for twice and the model is still there."""

Action: TypeAlias = Literal["retrain", "nothing to do", "blocked", "cooling down"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is to be done, and why.

    Attributes:
        action: What.
        at: When it was decided.
        version: Which model it is about; None if there is none.
        triggers: What speaks for a retraining.
        reasons: In words, the weightiest first.
    """

    action: Action
    at: datetime
    version: str | None
    triggers: tuple[Trigger, ...]
    reasons: tuple[str, ...]

    @property
    def is_due(self) -> bool:
        """Whether to train anew, now."""
        return self.action == "retrain"


def decide(report: HealthReport, asked: Sequence[Decision]) -> Decision:
    """
    Decide whether to train anew.

    Args:
        report: What monitoring sees.
        asked: The retrainings asked for in the week before.
    """
    spoken = _triggers(report)
    action: Action = "retrain"
    reasons = list(spoken.values())
    lately = [one for one in asked if report.at - one.at < DAY]
    covered = {trigger for trigger in spoken if _waits(trigger, report, asked)}
    if not spoken:
        action = "nothing to do"
        reasons = _calm(report)
    elif broken := [one.words for one in report.inputs.findings if one.blocks]:
        action = "blocked"
        several = f", and {len(broken) - 3} more" if len(broken) > _NAMED else ""
        reasons.insert(0, f"mend the data first: {'; '.join(broken[:_NAMED])}{several}")
    elif len(lately) >= MOST_A_DAY or spoken.keys() <= covered:
        action = "cooling down"
        last = max(one.at for one in asked)
        reasons.insert(
            0,
            f"a retraining was asked for at {last:%Y-%m-%d %H:%M} UTC already; for the "
            "same reasons it waits: a day or two after outcomes spoke, three after "
            f"drift, a week after age, and {MOST_A_DAY} a day are the most",
        )
    return Decision(
        action=action,
        at=report.at,
        version=report.model.version if report.model is not None else None,
        triggers=tuple(spoken),
        reasons=tuple(reasons),
    )


_NAMED = 3


def _waits(trigger: Trigger, report: HealthReport, asked: Sequence[Decision]) -> bool:
    """Tell whether a reason was heard too lately to be heard again."""
    alike = [one for one in asked if trigger in one.triggers]
    if not alike:
        return False
    version = report.model.version if report.model is not None else None
    is_in_vain = sum(one.version == version for one in alike) > 1
    wait = max(COOL_DOWN[trigger], IN_VAIN) if is_in_vain else COOL_DOWN[trigger]
    return report.at - max(one.at for one in alike) < wait


def _triggers(report: HealthReport) -> dict[Trigger, str]:
    """Say what speaks for a retraining, each with its reason, the weightiest first."""
    if report.model is None:
        return {}
    found: dict[Trigger, str] = {}
    if report.concept.alarm:
        found["labels"] = report.concept.why
    drifted = [
        f"{what} have drifted: {one.why}"
        for what, one in (("inputs", report.inputs), ("scores", report.scores))
        if one.is_drift
    ]
    if drifted:
        found["drift"] = "; ".join(drifted)
    age = report.at - report.model.trained_at
    new = report.new_outcomes
    if age > OLD and new:
        found["age"] = (
            f"{report.model.version} is {age.days} days old, and {new} outcomes have "
            "become known since"
        )
    return found


def _calm(report: HealthReport) -> list[str]:
    if report.model is None:
        return ["no model is promoted; train one, and promote it"]
    return [
        f"inputs: {report.inputs.why}",
        f"scores: {report.scores.why}",
        f"outcomes: {report.concept.why}",
    ]
