"""
Turn it on, or not yet: the rule, and its reasons in plain words.

The rule is strict where it is cheap to be wrong: a model must beat the parrot,
which costs nothing, by more than luck; must be right when it claims to be; and
must have been tried on builds enough to tell.
"""

from typing import Final, Literal

import msgspec

from breakcast.model.intervals import Interval
from breakcast.model.metrics import Scores
from breakcast.model.selective import Selective

MIN_TEST_BUILDS: Final = 200
"""Fewer test builds are too few to judge by."""

MIN_TEST_FAILURES: Final = 30
"""Fewer red test builds are too few to judge by."""

MIN_COVERAGE: Final = 0.5
"""A model that must keep silent more often than this is not worth turning on."""


class Check(msgspec.Struct, frozen=True):
    """One condition of the verdict: whether it is met, and its numbers in words."""

    name: str
    met: bool
    text: str


class Verdict(msgspec.Struct, frozen=True):
    """The verdict, the sentences that decided it, and every check made."""

    verdict: Literal["turn on", "not yet"]
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the verdict rests on; all of it measured on test.

    `mcc_difference` is the interval of MCC(model) - MCC(parrot), None if there
    are too few repository-days for one.
    """

    builds: int
    failures: int
    model: Scores
    parrot: Scores
    majority: Scores
    mcc_difference: Interval | None
    selective: Selective


def judge(evidence: Evidence) -> Verdict:
    """
    Turn on if every check is met; otherwise not yet.

    Returns:
        The verdict. Its reasons are the unmet checks, or all if all are met.
        Where only one outcome happened, nothing but that is said.
    """
    checks = [_is_enough(evidence)]
    if 0 < evidence.failures < evidence.builds:
        checks += [
            _beats_parrot(evidence),
            _ranks_better(evidence),
            _is_believable(evidence),
            _answers_well(evidence.selective),
        ]
    unmet = tuple(check.text for check in checks if not check.met)
    return Verdict(
        verdict="not yet" if unmet else "turn on",
        reasons=unmet or tuple(check.text for check in checks),
        checks=tuple(checks),
    )


def _is_enough(evidence: Evidence) -> Check:
    builds, failures = evidence.builds, evidence.failures
    met = builds >= MIN_TEST_BUILDS and failures >= MIN_TEST_FAILURES
    if builds == 0:
        text = "There is no labelled build to test on."
    elif failures == 0:
        text = (
            f"None of the {builds:,} test builds failed: "
            "nothing can be said about forecasting failures."
        )
    elif failures == builds:
        met = False
        text = (
            f"All {builds:,} test builds failed: "
            "nothing can be said about telling red from green."
        )
    elif met:
        text = f"{builds:,} test builds, {failures:,} of them red, are enough to judge."
    else:
        text = (
            f"{builds:,} test builds with {failures:,} failures are too few to judge: "
            f"at least {MIN_TEST_BUILDS} with {MIN_TEST_FAILURES} failures are needed."
        )
    return Check("enough builds", met, text)


def _beats_parrot(evidence: Evidence) -> Check:
    model, parrot = evidence.model.mcc or 0.0, evidence.parrot.mcc or 0.0
    difference = evidence.mcc_difference
    met = model > parrot and difference is not None and difference.lower >= 0
    figures = f"the model's MCC is {model:.3f}, the parrot's {parrot:.3f}"
    if model <= parrot:
        is_sure = difference is not None and difference.upper < 0
        text = (
            f"The parrot's MCC is {parrot:.3f}, the model's {model:.3f}: repeating "
            f"the last known outcome is {'the better' if is_sure else 'as good a'} "
            "forecast."
        )
    elif difference is None:
        text = f"{figures}, on too few days to rule out luck."
    else:
        span = f"95 % interval of the difference {difference.lower:+.3f} to "
        span += f"{difference.upper:+.3f}"
        text = f"{figures} ({span})" + ("." if met else ": that may be luck.")
    return Check("beats the parrot", met, text[0].upper() + text[1:])


def _ranks_better(evidence: Evidence) -> Check:
    model, parrot = evidence.model.pr_auc or 0.0, evidence.parrot.pr_auc or 0.0
    met = model > parrot
    text = (
        f"The model ranks failures {'better' if met else 'no better'} than the "
        f"parrot: PR-AUC {model:.3f} against {parrot:.3f}."
    )
    return Check("ranks failures better", met, text)


def _is_believable(evidence: Evidence) -> Check:
    brier = [
        1.0 if scores.brier is None else scores.brier
        for scores in (evidence.model, evidence.parrot, evidence.majority)
    ]
    met = brier[0] < min(brier[1:])
    text = (
        f"Its probabilities are {'closer' if met else 'no closer'} to what happens: "
        f"Brier score {brier[0]:.3f} against the parrot's {brier[1]:.3f} and "
        f"the majority's {brier[2]:.3f} (lower is better)."
    )
    return Check("better probabilities", met, text)


def _answers_well(selective: Selective) -> Check:
    target = _percent(selective.target)
    share = f"{_percent(selective.coverage)} of the test builds"
    met = False
    if selective.accuracy is None:
        text = (
            f"At no confidence was validation right {target} of the time with luck "
            "discounted, so no answer would be given."
            if selective.threshold is None
            else "No test build reached the confidence asked for."
        )
    elif selective.coverage < MIN_COVERAGE:
        text = (
            f"To be right {target} of the time it would answer only {share} "
            f"(at least {_percent(MIN_COVERAGE)} is asked for)."
        )
    else:
        met = selective.accuracy >= selective.target
        text = (
            f"It answers {share} and is right on {_percent(selective.accuracy)} of "
            f"them; {target} was promised{'' if met else ' and is not kept'}."
        )
    return Check("right when it answers", met, text)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
