"""
When pushes come, from whom and on which branch, in one simulated repository.

People come in sittings: one author, a few pushes close together, in office
hours, in busy and quiet weeks. A sitting is on main, on a release branch, or
a pull request, which may end as a merge into main.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from breakcast.history.simulation import Simulation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REGULARS = 24
"""Regular authors of an organisation, numbered from 0."""
BOT = REGULARS
"""The organisation's bot; newcomers have the numbers above."""
MAIN, RELEASE, FIRST_PULL_REQUEST = 0, 1, 2
"""Branches by number; each pull request has its own."""

_DAY = 86_400
_WEEK = 7 * _DAY
_WEEK_HOURS = np.arange(169.0)
_A_MONDAY = 4 * _DAY  # 1970-01-01 was a Thursday.
_NIGHTLY_HOUR = 3
_LONGEST_SITTING = 60
_REVIEW_HOURS = 2.0
# Shares of builds by hour of the day and by weekday, the mean of buildfast and
# travis_timed, each repository's busiest ten hours laid on 09:00 to 19:00.
_EARLY = (0.020, 0.018, 0.017, 0.015, 0.012, 0.010, 0.012, 0.020, 0.032)
_OFFICE = (0.048, 0.066, 0.078, 0.072, 0.070, 0.080, 0.088, 0.087, 0.078, 0.060)
_LATE = (0.037, 0.030, 0.026, 0.024, 0.020)
_WEEKDAYS = (0.161, 0.176, 0.183, 0.173, 0.158, 0.077, 0.072)
_ZONES = (-8, -7, -5, -5, 0, 1, 1, 1, 2, 5, 8, 9)


class Trigger(IntEnum):
    """Why a push is built."""

    PUSH = 0
    PULL_REQUEST = 1
    SCHEDULE = 2


@dataclass(frozen=True, slots=True)
class Sittings:
    """
    Every push of a repository by strictly rising time; one array item each.

    Attributes:
        count: How many sittings there are.
        sitting: Which one the push belongs to; -1 for a scheduled one.
        trigger: A `Trigger`.
        branch: A branch by number.
        author: An author by number.
        is_merge: Whether it merges the sitting's pull request into main.
        at: Seconds since 1970.
    """

    count: int
    sitting: Ints
    trigger: Ints
    branch: Ints
    author: Ints
    is_merge: Bools
    at: Ints


def draw_sittings(
    simulation: Simulation, rng: np.random.Generator, pushes: int, span: tuple[int, int]
) -> Sittings:
    """
    Draw about so many pushes.

    Args:
        simulation: The parameters.
        rng: Where chance comes from.
        pushes: How many are wanted; a few per cent more or fewer come.
        span: First and last second, since 1970.

    >>> rng = np.random.default_rng(7)
    >>> drawn = draw_sittings(Simulation(), rng, 500, (0, 50_000_000))
    >>> 400 < len(drawn.at) < 600, bool((np.diff(drawn.at) > 0).all())
    (True, True)
    """
    nights = int(pushes * simulation.nightly_share)
    count = max(3, int((pushes - nights) / _mean_pushes(simulation)))
    kind = rng.random(count)
    is_bot = kind < simulation.bot_share
    is_pull = kind < simulation.bot_share + simulation.pull_request_share
    is_release = kind > 1 - simulation.release_share
    author = np.where(is_bot, BOT, _authors(simulation, rng, count))
    mean = np.where(is_pull, simulation.pull_request_pushes, simulation.session_pushes)
    length = np.where(is_bot, 1, _geometric(rng.random(count), mean))

    clock = _Clock(rng, span[0])
    first = _starts(simulation, rng, clock.hours_a_week, count, span)
    sitting = np.repeat(np.arange(count), length)
    worked = first[sitting] + _elapsed(simulation, rng, is_pull, length)
    mergers = np.flatnonzero(is_pull & (rng.random(count) < simulation.merged_share))
    review = _REVIEW_HOURS * np.exp(1.3 * rng.standard_normal(len(mergers)))
    last = np.cumsum(length)[mergers] - 1
    worked = np.concatenate((worked, worked[last] + review))
    at = np.concatenate((clock.seconds(worked), _nights(rng, nights, span)))
    sitting = np.concatenate((sitting, mergers, np.full(nights, -1)))

    is_merge = np.zeros(len(at), np.bool_)
    is_merge[len(at) - nights - len(mergers) : len(at) - nights] = True
    is_night = sitting < 0
    is_pulled = is_pull[sitting] & ~is_merge & ~is_night
    order = np.argsort(at, kind="stable")
    order = order[at[order] <= span[1]]
    rising = np.arange(len(order))
    trigger = np.where(is_night, Trigger.SCHEDULE, is_pulled * Trigger.PULL_REQUEST)
    branch = np.where(is_release[sitting] & ~is_night, RELEASE, MAIN)
    branch = np.where(is_pulled, sitting + FIRST_PULL_REQUEST, branch)
    return Sittings(
        count=count,
        sitting=sitting[order],
        trigger=trigger[order],
        branch=branch[order],
        author=author[sitting[order]],
        is_merge=is_merge[order],
        # Two pushes in one second would make "the push before" ambiguous.
        at=np.maximum.accumulate(at[order] - rising) + rising,
    )


class _Clock:
    """
    Working hours to seconds since 1970.

    An hour at the week's busiest counts as one, a quiet hour as less: what is
    spread evenly over working hours follows the real week.
    """

    def __init__(self, rng: np.random.Generator, start: int) -> None:
        hours = np.array(_EARLY + _OFFICE + _LATE)
        week = np.outer(_WEEKDAYS, hours).ravel()
        self._worked = np.concatenate(([0.0], np.cumsum(week / week.max())))
        self.hours_a_week = float(self._worked[-1])
        zone = 3600 * _ZONES[int(rng.random() * len(_ZONES))]
        monday = _A_MONDAY - zone
        self._monday = (start - monday) // _WEEK * _WEEK + monday
        gone = (start - self._monday) / 3600
        self._begun = float(np.interp(gone, _WEEK_HOURS, self._worked))

    def seconds(self, worked: Floats) -> Ints:
        """When so many working hours have passed since the start."""
        week, rest = np.divmod(worked + self._begun, self.hours_a_week)
        hour = np.interp(rest, self._worked, _WEEK_HOURS)
        at: Ints = (self._monday + week * _WEEK + hour * 3600).astype(np.int64)
        return at


def _mean_pushes(simulation: Simulation) -> float:
    pulls, bots = simulation.pull_request_share, simulation.bot_share
    return (
        max(0.0, 1 - pulls - bots) * simulation.session_pushes
        + pulls * (simulation.pull_request_pushes + simulation.merged_share)
        + bots * (1 + simulation.merged_share)
    )


def _authors(simulation: Simulation, rng: np.random.Generator, count: int) -> Ints:
    weight = np.arange(1.0, REGULARS + 1) ** -simulation.author_exponent
    reached = np.cumsum(weight) / weight.sum()
    rank = np.minimum(np.searchsorted(reached, rng.random(count)), REGULARS - 1)
    # Colleagues work on several repositories, each mostly on their own.
    author = (rank + int(rng.random() * REGULARS)) % REGULARS
    is_newcomer = rng.random(count) < simulation.newcomer_share
    return np.where(is_newcomer, BOT + 1 + np.arange(count), author)


def _geometric(luck: Floats, mean: Floats) -> Ints:
    more = np.maximum(1e-9, 1 - 1 / np.maximum(1.0, mean))
    drawn = 1 + np.floor(np.log1p(-luck) / np.log(more))
    length: Ints = np.minimum(drawn, _LONGEST_SITTING).astype(np.int64)
    return length


def _starts(
    simulation: Simulation,
    rng: np.random.Generator,
    hours_a_week: float,
    count: int,
    span: tuple[int, int],
) -> Floats:
    weeks = (span[1] - span[0]) / _WEEK
    ends = np.minimum(np.arange(np.ceil(weeks) + 1), weeks)
    busy = np.exp(simulation.weekly_spread * rng.standard_normal(len(ends) - 1))
    done = np.concatenate(([0.0], np.cumsum(busy * np.diff(ends))))
    # Spread evenly over what is done, sittings crowd into the busy weeks.
    first: Floats = np.interp(rng.random(count) * done[-1], done, ends * hours_a_week)
    return first


def _elapsed(
    simulation: Simulation, rng: np.random.Generator, is_pull: Bools, length: Ints
) -> Floats:
    """Working hours since each push's sitting began."""
    spread = simulation.session_gap_spread
    gap = np.where(
        np.repeat(is_pull, length),
        simulation.pull_request_gap_hours,
        simulation.session_gap_minutes / 60,
    ) * np.exp(spread * rng.standard_normal(int(length.sum())))
    first = np.cumsum(length) - length
    gap[first] = 0.0
    passed: Floats = np.cumsum(gap)
    passed -= np.repeat(passed[first], length)
    return passed


def _nights(rng: np.random.Generator, count: int, span: tuple[int, int]) -> Ints:
    days = (span[1] - span[0]) // _DAY
    day = span[0] // _DAY + 1 + np.floor(rng.random(count) * days).astype(np.int64)
    return day * _DAY + _NIGHTLY_HOUR * 3600 + 60 * int(rng.random() * 60)
