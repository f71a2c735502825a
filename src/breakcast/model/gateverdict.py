"""
The verdict of a gate: may this candidate take the champion's place, and why.

Only the record, so that the promotion log can keep it; who judges, and by what
bounds, is retraining's.
"""

from datetime import datetime
from math import isfinite
from typing import Literal

import msgspec

_Sense = Literal["at least", "at most"]


class GateCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value beside its bound; a value that is undefined does not pass."""

    name: str
    value: float | None
    sense: _Sense
    bound: float
    passed: bool


class GateVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a gate found.

    Attributes:
        candidate: The version judged.
        champion: The version it was judged against; None if there was none.
        at: When, UTC.
        checks: Everything measured.
        reasons: Why, in sentences for whoever reads the log.

    >>> from datetime import UTC
    >>> verdict = GateVerdict(
    ...     candidate="v1.1",
    ...     champion="v1.0",
    ...     at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    ...     checks=(at_least("roc_auc", 0.91, 0.89), at_most("ece", 0.02, 0.012)),
    ...     reasons=("It ranks better, but its probabilities are further off.",),
    ... )
    >>> verdict.failed
    True
    >>> print(verdict.markdown())
    ### v1.1 against v1.0: failed
    <BLANKLINE>
    - It ranks better, but its probabilities are further off.
    <BLANKLINE>
    | check | value | bound | passed |
    |---|---:|---:|---|
    | roc_auc | 0.91 | at least 0.89 | yes |
    | ece | 0.02 | at most 0.012 | **no** |
    <BLANKLINE>
    Judged at 2026-01-02 03:04:00 UTC.
    """

    candidate: str
    champion: str | None
    at: datetime
    checks: tuple[GateCheck, ...]
    reasons: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether any check failed; a verdict without checks has shown nothing."""
        return not self.checks or any(not check.passed for check in self.checks)

    def json(self) -> bytes:
        """Encode the record as JSON; `verdict_from` reads it."""
        return msgspec.json.encode(self)

    def markdown(self) -> str:
        """Write the verdict for people."""
        said = "failed" if self.failed else "passed"
        parts = [f"### {self.candidate} against {self.champion or 'nobody'}: {said}"]
        if self.reasons:
            parts.append("\n".join(f"- {reason}" for reason in self.reasons))
        rows = ["| check | value | bound | passed |", "|---|---:|---:|---|"]
        rows += map(_row, self.checks)
        parts.append("\n".join(rows))
        parts.append(f"Judged at {self.at:%Y-%m-%d %H:%M:%S} UTC.")
        return "\n\n".join(parts)


def at_least(name: str, value: float | None, bound: float) -> GateCheck:
    """
    Check that a value reaches a bound; one that is no number does not.

    >>> at_least("coverage", 0.6, 0.5).passed, at_least("coverage", None, 0.5).passed
    (True, False)
    """
    return _check(name, value, "at least", bound)


def at_most(name: str, value: float | None, bound: float) -> GateCheck:
    """
    Check that a value stays within a bound; one that is no number does not.

    >>> at_most("ece", 0.01, 0.012).passed, at_most("ece", float("nan"), 0.012).value
    (True, None)
    """
    return _check(name, value, "at most", bound)


def verdict_from(encoded: bytes) -> GateVerdict:
    """
    Read a verdict that `GateVerdict.json` wrote.

    Raises:
        msgspec.MsgspecError: If it is none.
    """
    return msgspec.json.decode(encoded, type=GateVerdict)


def _check(name: str, value: float | None, sense: _Sense, bound: float) -> GateCheck:
    # JSON has no NaN or infinity: it would not keep the value that was judged.
    if value is None or not isfinite(value):
        return GateCheck(name=name, value=None, sense=sense, bound=bound, passed=False)
    passed = value >= bound if sense == "at least" else value <= bound
    return GateCheck(name=name, value=value, sense=sense, bound=bound, passed=passed)


def _row(check: GateCheck) -> str:
    value = "undefined" if check.value is None else f"{check.value:.4g}"
    passed = "yes" if check.passed else "**no**"
    name = check.name.replace("|", r"\|")
    return f"| {name} | {value} | {check.sense} {check.bound:.4g} | {passed} |"
