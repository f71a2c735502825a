"""
How each build of one simulated repository ends, and why.

A pipeline is red if it sees the push's defect. Beyond that comes noise: flaky
failures, hung builds, and outages that hit a whole organisation.
"""

from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from breakcast.history.simulateddefects import draw_defects
from breakcast.history.simulatedpushes import Pushes
from breakcast.history.simulatedsittings import Bools, Floats, Ints, Trigger
from breakcast.history.simulation import Simulation

PASSED, FAILED, NONE = 0, 1, 2
"""Outcomes by number."""

_LONGEST_SECONDS = 6 * 3600  # where GitHub stops a job
_SHORTEST_SECONDS = 3
_SLOWEST_SECONDS = 3600  # a pipeline's usual build; buildfast's slowest 2804
_HUNG_SHARE = 0.002
_HEAVY_SHARE, _HEAVY = 0.05, 3.0  # builds whose time strays so much further
_PIPELINE_SPREAD = 0.5
_START_SECONDS = 20  # pipelines of a push start within so many
_MOST_FLAKY = 0.15
_OUTAGE_HITS, _OUTAGE_RATIO = 0.75, 0.2  # of builds; fails after so much of its time
_NOISE_RERUN, _DEFECT_RERUN = 3.5, 0.8  # of `rerun_share`
_PAUSE_SECONDS = 600.0  # median from a red build to its rerun
_SUITE = 160.0  # tests, median; buildfast 139 over repositories
_SPOILT = 3.0  # tests failed by a defect, median; buildfast 3


@dataclass(frozen=True, slots=True)
class Builds:
    """
    Attempts of one repository, by start; one array item each.

    `push` indexes the pushes. `number` names a build within the repository, its
    reruns share it; `parent` is the number of the parent push's build on the
    same pipeline, or -1.
    """

    push: Ints
    pipeline: Ints
    attempt: Ints
    number: Ints
    parent: Ints
    started_at: Ints
    finished_at: Ints
    outcome: Ints
    tests_run: Ints
    tests_failed: Ints


def draw_builds(
    simulation: Simulation,
    rng: np.random.Generator,
    pushes: Pushes,
    pipelines: int,
    outages: tuple[Ints, Ints],
) -> Builds:
    """
    Build every push on every pipeline, and some red builds once more.

    Args:
        simulation: The parameters.
        rng: Where chance comes from.
        pushes: What is built.
        pipelines: How many pipelines the repository has.
        outages: First and last seconds of the organisation's outages, rising.
    """
    yard = _Yard(simulation, rng, pipelines, outages)
    total = len(pushes.at)
    push = np.repeat(np.arange(total), pipelines)
    pipeline = np.tile(np.arange(pipelines), total)
    offset = np.floor(_START_SECONDS * rng.random(pipelines) ** 3).astype(np.int64)
    started = pushes.at[push] + offset[pipeline]
    needed = yard.needed_seconds(pipeline)
    quickest = needed.reshape(total, pipelines).min(axis=1)
    noticed_at = pushes.at + np.minimum(quickest, _LONGEST_SECONDS)
    defect = draw_defects(simulation, rng, pushes, noticed_at)
    sees = rng.random((total, pipelines)) < 0.25 + 0.6 * rng.random(pipelines)
    sees[~sees.any(axis=1), 0] = True
    broken = (defect[push] >= 0) & sees[defect[push], pipeline]
    seconds, outcome = yard.run(pipeline, started, needed, broken)
    left = _seconds_left(simulation, rng, pushes, push, started)
    is_cut = left < seconds
    outcome[is_cut] = NONE
    seconds[is_cut] = left[is_cut]

    share = np.where(broken, _DEFECT_RERUN, _NOISE_RERUN) * simulation.rerun_share
    redo = np.flatnonzero((outcome == FAILED) & (rng.random(len(push)) < share))
    pause = _PAUSE_SECONDS * np.exp(1.2 * rng.standard_normal(len(redo)))
    restarted = started[redo] + seconds[redo] + 1 + np.rint(pause).astype(np.int64)
    again = yard.run(
        pipeline[redo], restarted, yard.needed_seconds(pipeline[redo]), broken[redo]
    )
    every = np.concatenate((np.arange(len(push)), redo))
    push, pipeline, broken = push[every], pipeline[every], broken[every]
    started = np.concatenate((started, restarted))
    outcome = np.concatenate((outcome, again[1]))
    ran, failed = _tests(
        simulation,
        rng,
        pushes,
        push=push,
        suite=_SUITE * np.exp(1.5 * rng.standard_normal(pipelines))[pipeline],
        cause=np.where((outcome == FAILED) & broken, defect[push], -1),
    )
    is_noise = (outcome == FAILED) & ~broken
    parent = pushes.parent[push]
    return _in_order(
        Builds(
            push=push,
            pipeline=pipeline,
            attempt=1 + (np.arange(len(every)) >= total * pipelines),
            number=push * pipelines + pipeline,
            parent=np.where(parent < 0, -1, parent * pipelines + pipeline),
            started_at=started,
            finished_at=started + np.concatenate((seconds, again[0])),
            outcome=outcome,
            tests_run=ran,
            tests_failed=np.where(is_noise, np.minimum(1, ran), failed),
        )
    )


def latest(builds: Builds, count: int) -> Builds:
    """Keep the latest, numbered from 1 by start; a parent left out is none."""
    kept = _picked(builds, np.arange(len(builds.push) - count, len(builds.push)))
    numbers, first = np.unique(kept.number, return_index=True)
    rank = np.empty(len(numbers), np.int64)
    rank[np.argsort(first)] = np.arange(1, len(numbers) + 1)
    place = np.minimum(np.searchsorted(numbers, kept.parent), len(numbers) - 1)
    # A rerun may be kept whose first attempt is not: it can start after a child.
    is_kept = (numbers[place] == kept.parent) & (
        kept.started_at[first[place]] < kept.started_at
    )
    number = rank[np.searchsorted(numbers, kept.number)]
    return replace(kept, number=number, parent=np.where(is_kept, rank[place], -1))


class _Yard:
    """Where builds run: a repository's pipelines, each with its time and its noise."""

    def __init__(
        self,
        simulation: Simulation,
        rng: np.random.Generator,
        pipelines: int,
        outages: tuple[Ints, Ints],
    ) -> None:
        self._rng = rng
        self._noise = simulation.duration_noise
        self._failed_ratio = simulation.failed_duration_ratio
        self._outages = outages
        slowness = simulation.duration_spread * float(rng.standard_normal())
        stray = _PIPELINE_SPREAD * rng.standard_normal(pipelines)
        usual = simulation.duration_median_seconds * np.exp(slowness + stray)
        self._usual = np.minimum(usual, _SLOWEST_SECONDS)
        flaky = np.exp(simulation.flaky_spread * rng.standard_normal(pipelines))
        self._flaky = np.minimum(simulation.flaky_share * flaky, _MOST_FLAKY)

    def needed_seconds(self, pipeline: Ints) -> Floats:
        """How long each build would run until green."""
        total = len(pipeline)
        heavy = np.where(self._rng.random(total) < _HEAVY_SHARE, _HEAVY, 1.0)
        noise = np.exp(self._noise * heavy * self._rng.standard_normal(total))
        is_hung = self._rng.random(total) < _HUNG_SHARE
        return np.where(is_hung, np.inf, self._usual[pipeline] * noise)

    def run(
        self, pipeline: Ints, started: Ints, needed: Floats, broken: Bools
    ) -> tuple[Ints, Ints]:
        """Seconds each build runs, and its outcome."""
        total = len(pipeline)
        begun, ended = self._outages
        which = np.searchsorted(begun, started, side="right") - 1
        # -1, before the first outage, finds the 0 put at the end.
        is_out = started < np.append(ended, 0)[which]
        is_out &= self._rng.random(total) < _OUTAGE_HITS
        is_flaky = self._rng.random(total) < self._flaky[pipeline]
        is_red = broken | is_out | is_flaky | (needed > _LONGEST_SECONDS)
        ratio = np.where(is_red, self._failed_ratio, 1.0)
        ratio = np.where(is_out, _OUTAGE_RATIO, ratio)
        seconds = np.clip(np.rint(needed * ratio), _SHORTEST_SECONDS, _LONGEST_SECONDS)
        return seconds.astype(np.int64), np.where(is_red, FAILED, PASSED)


def _seconds_left(
    simulation: Simulation,
    rng: np.random.Generator,
    pushes: Pushes,
    push: Ints,
    started: Ints,
) -> Ints:
    """Seconds until the next push to a pull request cancels a build, or forever."""
    following = pushes.following[push]
    can_be_cut = (pushes.trigger[push] == Trigger.PULL_REQUEST) & (following >= 0)
    can_be_cut &= rng.random(len(push)) < simulation.cancelled_share
    left = np.maximum(1, pushes.at[following] - started)
    return np.where(can_be_cut, left, np.iinfo(np.int64).max)


def _tests(
    simulation: Simulation,
    rng: np.random.Generator,
    pushes: Pushes,
    *,
    push: Ints,
    suite: Floats,
    cause: Ints,
) -> tuple[Ints, Ints]:
    """Count tests run and failed; a defect fails the same ones each time, if any."""
    total = len(pushes.at)
    is_seen = rng.random(total) < simulation.test_failure_share
    spoilt = _SPOILT * np.exp(1.6 * rng.standard_normal(total))
    spoilt = np.where(is_seen, np.ceil(spoilt), 0.0)
    reach = np.where(is_seen, 1.0, np.maximum(0.0, 1.2 * rng.random(total) - 0.2))
    suite = suite * pushes.source_lines[push] / pushes.source_lines[0]
    ran = np.rint(np.maximum(1.0, suite) * np.where(cause < 0, 1.0, reach[cause]))
    failed = np.where(cause < 0, 0.0, np.minimum(spoilt[cause], ran))
    return ran.astype(np.int64), failed.astype(np.int64)


def _in_order(builds: Builds) -> Builds:
    return _picked(builds, np.argsort(builds.started_at, kind="stable"))


_COLUMNS = attrgetter(*Builds.__slots__)


def _picked(builds: Builds, rows: Ints) -> Builds:
    return Builds(*(column[rows] for column in _COLUMNS(builds)))
