"""
What Prometheus' `rate()` and `irate()` make of a counter's samples.

Source: prometheus/prometheus, promql/functions.go, `extrapolatedRate` and
`instantValue`. Windows leave their left end out, as Prometheus does from version 3 on.
A series that has ended keeps its samples: it counts until the window has passed them.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

_NEAR: Final = 1.1
"""A window's end this many intervals from a sample is still the series' own."""


class Sample(NamedTuple):
    """A counter's value when it was scraped; times in seconds."""

    at: float
    value: float


def rate(samples: Sequence[Sample], at: float, window: float) -> float | None:
    """
    Say by how much a counter grows a second.

    The growth between the first and the last sample is extended to the window's ends,
    as far as the series seems to reach, and divided by the whole window. So a series
    that has just begun is told too low: what it counted before its first sample is
    lost but for half an interval.

    Args:
        samples: Of one series, in order of time.
        at: When the window ends.
        window: How long it is, in seconds.

    Returns:
        The rate; None if fewer than two samples are in the window.

    >>> rate([Sample(15.0 * n, 1_500.0 * n) for n in range(9)], 125.0, 60.0)
    100.0
    """
    inside = [one for one in samples if at - window < one.at <= at]
    if len(inside) < 2:
        return None
    first, last = inside[0], inside[-1]
    growth = last.value - first.value
    # A counter that fell began anew: what it had before is added.
    growth += sum(
        one.value for one, after in pairwise(inside) if after.value < one.value
    )
    span = last.at - first.at
    interval = span / (len(inside) - 1)
    to_start = first.at - (at - window)
    if to_start >= _NEAR * interval:
        to_start = interval / 2
    if growth > 0 and first.value >= 0:
        # No counter was below zero.
        to_start = min(to_start, span * first.value / growth)
    to_end = at - last.at
    if to_end >= _NEAR * interval:
        to_end = interval / 2
    return growth * ((span + to_start + to_end) / span / window)


def irate(samples: Sequence[Sample], at: float, window: float) -> float | None:
    """
    Say by how much a counter grew a second between its last two samples.

    Args:
        samples: Of one series, in order of time.
        at: When the window ends.
        window: How far back samples are looked for, in seconds.

    Returns:
        The rate; None if fewer than two samples are in the window.

    >>> irate([Sample(0.0, 0.0), Sample(15.0, 900.0), Sample(30.0, 2_400.0)], 40, 60)
    100.0
    """
    inside = [one for one in samples if at - window < one.at <= at]
    if len(inside) < 2:
        return None
    before, last = inside[-2], inside[-1]
    growth = last.value - before.value if last.value >= before.value else last.value
    return growth / (last.at - before.at)


FUNCTIONS: Final = {"rate": rate, "irate": irate}
