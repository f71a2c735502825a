"""What was to be reached, what was, and whether that is enough."""

from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any, NamedTuple

Found = dict[str, Any]

RATIOS = (
    ("V1", "kserve", 1 / 20),
    ("V1", "kserve-trees", 1 / 5),
    ("V1", "echo", 3.0),
    ("V1, 4 numbers", "echo", 3.0),
)
"""
How much of another server's CPU time a one-row request, by one of our doors, may
take ours. Only the echo can be held against the specification's own four numbers:
it does not look at a body.
"""
COLD_SECONDS = 1.5
MEMORY_MEGABYTES = 170
BUILD_CPU_US = 1_000
BUILD_P99_MS = 10


class Standing(NamedTuple):
    """
    One target, and where we stand.

    Attributes:
        what: What is measured.
        ours: Our figure, with its unit.
        against: What it is compared with; empty if with nothing.
        reached: What is held against the target.
        target: Likewise.
        is_met: Whether the one is within the other.
    """

    what: str
    ours: str
    against: str
    reached: str
    target: str
    is_met: bool


def standings(found: Found) -> Iterator[Standing]:
    """Hold all medians against their targets; what was not measured is left out."""
    runs = found["runs"]
    for door, key, target in RATIOS:
        for connections in sorted({run["connections"] for run in runs}):
            case = {"rows": 1, "connections": connections}
            ours = medians(runs, "cpu_us", server="breakcast", door=door, **case)
            theirs = medians(runs, "cpu_us", server=key, **case)
            if ours is None or theirs is None:
                continue
            yield Standing(
                f"CPU time a one-row request ({door}), "
                f"{counted(connections, 'connection')}",
                f"{ours:,.0f} µs",
                f"{found['servers'][key]['name']}: {theirs:,.0f} µs",
                _share(ours / theirs),
                f"≤ {_share(target)}",
                ours / theirs <= target,
            )
    yield from _plain(
        "cold start",
        medians(found["starts"], "cold_seconds", server="breakcast"),
        ("s", COLD_SECONDS, "<"),
    )
    memory = medians(found["starts"], "pss_bytes", server="breakcast")
    yield from _plain(
        "memory",
        None if memory is None else memory / 1e6,
        ("MB", MEMORY_MEGABYTES, "<"),
    )
    for connections in sorted({run["connections"] for run in runs}):
        yield from _plain(
            f"CPU time a build request, {counted(connections, 'connection')}",
            medians(runs, "cpu_us", server="builds", connections=connections),
            ("µs", BUILD_CPU_US, "≤"),
        )
    for rate in sorted({run["rate"] for run in found["paced"]}):
        yield from _plain(
            f"CPU time a build request, {rate} a second",
            medians(found["paced"], "cpu_us", rate=rate),
            ("µs", BUILD_CPU_US, "≤"),
        )
        yield from _plain(
            f"p99 of build requests, {rate} a second",
            medians(found["paced"], "p99_ms", rate=rate),
            ("ms", BUILD_P99_MS, "<"),
        )


def medians(runs: Iterable[Found], figure: str, **case: object) -> float | None:
    """Take the median of a figure over the runs of one case; None without any."""
    figures = [
        run[figure]
        for run in runs
        if all(run[name] == value for name, value in case.items())
    ]
    return median(figures) if figures else None


def counted(number: int, noun: str) -> str:
    """
    Say how many there are of something.

    >>> counted(1, "row"), counted(100, "row")
    ('1 row', '100 rows')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _plain(
    what: str, ours: float | None, target: tuple[str, float, str]
) -> Iterator[Standing]:
    unit, limit, sign = target
    if ours is not None:
        told = f"{ours:,.3g} {unit}" if ours < 100 else f"{ours:,.0f} {unit}"
        is_met = ours <= limit if sign == "≤" else ours < limit
        yield Standing(what, told, "", told, f"{sign} {limit:,g} {unit}", is_met)


def _share(ratio: float) -> str:
    """
    Print a ratio the way round that is read easily.

    >>> _share(0.05), _share(3.0)
    ('1/20', '3×')
    """
    return f"1/{1 / ratio:.3g}" if ratio < 1 else f"{ratio:.3g}×"
