"""
What the builds nearest in code state say, in as few passes as numpy allows.

Closeness is distance with its sign turned: 0 for the same code, below for the
rest. Whole arrays take half the time of parts, so all columns of a neighbourhood
are computed, in memory that is used again, and those that hold no build are then
put infinitely far away. Nothing here depends on the machine beyond the rounding
of `exp`: sums run in numpy's own order, and of equally close builds the one that
became known last counts as nearer.
"""

import threading
from bisect import bisect_left
from math import inf, log, nan

import numpy as np

from breakcast.features.catalog import features_of
from breakcast.features.neighbourhood import BLOCK, Floats, Neighbourhood
from breakcast.features.track import HOUR

NEIGHBOUR_FEATURES = features_of(
    "nearby",
    (
        (
            "red_ratio",
            "ratio",
            "Red share of known builds, weighted exp(-distance in code state).",
        ),
        ("weight", "log builds", "Logarithm of that weight in all."),
        ("red_ratio_close", "ratio", "The same, weighted exp(-10 x distance)."),
        ("weight_close", "log builds", "Logarithm of that weight in all."),
        ("red_ratio_10", "ratio", "Red share of the 10 nearest known builds."),
        ("nearest_failed", "flag", "Whether the nearest known build was red."),
        (
            "nearest_distance",
            "steps",
            "Its distance, in usual steps from build to build.",
        ),
        ("nearest_hours", "hours", "Since its outcome became known."),
        ("red_distance", "steps", "Distance of the nearest red build."),
        ("green_distance", "steps", "Distance of the nearest green build."),
        (
            "red_minus_green",
            "steps",
            "How much farther the nearest red is than the nearest green.",
        ),
        (
            "recent_red_ratio",
            "ratio",
            "red_ratio with 3 days of age counted as one step.",
        ),
        (
            "recent_red_ratio_10",
            "ratio",
            "red_ratio_10 with 3 days of age counted as one step.",
        ),
        (
            "recent_nearest_failed",
            "flag",
            "nearest_failed with 3 days of age counted as one step.",
        ),
        (
            "recent_red_minus_green",
            "steps",
            "red_minus_green with age counted in that way.",
        ),
    ),
)
UNKNOWN_NEIGHBOURS = (nan,) * len(NEIGHBOUR_FEATURES)

_NEAREST = 10
_FURTHEST_APART = 50.0
_OTHER_EVENT = 1.0
_FARTHEST = 1_000.0
_STEPS_A_SECOND = np.float32(1.0 / (3.0 * 86_400.0))
_TEN = np.float32(10.0)
_NOTHING_NEAR = 1e-12
_FAR_OFF = np.float32(-1e9)


def neighbour_features(
    nearby: Neighbourhood, state: list[float], event: float, now: float
) -> tuple[float, ...]:
    """What the near builds say at `now`, in the order of `NEIGHBOUR_FEATURES`."""
    if nearby.count < _NEAREST:
        return UNKNOWN_NEIGHBOURS
    scratch = _scratch(*nearby.states.shape)
    _measure(scratch, nearby, [*nearby.carried_forward(state), event], now)
    np.exp(scratch.closeness, out=scratch.weight)
    np.multiply(scratch.weight, nearby.failed, out=scratch.red_weight)
    close, near, lately, red_close, red_near, red_lately = np.add.reduce(
        scratch.weights, axis=1
    ).tolist()
    nearest, latest = _ranked(scratch, nearby.failed)
    red, green = _gaps(nearest, scratch.near, nearby)
    red_then, green_then = _gaps(latest, scratch.recent, nearby)
    closeness, place, failed = nearest[0]
    return (
        red_near / near if near >= _NOTHING_NEAR else nan,
        log(max(near, _NOTHING_NEAR)),
        red_close / close if close >= _NOTHING_NEAR else nan,
        log(max(close, _NOTHING_NEAR)),
        _red_ratio(nearest),
        failed,
        0.0 - closeness,
        (now - float(nearby.known_at[place])) / HOUR,
        red,
        green,
        red - green,
        red_lately / lately if lately >= _NOTHING_NEAR else nan,
        _red_ratio(latest),
        latest[0][2],
        red_then - green_then,
    )


class _Scratch:
    """Memory for neighbourhoods of one shape, and the parts of it that are used."""

    def __init__(self, width: int, room: int) -> None:
        # Whose closeness to what `near` holds, once it has been worked out.
        self.holds: tuple[Neighbourhood, int, list[float]] | None = None
        self.here = np.empty((width, 1), np.float32)
        self.pace = np.full((width, 1), -1.0, np.float32)
        self.floor = np.full((width, 1), -_FURTHEST_APART, np.float32)
        self.floor[-1] = -_OTHER_EVENT
        self.apart = np.empty((width, room), np.float32)
        self.closeness = np.empty((3, room), np.float32)
        self.tenfold, self.near, self.recent = self.closeness
        self.ranked = self.closeness[1:]
        self.in_line = self.ranked.reshape(-1)
        self.blocks = self.ranked.reshape(2, room // BLOCK, BLOCK)
        self.weights = np.empty((6, room), np.float32)
        self.weight, self.red_weight = self.weights[:3], self.weights[3:]


class _Desk(threading.local):
    """Each thread's scratch memory, by shape: threads may read side by side."""

    def __init__(self) -> None:
        self.by_shape: dict[tuple[int, ...], _Scratch] = {}


_DESK = _Desk()


def _scratch(width: int, room: int) -> _Scratch:
    by_shape = _DESK.by_shape
    scratch = by_shape.get((width, room))
    if scratch is None:
        scratch = by_shape[width, room] = _Scratch(width, room)
    return scratch


def _measure(
    scratch: _Scratch, nearby: Neighbourhood, here: list[float], now: float
) -> None:
    """Work out how close each build is: plainly, tenfold, and with age counted."""
    near, recent = scratch.near, scratch.recent
    # The other pipelines of a commit ask from the same place.
    holds = scratch.holds
    if (
        holds is None
        or holds[0] is not nearby
        or holds[1] != nearby.learnt
        or holds[2] != here
    ):
        scratch.holds = None
        scratch.here[:, 0] = here
        scratch.pace[:-1, 0] = [-1.0 / (step + 1e-9) for step in nearby.step]
        apart = scratch.apart
        np.subtract(nearby.states, scratch.here, out=apart)
        np.abs(apart, out=apart)
        np.multiply(apart, scratch.pace, out=apart)
        np.maximum(apart, scratch.floor, out=apart)
        np.add.reduce(apart, axis=0, out=near)
        near[nearby.count :] = -inf
        np.multiply(near, _TEN, out=scratch.tenfold)
        scratch.holds = (nearby, nearby.learnt, here)
    np.subtract(nearby.known_at, now, out=recent)
    np.multiply(recent, _STEPS_A_SECOND, out=recent)
    np.add(recent, near, out=recent)


_Ranking = list[tuple[float, int, float]]


def _ranked(scratch: _Scratch, failed: Floats) -> tuple[_Ranking, _Ranking]:
    """Closeness, place and colour of the 10 nearest at least: plainly, and recent."""
    # The tenth of the blocks' best bounds the tenth of all, and few builds pass it.
    best = np.maximum.reduce(scratch.blocks, axis=1)
    best.partition(BLOCK - _NEAREST, axis=1)
    passing = scratch.ranked >= best[:, BLOCK - _NEAREST, None]
    passed = passing.reshape(-1).nonzero()[0]
    colours = failed.take(passed, mode="wrap").tolist()
    places = passed.tolist()
    ranking = list(zip(scratch.in_line[passed].tolist(), places, colours, strict=True))
    plain = bisect_left(places, len(failed))
    return sorted(ranking[:plain], reverse=True), sorted(ranking[plain:], reverse=True)


def _red_ratio(ranking: _Ranking) -> float:
    return sum([failed for _, _, failed in ranking[:_NEAREST]]) / _NEAREST


def _gaps(
    ranking: _Ranking, closeness: Floats, nearby: Neighbourhood
) -> tuple[float, float]:
    """How far the nearest red and the nearest green build are."""
    first, _, failed = ranking[0]
    others = [closeness for closeness, _, colour in ranking if colour != failed]
    if others:
        other = others[0]
    else:
        # All of the ranking are of one colour: the nearest of the other is farther.
        shunned = nearby.failed * _FAR_OFF
        if not failed:
            shunned = _FAR_OFF - shunned
        other = float((closeness + shunned).max())
    near, far = min(0.0 - first, _FARTHEST), min(0.0 - other, _FARTHEST)
    return (near, far) if failed else (far, near)
