"""
Concept drift: is the model still as right as it was when it was judged?

Only outcomes tell. Errors and Brier scores are summed in blocks of 50 labels, less what
is usual and an allowance, never below zero (a CUSUM): a spell of bad builds comes and
goes, a model that has become worse goes on. Beside it, whether the accuracy that was
promised is proven to be kept, or proven to be missed.
"""

from datetime import UTC, datetime
from math import sqrt
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from breakcast.model.errorblocks import BLOCK, ErrorBlocks, Level, block_losses
from breakcast.model.forecasts import DECISION_THRESHOLD, Bools, Floats

FEWEST_BLOCKS: Final = 20
"""Blocks of the reference, at the least, that say how much blocks differ."""
FEWEST_JUDGED: Final = 10
"""Blocks, at the least, from which an accuracy is bounded."""
NEWEST: Final = 10_000
"""Labels that are looked at, the newest."""
OBJECTIVE: Final = 0.88
"""The accuracy promised."""

ALLOWANCE: Final = 0.3
UNCERTAINTY: Final = 0.5
"""What the allowance grows by for the error that the reference's mean has."""
THRESHOLD: Final = 7.6
"""
Chosen on simulated streams, errors in bursts, .08 of them: half a false alarm in 10,000
labels, four points of accuracy found within some 900 to 1,000, once in a hundred not
within 5,000 (`benchmarks/results/drift.md`, `drift-errors.md`; there too what .12
takes, and a short reference). No detector does much better: who alarms falsely once in
20,000 labels needs about that many for so small a change (Lorden 1971, Annals of
Mathematical Statistics 42(6)).
"""

Objective: TypeAlias = Literal["met", "missed", "unsure"]


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """
    One loss's sum over blocks.

    Attributes:
        level: Where it stands.
        threshold: Where it alarms.
        since: When the outcomes became known with which the rise began; None if it
            stands at zero.
    """

    level: float
    threshold: float
    since: datetime | None

    @property
    def is_alarm(self) -> bool:
        """Whether it has reached its threshold."""
        return self.level >= self.threshold


class ConceptReport(msgspec.Struct, frozen=True, kw_only=True):
    """
    What outcomes say of a model.

    Attributes:
        labels: Outcomes looked at.
        left_out: Outcomes of which nothing had been forecast.
        errors: The sum of errors; None if there is too little to say.
        brier: The sum of Brier scores; likewise.
        accuracy: Over the outcomes looked at; None without any.
        lower95: Its one-sided lower 95 % bound; None if there are too few blocks.
        upper95: Its upper one.
        objective: The accuracy promised.
        kept: Whether the promise is kept: proven, disproven, or neither.
        alarm: Whether a sum alarms; of a model of which too little is known to sum,
            whether the accuracy is proven below the promise.
        why: What this comes to, for people.
    """

    labels: int
    left_out: int = 0
    errors: Sum | None
    brier: Sum | None
    accuracy: float | None
    lower95: float | None
    upper95: float | None
    objective: float
    kept: Objective
    alarm: bool
    why: str


def judge_concept(
    reference: ErrorBlocks | None,
    failed: Bools,
    probability: Floats,
    known_at: Floats,
    *,
    objective: float = OBJECTIVE,
) -> ConceptReport:
    """
    Judge a model by outcomes.

    Args:
        reference: How wrong it was when it was judged; None if nobody knows.
        failed: What happened, shape (n,), in the order it became known.
        probability: What was said, shape (n,); NaN is left out.
        known_at: When each outcome became known, in seconds since 1970, shape (n,).
        objective: The accuracy promised.

    >>> rng = np.random.default_rng(0)
    >>> failed, when = rng.random(3_000) < 0.2, np.arange(3_000.0)
    >>> said = np.where(rng.random(3_000) < 0.9, failed, ~failed).astype(float)
    >>> from breakcast.model.errorblocks import error_blocks
    >>> before = error_blocks(failed[:1_500], said[:1_500])
    >>> judge_concept(before, failed[1_500:], said[1_500:], when[1_500:]).alarm
    False
    >>> judge_concept(before, ~failed[1_500:], said[1_500:], when[1_500:]).alarm
    True
    """
    said = ~np.isnan(probability)
    left_out = int((~said).sum())
    failed, probability = failed[said][-NEWEST:], probability[said][-NEWEST:]
    known_at = known_at[said][-NEWEST:]
    losses = block_losses(failed, probability)
    ends = known_at[BLOCK - 1 :: BLOCK][: len(losses["errors"])]
    sums: dict[str, Sum] = {}
    if reference is not None and reference.blocks >= FEWEST_BLOCKS and len(ends):
        levels = {"errors": reference.errors, "brier": reference.brier}
        sums = {
            name: _sum(losses[name], ends, level, reference.blocks)
            for name, level in levels.items()
        }
    right = (probability >= DECISION_THRESHOLD) == failed
    accuracy = float(right.mean()) if len(right) else None
    lower, upper = _bounds(1.0 - losses["errors"])
    kept = _kept(lower, upper, objective)
    # A bound of 95 % that is looked at every day is passed by chance some day: who can
    # sum relies on sums.
    is_worse = kept == "missed" and not sums
    return ConceptReport(
        labels=len(failed),
        left_out=left_out,
        errors=sums.get("errors"),
        brier=sums.get("brier"),
        accuracy=accuracy,
        lower95=lower,
        upper95=upper,
        objective=objective,
        kept=kept,
        alarm=is_worse or any(one.is_alarm for one in sums.values()),
        why=_why(sums, accuracy, len(failed), objective, is_worse=is_worse),
    )


def _sum(losses: Floats, ends: Floats, usual: Level, blocks: int) -> Sum:
    path = sums_of(losses, usual, blocks)
    zeros = np.flatnonzero(path == 0.0)
    start = int(zeros[-1]) + 1 if len(zeros) else 0
    rising = start < len(path)
    return Sum(
        level=float(path[-1]),
        threshold=THRESHOLD,
        since=datetime.fromtimestamp(float(ends[start]), UTC) if rising else None,
    )


def sums_of(losses: Floats, usual: Level, blocks: int) -> Floats:
    """
    Sum blocks' losses, less what is usual and the allowance, never below zero.

    Args:
        losses: One a block, in the order of time, shape (n,).
        usual: What they were when the model was judged.
        blocks: Of how many blocks that is known.

    Returns:
        Where the sum stands after each block, shape (n,).

    Source:
        Page (1954), Biometrika 41(1/2).
    """
    allowance = ALLOWANCE + UNCERTAINTY / sqrt(blocks)
    level, path = 0.0, []
    for step in ((losses - usual.mean) / usual.spread - allowance).tolist():
        level = max(level + step, 0.0)
        path.append(level)
    return np.array(path, np.float64)


def _bounds(right: Floats) -> tuple[float | None, float | None]:
    """Bound an accuracy by how much its blocks differ: bursts make bounds wide."""
    from scipy.special import stdtrit  # noqa: PLC0415 - a server judges nothing

    blocks = len(right)
    if blocks < FEWEST_JUDGED:
        return None, None
    mean = float(right.mean())
    error = float(right.std(ddof=1)) / sqrt(blocks)
    # As if half an error more had been seen in each direction: none is not never.
    error = max(error, 0.5 / (blocks * BLOCK))
    away = float(stdtrit(blocks - 1, 0.95)) * error
    return max(mean - away, 0.0), min(mean + away, 1.0)


def _kept(lower: float | None, upper: float | None, objective: float) -> Objective:
    if lower is not None and lower >= objective:
        return "met"
    if upper is not None and upper < objective:
        return "missed"
    return "unsure"


def _why(
    sums: dict[str, Sum],
    accuracy: float | None,
    labels: int,
    objective: float,
    *,
    is_worse: bool,
) -> str:
    if accuracy is None:
        return "no outcome is known yet of what was answered"
    found = f"right in {100 * accuracy:.1f} % of {labels} outcomes"
    for name, said in (("errors", "errors"), ("brier", "Brier scores")):
        if name in sums and sums[name].is_alarm:
            since = sums[name].since
            return f"{said} have risen, and stay so since {since:%Y-%m-%d}; {found}"
    if is_worse:
        return f"{found}: proven below the {100 * objective:.0f} % promised"
    if not sums:
        return f"{found}; too few to say whether that is less than it was"
    return f"{found}; no worse than when it was judged"
