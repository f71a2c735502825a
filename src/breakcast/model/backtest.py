"""
The honest backtest: what would have been said, build by build, by whom.

Both protocols judge the same test builds. `split` trains once, on the part of
each repository before its test. `walk-forward` trains twelve times on calendar
time, each time on all that was known by then, so that no repository's past is
told by another's future.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from breakcast.features.table import Table
from breakcast.model.calibration import calibrate_in_order, fit_platt
from breakcast.model.estimator import Bools, Floats, Recipe
from breakcast.model.fitting import Validated, fit, validate
from breakcast.model.forecasts import Forecasts
from breakcast.model.split import (
    is_known_before,
    is_known_by,
    is_labelled,
    is_last_fraction,
    retrain_times,
)

Protocol: TypeAlias = Literal["split", "walk-forward"]
RETRAINS = 12
Progress: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts of the test builds, and of the validation builds for choices."""

    test: Forecasts
    validation: Forecasts


def backtest(
    table: Table,
    protocol: Protocol = "split",
    *,
    test_fraction: float = 0.2,
    recipe: Recipe | None = None,
    progress: Progress = lambda _: None,
) -> Backtest:
    """
    Forecast the last builds of each repository from what was known before.

    Args:
        table: The history.
        protocol: `split` or `walk-forward`.
        test_fraction: Share of each repository's builds that is judged.
        recipe: How the forest is grown.
        progress: Told in words what is done next.

    Raises:
        BadInput: If the fraction is not between 0 and 1.
    """
    recipe = recipe or Recipe()
    everything = np.ones(len(table), bool)
    in_tail = is_last_fraction(table, everything, test_fraction)
    judged = in_tail & is_labelled(table)
    if protocol == "split":
        parts = _split(table, in_tail, judged, recipe, progress)
    else:
        parts = _walk_forward(table, judged, recipe, progress)
    return _in_order(table, parts, judged)


@dataclass(frozen=True, slots=True)
class _Parts:
    validated: Validated
    validated_pooled: Floats
    pooled: Floats  # of the judged builds
    majority: Floats  # of all builds


def _split(
    table: Table, in_tail: Bools, judged: Bools, recipe: Recipe, progress: Progress
) -> _Parts:
    teaching = is_known_before(table, ~in_tail, in_tail)
    progress("choosing on validation")
    validated = validate(table, teaching, recipe)
    platt = fit_platt(validated.logit, table.failed[validated.builds] > 0)
    progress("training")
    final = fit(table, teaching, recipe)
    return _Parts(
        validated,
        platt(validated.logit),
        platt(final.logit(table.rows[judged])),
        _failure_rates(table, teaching),
    )


def _walk_forward(table: Table, judged: Bools, recipe: Recipe, progress: Progress) -> _Parts:
    tests = np.flatnonzero(judged)
    logit = np.empty(len(tests))
    pooled = np.empty(len(tests))
    majority = np.full(len(table), np.nan)
    starts = table.started_at[tests]
    times = retrain_times(starts, RETRAINS) if len(tests) else np.empty(0)
    first = times[0] if len(times) else np.inf
    progress("choosing on validation")
    validated = validate(table, is_known_by(table, first), recipe)
    validated_failed = table.failed[validated.builds] > 0
    validated_pooled = fit_platt(validated.logit, validated_failed)(validated.logit)
    for turn, (since, until) in enumerate(zip(times, [*times[1:], np.inf], strict=True), 1):
        progress(f"training, {turn} of {len(times)}")
        known = is_known_by(table, since)
        # The slope follows the forecasts of earlier turns whose outcome is known by now.
        past = (starts < since) & known[tests]
        platt = fit_platt(
            np.concatenate([validated.logit, logit[past]]),
            np.concatenate([validated_failed, table.failed[tests[past]] > 0]),
        )
        now = (starts >= since) & (starts < until)
        logit[now] = fit(table, known, recipe).logit(table.rows[tests[now]])
        pooled[now] = platt(logit[now])
        majority[tests[now]] = _failure_rates(table, known)[tests[now]]
    rates = _failure_rates(table, is_known_by(table, first) & ~judged)
    majority = np.where(np.isnan(majority), rates, majority)
    return _Parts(validated, validated_pooled, pooled, majority)


def _in_order(table: Table, parts: _Parts, judged: Bools) -> Backtest:
    validated, tests = np.flatnonzero(parts.validated.builds), np.flatnonzero(judged)
    both = np.concatenate([validated, tests])
    names = np.array(table.repo_names, dtype=object)[table.repo[both]]
    probability, _ = calibrate_in_order(
        np.concatenate([parts.validated_pooled, parts.pooled]),
        names.tolist(),
        table.started_at[both],
        table.known_at[both],
        table.failed[both] > 0,
    )
    return Backtest(
        test=_forecasts(table, tests, probability[len(validated) :], parts.majority),
        validation=_forecasts(table, validated, probability[: len(validated)], parts.majority),
    )


def _forecasts(
    table: Table, builds: np.ndarray, probability: Floats, majority: Floats
) -> Forecasts:
    branch = table.column("branch.last_failed")[builds].astype(np.float64)
    pipeline = table.column("pipeline.last_failed")[builds].astype(np.float64)
    parrot = np.where(np.isnan(branch), pipeline, branch)
    return Forecasts(
        probability=probability,
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
    """Each build's repository's failure rate among the teaching builds."""
    count = np.bincount(table.repo[teaching], minlength=len(table.repo_names))
    red = np.bincount(
        table.repo[teaching], table.failed[teaching], minlength=len(table.repo_names)
    )
    # A repository that taught nothing is taken for an average one.
    base = (red.sum() + 1) / (count.sum() + 4)
    return ((red + base) / (count + 1))[table.repo]
