"""
Champion and challenger on the same live builds: which of them forecasts better?

Both were asked before the outcome was known. Their Brier scores are compared in blocks
of outcomes, in the order these became known, because errors come in bursts.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from breakcast.history.answered import Judged, Settled
from breakcast.monitoring.sequential import odds_above_nought

BLOCK: Final = 25
"""Outcomes in a block."""
ENOUGH: Final = 20.0
"""Odds that prove it: wrong in at most one case of 20, however often one looks."""

ShadowVerdict: TypeAlias = Literal["better", "worse", "open"]


class ShadowReport(msgspec.Struct, frozen=True, kw_only=True):
    """
    What live outcomes say of a challenger.

    Attributes:
        champion: Who answers.
        challenger: Who is scored beside it, unseen.
        since: From when on.
        outcomes: Red or green outcomes of builds that both forecast.
        champion_brier: The champion's mean Brier score; None without any.
        challenger_brier: The challenger's.
        better: The odds that the challenger is better; the highest so far.
        worse: The odds that it is worse; likewise.
        verdict: What is proven of the challenger: whichever was first.
        why: In words.
    """

    champion: str
    challenger: str
    since: datetime
    outcomes: int
    champion_brier: float | None
    challenger_brier: float | None
    better: float
    worse: float
    verdict: ShadowVerdict
    why: str


def judge_shadow(
    judged: Sequence[Judged], champion: str, challenger: str, since: datetime
) -> ShadowReport:
    """
    Judge a challenger by live outcomes.

    Args:
        judged: Red or green answers that both gave, in the order their outcomes
            became known.
        champion: Who answered.
        challenger: Who was scored beside it.
        since: From when on.
    """
    failed = np.array([one.outcome == Settled.FAILED for one in judged], np.float64)
    theirs, ours = (
        (np.array(said, np.float64) - failed) ** 2
        for said in (
            [one.answer.probability for one in judged],
            [one.answer.challenger_probability for one in judged],
        )
    )
    blocks = len(judged) // BLOCK
    gain = (theirs - ours)[: blocks * BLOCK].reshape(blocks, BLOCK).mean(axis=1)
    better, worse = odds_above_nought(gain), odds_above_nought(-gain)
    verdict = _first(better, worse)
    highest = {
        name: float(odds.max(initial=1.0))
        for name, odds in (("better", better), ("worse", worse))
    }
    means = [float(one.mean()) if len(one) else None for one in (theirs, ours)]
    return ShadowReport(
        champion=champion,
        challenger=challenger,
        since=since,
        outcomes=len(judged),
        champion_brier=means[0],
        challenger_brier=means[1],
        better=highest["better"],
        worse=highest["worse"],
        verdict=verdict,
        why=_why(len(judged), means, verdict),
    )


def _first(better: np.ndarray, worse: np.ndarray) -> ShadowVerdict:
    """Say which was proven first; later blocks do not take it back."""
    for up, down in zip(better, worse, strict=True):
        if up >= ENOUGH:
            return "better"
        if down >= ENOUGH:
            return "worse"
    return "open"


def _why(outcomes: int, means: list[float | None], verdict: ShadowVerdict) -> str:
    theirs, ours = means
    if theirs is None or ours is None:
        return "no outcome is known yet of a build that both forecast"
    said = "not proven either way" if verdict == "open" else f"proven {verdict}"
    return (
        f"on {outcomes} outcomes its Brier score is {ours:.4f}, the champion's "
        f"{theirs:.4f}: {said}"
    )
