"""What a run came to, and what many runs of one case came to."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks.scaling.service import Wait
from benchmarks.scaling.simulate import Second

WINDOW_SECONDS: Final = 10
"""Quantiles of latency are taken over so long."""
_MISSED: Final = 0.01
"""With a greater share of slow requests, p99 is above the objective."""


class Outcome(NamedTuple):
    """
    Measures of a run, from 0 on.

    Attributes:
        desired_seconds: When the needed replicas were asked for; None for never.
        ready_seconds: When they got requests.
        p99_ms: The greatest p99 of latency of ten seconds.
        missed_seconds: How many seconds had p99 above the objective.
        slow_share: Of all requests, those above the objective or lost.
        lost_share: Of all requests, those given up.
        replica_minutes: What it cost: replicas there were, ready or not.
        turns: How often replicas went up after down, or down after up.
    """

    desired_seconds: float | None
    ready_seconds: float | None
    p99_ms: float
    missed_seconds: float
    slow_share: float
    lost_share: float
    replica_minutes: float
    turns: float


def outcome(seconds: Sequence[Second], capacity: float, needed: int | None) -> Outcome:
    """
    Measure a run.

    Args:
        seconds: As `simulate` gives them.
        capacity: Requests a second that a replica answers: its inverse is how long a
            request takes that does not wait.
        needed: How many replicas the load needs; None for no moment to look for.
    """
    after = [one for one in seconds if one.at >= 0]
    requests = sum(one.requests for one in after)
    reached = [one.at for one in after if needed and one.wanted >= needed]
    ready = [one.at for one in after if needed and one.ready >= needed]
    return Outcome(
        float(reached[0]) if reached else None,
        float(ready[0]) if ready else None,
        1_000 * (max(p99s(after)) + 1 / capacity),
        float(sum(one.slow > _MISSED * one.requests for one in after)),
        sum(one.slow for one in after) / requests,
        sum(one.lost for one in after) / requests,
        sum(one.wanted for one in after) / 60,
        float(turns([one.wanted for one in after])),
    )


def p99s(seconds: Sequence[Second]) -> list[float]:
    """Say what 99 of 100 requests wait at most, in seconds, for each ten seconds."""
    return [
        _quantile(
            [
                wait
                for one in seconds[start : start + WINDOW_SECONDS]
                for wait in one.waits
            ]
        )
        for start in range(0, len(seconds), WINDOW_SECONDS)
    ]


def turns(replicas: Iterable[int]) -> int:
    """
    Count changes of direction.

    >>> turns([2, 4, 4, 3, 3, 5])
    2
    """
    directions: list[bool] = []
    last = None
    for one in replicas:
        if last is not None and one != last:
            directions.append(one > last)
        last = one
    return sum(before != after for before, after in pairwise(directions))


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Put runs of one case together: for each measure the median, and the worst."""
    found = {}
    for name in Outcome._fields:
        values = [
            math.inf if value is None else value
            for one in outcomes
            for value in [getattr(one, name)]
        ]
        found[name] = {"median": _told(median(values)), "worst": _told(max(values))}
    return found


def _told(value: float) -> float | None:
    return None if math.isinf(value) else round(value, 4)


def _quantile(waits: Sequence[Wait]) -> float:
    """Quarter points of each span stand for its halves."""
    points = sorted(
        (wait.first + part * (wait.last - wait.first), wait.requests / 2)
        for wait in waits
        for part in (0.25, 0.75)
    )
    left = 0.01 * sum(weight for _, weight in points)
    for value, weight in reversed(points):
        left -= weight
        if left < 0:
            return value
    return points[0][0]
