"""
The honest verdict on a test: one record of everything a backtest found.

Its JSON is the layout `backtest --json` promises, with more keys beside. All
that can be chosen (confidence cut, savings threshold) is chosen on validation;
the test is only reported on. Undefined numbers are null.
"""

from datetime import datetime
from typing import Literal

import msgspec

from breakcast.model.breakdown import (
    Calibration,
    FirstFailure,
    RepoReport,
    judge_calibration,
    judge_first_failures,
    report_repos,
)
from breakcast.model.curves import Curves, draw_curves
from breakcast.model.forecasts import DECISION_THRESHOLD, Forecasts
from breakcast.model.intervals import resample
from breakcast.model.savings import PRICE_A_MINUTE, Savings, judge_savings
from breakcast.model.selective import (
    Cut,
    Selective,
    choose_cut,
    is_answered,
    judge_selective,
)
from breakcast.model.standing import Difference, Standing, compare
from breakcast.model.verdict import Check, Evidence, judge
from breakcast.model.weighted import METRICS


class DataFacts(msgspec.Struct, frozen=True, kw_only=True):
    """
    What was read, before any judgement.

    `assumed_finish` counts builds whose finish time is a guess, `outcomes`
    attempts by outcome (`passed`, `failed`, `none`); `notes` are sentences for
    the reader: what was refused, ignored or assumed.
    """

    builds: int
    labelled: int
    test_builds: int
    repos: int
    failure_rate: float | None
    refused_rows: int = 0
    assumed_finish: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    outcomes: dict[str, int] = {}
    notes: tuple[str, ...] = ()


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """How the figures came about, for whoever wants to repeat them."""

    decision_threshold: float
    resamples: int
    blocks: int
    seed: int
    validation_builds: int
    definitions: dict[str, str]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """
    Everything a backtest found: the record behind the JSON and the page.

    >>> [field.name for field in msgspec.structs.fields(Evaluation)][:5]
    ['data', 'protocol', 'model', 'parrot', 'majority']
    """

    data: DataFacts
    protocol: str
    model: Standing
    parrot: Standing
    majority: Standing
    difference: dict[str, Difference]
    first_failure: FirstFailure
    selective: Selective
    savings: Savings
    calibration: Calibration
    per_repo: tuple[RepoReport, ...]
    verdict: Literal["turn on", "not yet"]
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    curves: Curves
    method: Method
    seconds: float


def evaluate(
    test: Forecasts,
    validation: Forecasts,
    *,
    cut: Cut = None,
    target_accuracy: float = 0.88,
    missed_budget: float = 0.05,
    price_a_minute: float = PRICE_A_MINUTE,
    resamples: int = 300,
    seed: int = 0,
    data: DataFacts | None = None,
    protocol: str = "split",
    seconds: float = 0.0,
) -> Evaluation:
    """
    Judge forecasts against the parrot, the majority, and a budget of misses.

    Args:
        test: The builds reported on; may be of one outcome only, or empty.
        validation: Earlier builds, on which everything adjustable is chosen.
        cut: Confidence from which a build is answered, one for each test build,
            chosen before it started; None chooses one for all on `validation`.
        target_accuracy: Wanted accuracy of the answers given, in (0, 1).
        missed_budget: Share of failures that skipping may miss, in (0, 1).
        price_a_minute: Money one minute of a build costs.
        resamples: Bootstrap resamples, at least 1.
        seed: Of the bootstrap and the simulated calibration error.
        data: What was read, `test_builds` corrected; counted from `test` if None.
        protocol: How the test was made, in a word.
        seconds: How long the whole backtest took, if known by now.

    Returns:
        The record; the same arguments give the same record.

    Raises:
        ValueError: If target or budget is out of range.
    """
    _require_share("target_accuracy", target_accuracy)
    _require_share("missed_budget", missed_budget)
    draws = resample(test, resamples, seed)
    standing = compare(test, draws)
    if cut is None:
        cut = choose_cut(validation.probability, validation.failed, target_accuracy)
    selective = judge_selective(test, validation, draws, target_accuracy, cut)
    savings = judge_savings(
        test, validation, draws, budget=missed_budget, price_a_minute=price_a_minute
    )
    repos = report_repos(
        test,
        threshold=savings.point.threshold if savings.point else None,
        answered=is_answered(test.probability, cut),
        seed=seed,
    )
    verdict = judge(
        Evidence(
            builds=len(test),
            failures=int(test.failed.sum()),
            model=standing.model.pooled,
            parrot=standing.parrot.pooled,
            majority=standing.majority.pooled,
            mcc_difference=standing.difference["mcc"].interval,
            selective=selective,
        )
    )
    return Evaluation(
        data=msgspec.structs.replace(data or _facts(test), test_builds=len(test)),
        protocol=protocol,
        model=standing.model,
        parrot=standing.parrot,
        majority=standing.majority,
        difference=standing.difference,
        first_failure=judge_first_failures(test, draws),
        selective=selective,
        savings=savings,
        calibration=judge_calibration(test, standing.model.pooled.ece, repos, seed),
        per_repo=repos,
        verdict=verdict.verdict,
        reasons=verdict.reasons,
        checks=verdict.checks,
        curves=draw_curves(test),
        method=Method(
            decision_threshold=DECISION_THRESHOLD,
            resamples=resamples,
            blocks=draws.counts.shape[1],
            seed=seed,
            validation_builds=len(validation),
            definitions=METRICS,
        ),
        seconds=seconds,
    )


def _require_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        message = f"{name} must lie between 0 and 1, both excluded; got {value!r}"
        raise ValueError(message)


def _facts(test: Forecasts) -> DataFacts:
    failed = int(test.failed.sum())
    return DataFacts(
        builds=len(test),
        labelled=len(test),
        test_builds=len(test),
        repos=len(test.rows_by_repo()),
        failure_rate=failed / len(test) if len(test) else None,
        outcomes={"passed": len(test) - failed, "failed": failed},
    )
