"""
The honest backtest: what would have been said, build by build, by whom.

Both protocols judge the same test builds. `split` trains once, on the part of
each repository before its test. `walk-forward` trains twelve times on calendar
time, each time on all that was known by then, so that no repository's past is
told by another's future.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from breakcast.features.table import Table
from breakcast.model.calibration import calibrate_in_order, fit_platt
from breakcast.model.estimator import Bools, Floats, Recipe
from breakcast.model.fitting import Fit, fit_each, validation_of
from breakcast.model.forecasts import Forecasts
from breakcast.model.selective import choose_cut
from breakcast.model.split import (
    is_known_before,
    is_known_by,
    is_labelled,
    is_last_fraction,
    retrain_times,
)

Protocol: TypeAlias = Literal["split", "walk-forward"]
RETRAINS = 12
CHOSEN_ON = 4_000
"""A cut is chosen on at most so many of the newest forecasts with a known outcome."""
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Backtest:
    """
    Forecasts of the test builds, and of the validation builds for choices.

    `cut` is the confidence from which a test build is answered, NaN for never:
    chosen for each forest on the newest forecasts whose outcome was known when
    it took over; shape (test builds,). `unseen_logit` is what the forests said of
    each validation and test build, uncalibrated; NaN for all others, shape (n,).
    """

    test: Forecasts
    validation: Forecasts
    cut: Floats
    unseen_logit: Floats


def backtest(
    table: Table,
    protocol: Protocol = "split",
    *,
    test_fraction: float = 0.2,
    target_accuracy: float = 0.88,
    recipe: Recipe | None = None,
    executor: Executor | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Backtest:
    """
    Forecast the last builds of each repository from what was known before.

    Args:
        table: The history.
        protocol: `split` or `walk-forward`.
        test_fraction: Share of each repository's builds that is judged.
        target_accuracy: Wanted accuracy of the answers given.
        recipe: How the forests are grown.
        executor: Where they grow; one thread if None.
        progress: Told how many forests have grown, and of how many.

    Raises:
        BadInput: If the fraction is not between 0 and 1.
    """
    everything = np.ones(len(table), bool)
    in_tail = is_last_fraction(table, everything, test_fraction)
    judged = in_tail & is_labelled(table)
    if protocol == "split":
        first = (
            np.array([table.started_at[judged].min()]) if judged.any() else np.empty(0)
        )
        teachings = [is_known_before(table, ~in_tail, in_tail)]
    else:
        first = retrain_times(table.started_at[judged], RETRAINS)
        teachings = [is_known_by(table, since) for since in first]
    if not len(first):
        teachings = [is_labelled(table)]
    turns = _Turns(since=first, teachings=teachings)
    early, late = validation_of(table, turns.teachings[0])
    with nullcontext(executor) if executor else ThreadPoolExecutor(1) as pool:
        begun = fit_each(table, [early, *turns.teachings], recipe or Recipe(), pool)
        fits = _told(begun, progress)
        logit = np.full(len(table), np.nan)
        logit[late] = next(fits).logit(table.rows[late])
        answering = turns.answering(table.started_at)
        for turn, fitted in enumerate(fits):
            now = judged & (answering == turn)
            logit[now] = fitted.logit(table.rows[now])
    pooled = _pooled(table, logit, (late, judged), turns)
    probability = _in_order(table, pooled, late | judged)
    majority = _majorities(table, judged, turns)
    return Backtest(
        test=forecasts_of(table, judged, probability, majority),
        validation=forecasts_of(table, late, probability, majority),
        cut=_cuts(table, probability, (late, judged), turns, target_accuracy)[judged],
        unseen_logit=logit,
    )


@dataclass(frozen=True, slots=True)
class _Turns:
    """When each forest takes over, and the builds it was taught by."""

    since: Floats
    teachings: list[Bools]

    def answering(self, started_at: Floats) -> NDArray[np.intp]:
        """Which turn answers for builds that start at these times."""
        return np.maximum(np.searchsorted(self.since, started_at, side="right") - 1, 0)


def _told(begun: "list[Future[Fit]]", progress: Progress) -> Iterator[Fit]:
    for done, fitted in enumerate(begun, 1):
        yield fitted.result()
        progress(done, len(begun))


def _pooled(
    table: Table, logit: Floats, builds: tuple[Bools, Bools], turns: _Turns
) -> Floats:
    late, judged = builds
    failed = table.failed > 0
    pooled = np.full(len(table), np.nan)
    pooled[late] = fit_platt(logit[late], failed[late])(logit[late])
    answering = turns.answering(table.started_at)
    for turn, teaching in enumerate(turns.teachings):
        # The slope follows earlier turns' forecasts whose outcome is known by now.
        past = late | (judged & (answering < turn) & teaching)
        now = judged & (answering == turn)
        pooled[now] = fit_platt(logit[past], failed[past])(logit[now])
    return pooled


def _majorities(table: Table, judged: Bools, turns: _Turns) -> Floats:
    """Each build's repository's failure rate among the builds that taught its turn."""
    rates = np.stack([_failure_rates(table, teaching) for teaching in turns.teachings])
    turn = np.where(judged, turns.answering(table.started_at), 0)
    per_build: Floats = rates[turn, table.repo]
    return per_build


def _in_order(table: Table, pooled: Floats, forecast: Bools) -> Floats:
    probability = np.full(len(table), np.nan)
    builds = np.flatnonzero(forecast)
    probability[builds], _ = calibrate_in_order(
        pooled[builds],
        [table.repo_names[repo] for repo in table.repo[builds]],
        table.started_at[builds],
        table.known_at[builds],
        table.failed[builds] > 0,
    )
    return probability


def _cuts(
    table: Table,
    probability: Floats,
    builds: tuple[Bools, Bools],
    turns: _Turns,
    target: float,
) -> Floats:
    late, judged = builds
    answering = turns.answering(table.started_at)
    cut = np.full(len(table), np.nan)
    known = late
    for turn, teaching in enumerate(turns.teachings):
        if turn:
            known = (late | (judged & (answering < turn))) & teaching
        newest = np.flatnonzero(known)
        newest = newest[np.argsort(table.known_at[newest], kind="stable")][-CHOSEN_ON:]
        chosen = choose_cut(probability[newest], table.failed[newest] > 0, target)
        cut[judged & (answering == turn)] = np.nan if chosen is None else chosen
    return cut


def forecasts_of(
    table: Table, builds: Bools, probability: Floats, majority: Floats
) -> Forecasts:
    """
    Put forecasts beside what happened, and beside what the parrot would have said.

    Args:
        table: The history.
        builds: Which of its builds, labelled all of them; a mask, shape (n,).
        probability: P(red) of those, not looked at elsewhere, shape (n,).
        majority: Their repositories' failure rates, likewise.
    """
    branch = table.column("branch.last_failed")[builds].astype(np.float64)
    pipeline = table.column("pipeline.last_failed")[builds].astype(np.float64)
    parrot = np.where(np.isnan(branch), pipeline, branch)
    return Forecasts(
        probability=probability[builds],
        failed=table.failed[builds] > 0,
        parrot=parrot,
        majority=majority[builds],
        is_first=parrot == 0,
        repo=table.repo[builds],
        repo_names=table.repo_names,
        started_at=table.started_at[builds],
        minutes=table.minutes[builds],
    )


def _failure_rates(table: Table, teaching: Bools) -> Floats:
    """Each repository's failure rate among the teaching builds; (repositories,)."""
    repos = len(table.repo_names)
    count = np.bincount(table.repo[teaching], minlength=repos)
    red = np.bincount(table.repo[teaching], table.failed[teaching], minlength=repos)
    # A repository that taught nothing is taken for an average one.
    base = (red.sum() + 1) / (count.sum() + 4)
    rates: Floats = (red + base) / (count + 1)
    return rates
