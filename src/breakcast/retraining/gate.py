"""
The gate: may a candidate take the champion's place? Measured, not argued.

Both forecast builds that neither was taught by. Drawn again and again by
repository-days, the same draws for both, a candidate must surely be better in one way,
and not be worse in any other.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from msgspec.structs import replace

from breakcast.model.forecasts import Bools, Floats, Forecasts
from breakcast.model.gateverdict import GateCheck, GateVerdict, at_least, at_most
from breakcast.model.intervals import MIN_BLOCKS, Resamples, resample
from breakcast.model.metrics import chance_ece, score
from breakcast.model.selective import is_answered, is_right
from breakcast.model.weighted import ratio
from breakcast.retraining.tolerances import Tolerances

FEWEST_OF_A_SLICE: Final = 200
"""Outcomes a repository has to have to be looked at by itself."""
FEWEST_RED: Final = 20
"""Red builds it takes to say anything about ranking."""
RESAMPLES: Final = 1_000
_GAIN = "surely better than the champion, in Brier score or PR-AUC, by a share of"
_BRIER = "Brier score: perhaps worse than the champion's by a share of"
_PR_AUC = "PR-AUC: perhaps worse than the champion's by a share of"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contest:
    """
    What was said of the same builds, by whom; all arrays (n,), in one order.

    Attributes:
        candidate: Its forecasts; with what happened, and what the parrot said.
        candidate_cut: Its least confidence that is answered; None: nothing is.
        champion: What the champion said; None if there is none to compare with.
        champion_cut: Likewise.
        milliseconds: CPU time of one score by the candidate.
        megabytes: How large its trees are.
    """

    candidate: Forecasts
    candidate_cut: float | None
    champion: Floats | None
    champion_cut: float | None
    milliseconds: float
    megabytes: float


def judge(
    contest: Contest,
    tolerances: Tolerances,
    *,
    candidate: str,
    champion: str | None,
    at: datetime,
    notes: tuple[str, ...] = (),
) -> GateVerdict:
    """
    Judge a candidate.

    Args:
        contest: What was said, and what happened.
        tolerances: The bounds.
        candidate: Its version.
        champion: The champion's; None if there is none to compare with.
        at: Now.
        notes: What else the reader should know.
    """
    said = contest.candidate
    draws = resample(said, RESAMPLES, seed=0)
    checks = [
        at_least("builds judged", float(len(said)), tolerances.builds),
        at_least("red builds judged", float(said.failed.sum()), FEWEST_RED),
        at_least("repository-days judged", float(draws.counts.shape[1]), MIN_BLOCKS),
        *_beside_parrot(contest),
    ]
    if contest.champion is not None:
        checks += _beside_champion(contest, contest.champion, draws, tolerances)
    checks += [
        _calibration(contest, tolerances),
        _accuracy(contest, tolerances),
        at_most("milliseconds a score", contest.milliseconds, tolerances.milliseconds),
        at_most("megabytes of trees", contest.megabytes, tolerances.megabytes),
    ]
    verdict = GateVerdict(
        candidate=candidate,
        champion=champion if contest.champion is not None else None,
        at=at,
        checks=tuple(checks),
        reasons=(),
    )
    return _with_reasons(verdict, said, notes)


def _beside_parrot(contest: Contest) -> list[GateCheck]:
    """Check that it beats the parrot; or the champion, where that does not either."""
    said = contest.candidate
    ours = score(said.probability, said.failed)
    others = [score(said.parrot_probability, said.failed)]
    if contest.champion is not None:
        others.append(score(contest.champion, said.failed))
    return [
        at_most("Brier score", ours.brier, max(one.brier or 0.0 for one in others)),
        at_least("PR-AUC", ours.pr_auc, min(one.pr_auc or 0.0 for one in others)),
        at_least("MCC", ours.mcc, min(one.mcc or 0.0 for one in others)),
    ]


def _beside_champion(
    contest: Contest, champion: Floats, draws: Resamples, tolerances: Tolerances
) -> list[GateCheck]:
    said = contest.candidate
    ours, theirs = (
        draws.scores(probability, said.failed)
        for probability in (said.probability, champion)
    )
    brier = 1.0 - ratio(ours["brier"], theirs["brier"])
    pr_auc = ratio(ours["pr_auc"], theirs["pr_auc"]) - 1.0
    # Two ways to be better: each gets half of the chance to be so by luck.
    sure = [_quantile(gain, tolerances.level / 2, draws) for gain in (brier, pr_auc)]
    return [
        at_least(_GAIN, max(sure), tolerances.gain),
        *(
            at_most(name, -_quantile(gain, tolerances.level, draws), tolerances.loss)
            for name, gain in ((_BRIER, brier), (_PR_AUC, pr_auc))
        ),
        *_slices(said, champion, draws, tolerances),
    ]


def _slices(
    said: Forecasts, champion: Floats, draws: Resamples, tolerances: Tolerances
) -> list[GateCheck]:
    """Check the repository that is surely the worst off; none if all are too small."""
    large = [
        (name, rows)
        for name, rows in said.rows_by_repo()
        if len(rows) >= FEWEST_OF_A_SLICE
    ]
    worst: tuple[float, str] | None = None
    for name, rows in large:
        mine = np.zeros(len(said), bool)
        mine[rows] = True
        ours, theirs = (
            _squares(probability, said.failed, mine, draws)
            for probability in (said.probability, champion)
        )
        # Who looks at many finds one that is worse by luck.
        loss = _quantile(
            ratio(ours, theirs) - 1.0, tolerances.level / len(large), draws
        )
        if worst is None or loss > worst[0]:
            worst = (loss, name)
    if worst is None:
        return []
    name = f"{worst[1]}: surely worse than the champion's Brier score by a share of"
    return [at_most(name, worst[0], tolerances.slice_loss)]


def _squares(
    probability: Floats, failed: Bools, rows: Bools, draws: Resamples
) -> Floats:
    squares = np.where(rows, (probability - failed) ** 2, 0.0)
    blocks = draws.counts.shape[1]
    summed: Floats = draws.counts @ np.bincount(draws.block, squares, blocks)
    return summed


def _quantile(sample: Floats, level: float, draws: Resamples) -> float:
    held = sample[np.isfinite(sample)]
    if draws.counts.shape[1] < MIN_BLOCKS or not len(held):
        return float("nan")
    return float(np.quantile(held, level))


def _calibration(contest: Contest, tolerances: Tolerances) -> GateCheck:
    said = contest.candidate
    ours = score(said.probability, said.failed).ece
    allowed = tolerances.calibration
    if len(said):
        allowed += chance_ece(said.probability, np.random.default_rng(0))
    if contest.champion is not None:
        theirs = score(contest.champion, said.failed).ece or 0.0
        allowed = max(allowed, theirs + tolerances.calibration)
    return at_most("calibration error", ours, allowed)


def _accuracy(contest: Contest, tolerances: Tolerances) -> GateCheck:
    """Check the answers given; all forecasts, if none is given as an answer."""
    said = contest.candidate
    answered = is_answered(said.probability, contest.candidate_cut)
    gives = bool(answered.any())
    if not gives:
        answered = np.ones(len(said), np.bool_)
    name = "accuracy of answers given" if gives else "accuracy (it gives no answers)"
    wanted = tolerances.accuracy
    if contest.champion is not None:
        theirs = np.ones(len(said), np.bool_)
        if gives:
            theirs = is_answered(contest.champion, contest.champion_cut)
        if theirs.any():
            right = is_right(contest.champion[theirs], said.failed[theirs]).mean()
            wanted = min(wanted, float(right) * (1.0 - tolerances.loss))
    right = is_right(said.probability[answered], said.failed[answered])
    return at_least(name, float(right.mean()) if len(right) else None, wanted)


def _with_reasons(
    verdict: GateVerdict, said: Forecasts, notes: tuple[str, ...]
) -> GateVerdict:
    reasons = [
        f"{check.name}: {_shown(check.value)}, where {check.sense} {check.bound:.4g} "
        "is asked for."
        for check in verdict.checks
        if not check.passed
    ]
    if not reasons:
        against = verdict.champion or "the parrot"
        better = (
            f"On {len(said)} builds that were new to both it did better than "
            f"{against}, and in nothing worse than is allowed."
        )
        reasons.append(better)
    return replace(verdict, reasons=(*reasons, *notes))


def _shown(value: float | None) -> str:
    return "not to be told" if value is None else f"{value:.4g}"
