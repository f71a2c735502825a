"""Where a pooled number hides something: first failures, repositories, calibration."""

from typing import Final

import msgspec
import numpy as np

from breakcast.model.forecasts import Bools, Forecasts
from breakcast.model.intervals import Interval, Resamples
from breakcast.model.metrics import chance_ece, score
from breakcast.model.savings import is_skipped

MIN_BUILDS_FOR_CALIBRATION: Final = 100
"""Below it, a repository's calibration error is nearly all chance."""


class FirstFailure(msgspec.Struct, frozen=True, kw_only=True):
    """
    Builds whose pipeline and branch were last known green: the parrot is blind.

    `recall_at_20` is the share of their failures found in their riskiest 20 %;
    `share_of_failures` how much of all red is such a first failure.
    """

    builds: int
    failures: int
    share_of_failures: float | None
    roc_auc: float | None
    roc_auc_interval: Interval | None
    pr_auc: float | None
    recall_at_20: float | None
    recall_at_20_interval: Interval | None


class RepoReport(msgspec.Struct, frozen=True, kw_only=True):
    """
    One repository of the test; None where undefined.

    `missed_share` and `skipped_share` are at the chosen savings threshold,
    `coverage` at the chosen confidence cut. `chance_ece` is what a perfectly
    calibrated forecaster would show on as many builds.
    """

    repo: str
    builds: int
    failures: int
    failure_rate: float
    accuracy: float | None
    roc_auc: float | None
    pr_auc: float | None
    mcc: float | None
    brier: float | None
    parrot_accuracy: float | None
    parrot_mcc: float | None
    missed_share: float | None
    skipped_share: float
    coverage: float
    ece: float | None
    chance_ece: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """
    Calibration error, and what chance alone would show.

    The worst repository is the one with the greatest excess over chance among
    those with `MIN_BUILDS_FOR_CALIBRATION` test builds; None if there is none.
    """

    ece: float | None
    chance_ece: float | None
    worst_repo: str | None
    worst_excess: float | None


def judge_first_failures(test: Forecasts, resamples: Resamples) -> FirstFailure:
    """
    Score the builds on which the parrot always says green.

    Args:
        test: The builds reported on.
        resamples: Drawn from `test`.
    """
    first = test.is_first
    scores = score(test.probability[first], test.failed[first])
    drawn = resamples.scores(test.probability, test.failed, rows=first)
    failures, red = int(test.failed[first].sum()), int(test.failed.sum())
    return FirstFailure(
        builds=int(first.sum()),
        failures=failures,
        share_of_failures=failures / red if red else None,
        roc_auc=scores.roc_auc,
        roc_auc_interval=resamples.interval(drawn["roc_auc"]),
        pr_auc=scores.pr_auc,
        recall_at_20=scores.recall_at_20,
        recall_at_20_interval=resamples.interval(drawn["recall_at_20"]),
    )


def report_repos(
    test: Forecasts, *, threshold: float | None, answered: Bools, seed: int
) -> tuple[RepoReport, ...]:
    """
    Every repository of the test, most builds first.

    Args:
        test: The builds reported on.
        threshold: The chosen savings threshold; None skips nothing.
        answered: Which builds are given an answer, shape (n,).
        seed: Of the simulated calibration error.
    """
    rng = np.random.default_rng(seed)
    return tuple(
        _report(name, test.take(rows), threshold, answered[rows], rng)
        for name, rows in test.rows_by_repo()
    )


def judge_calibration(
    test: Forecasts, ece: float | None, repos: tuple[RepoReport, ...], seed: int
) -> Calibration:
    """
    Set the pooled and the worst repository's calibration error beside chance.

    Args:
        test: The builds reported on.
        ece: The pooled error.
        repos: The test's repositories.
        seed: Of the simulated calibration error.
    """
    large = [repo for repo in repos if repo.builds >= MIN_BUILDS_FOR_CALIBRATION]
    worst = max(large, key=_excess, default=None)
    rng = np.random.default_rng(seed)
    return Calibration(
        ece=ece,
        chance_ece=chance_ece(test.probability, rng) if len(test) else None,
        worst_repo=worst.repo if worst else None,
        worst_excess=_excess(worst) if worst else None,
    )


def _report(
    name: str,
    test: Forecasts,
    threshold: float | None,
    answered: Bools,
    rng: np.random.Generator,
) -> RepoReport:
    model = score(test.probability, test.failed)
    parrot = score(test.parrot_probability, test.failed)
    skipped = is_skipped(test.probability, threshold)
    failures = int(test.failed.sum())
    missed = int((skipped & test.failed).sum())
    return RepoReport(
        repo=name,
        builds=len(test),
        failures=failures,
        failure_rate=failures / len(test),
        accuracy=model.accuracy,
        roc_auc=model.roc_auc,
        pr_auc=model.pr_auc,
        mcc=model.mcc,
        brier=model.brier,
        parrot_accuracy=parrot.accuracy,
        parrot_mcc=parrot.mcc,
        missed_share=missed / failures if failures and threshold is not None else None,
        skipped_share=float(skipped.mean()),
        coverage=float(answered.mean()),
        ece=model.ece,
        chance_ece=chance_ece(test.probability, rng),
    )


def _excess(repo: RepoReport) -> float:
    return (repo.ece or 0.0) - repo.chance_ece
