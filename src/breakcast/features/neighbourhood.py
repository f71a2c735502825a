"""
The known builds nearest in code state: often the build a commit was based on.

Some signals describe the code rather than the change (lines of source, tests
per thousand lines): they drift slowly, so two builds close in them ran nearly
the same code, whatever happened in between and even if the history names no
parent. A repository's neighbourhood keeps those signals of its newest known
builds and reads an outcome off the near ones.
"""

from collections.abc import Iterable, Mapping
from math import copysign, inf, log, log1p, nan
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from breakcast.features.catalog import features_of

REMEMBERED = 2_048
_FURTHEST_APART = 50.0
_FARTHEST = 1_000.0
_OTHER_EVENT = 1.0
_NEAREST = 10
_NOTHING_NEAR = 1e-12
_DAYS_A_STEP = 3.0
_DAY = 86_400.0
_HOUR = 3_600.0

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

Floats = NDArray[np.float32]


def code_vector(signals: Mapping[str, float], names: Iterable[str]) -> list[float]:
    """
    The named signals on a signed logarithmic scale; NaN where not given.

    >>> code_vector({"sloc": 0.0}, ("sloc", "tests"))
    [0.0, nan]
    """
    values = (signals.get(name, nan) for name in names)
    return [copysign(log1p(abs(value)), value) for value in values]


def event_code(event: str | None) -> int:
    """
    A number for a kind of event, the same in every process.

    >>> event_code("push"), event_code(None)
    (1597642340, 0)
    """
    # Python's own hash of a string differs from process to process.
    return crc32((event or "").encode()) & 0x7FFFFFFF


class Neighbourhood(msgspec.Struct):
    """
    A repository's newest known builds in code state.

    `states` has a row a signal and a column a build, oldest build first;
    `step` is the usual difference of each signal between builds that became
    known one after the other.
    """

    touched_at: float
    latest: list[float]
    step: list[float]
    states: Floats
    failed: Floats
    known_at: NDArray[np.float64]
    event: NDArray[np.int32]
    count: int = 0

    @classmethod
    def empty(cls, width: int) -> "Neighbourhood":
        """A neighbourhood of `width` signals that knows no build yet."""
        room = 64
        return cls(
            touched_at=0.0,
            latest=[nan] * width,
            step=[0.0] * width,
            states=np.zeros((width, room), np.float32),
            failed=np.zeros(room, np.float32),
            known_at=np.zeros(room),
            event=np.zeros(room, np.int32),
        )

    def learn(self, state: list[float], failed: float, now: float, event: int) -> None:
        """Remember a build that became known now; forget the oldest if full."""
        known = self._carried_forward(state)
        share = max(0.01, 1.0 / (self.count + 1))
        for i, (value, before) in enumerate(zip(known, self.latest, strict=True)):
            if before == before:
                self.step[i] += (abs(value - before) - self.step[i]) * share
        self.latest = known
        if self.count == len(self.failed):
            self._make_room()
        at = self.count
        self.states[:, at] = known
        self.failed[at] = failed
        self.known_at[at] = now
        self.event[at] = event
        self.count = at + 1
        self.touched_at = now

    def features(self, state: list[float], now: float, event: int) -> tuple[float, ...]:
        """What the near builds say at `now`, in the order of `NEIGHBOUR_FEATURES`."""
        n = self.count
        if n < _NEAREST:
            return UNKNOWN_NEIGHBOURS
        distance = np.zeros(n, np.float32)
        for i, value in enumerate(self._carried_forward(state)):
            apart = np.abs(self.states[i, :n] - np.float32(value))
            apart *= np.float32(1.0 / (self.step[i] + 1e-9))
            np.minimum(apart, np.float32(_FURTHEST_APART), out=apart)
            distance += apart
        distance += self.event[:n] != event
        failed = self.failed[:n]
        is_red = failed > 0
        age = (now - self.known_at[:n]).astype(np.float32)
        aged = distance + age * np.float32(1.0 / (_DAYS_A_STEP * _DAY))
        near, near_weight = _ratio(np.exp(-distance), failed)
        close, close_weight = _ratio(np.exp(distance * np.float32(-10.0)), failed)
        # Equally near builds are told apart by age, so the order of arrival decides.
        order = distance + age * np.float32(1e-13)
        nearest = int(order.argmin())
        red, green = _gaps(distance, is_red)
        recent_red, recent_green = _gaps(aged, is_red)
        recent_nearest = int(aged.argmin())
        return (
            near,
            near_weight,
            close,
            close_weight,
            _nearest_mean(order, failed),
            float(failed[nearest]),
            float(distance[nearest]),
            float(age[nearest]) / _HOUR,
            red,
            green,
            red - green,
            _ratio(np.exp(-aged), failed)[0],
            _nearest_mean(aged, failed),
            float(failed[recent_nearest]),
            recent_red - recent_green,
        )

    def _carried_forward(self, state: list[float]) -> list[float]:
        # An unknown signal is taken to be where it last was, and 0 before that.
        return [
            value if value == value else (before if before == before else 0.0)
            for value, before in zip(state, self.latest, strict=True)
        ]

    def _make_room(self) -> None:
        n = self.count
        if n < REMEMBERED:
            more = min(2 * n, REMEMBERED) - n
            self.states = np.pad(self.states, ((0, 0), (0, more)))
            self.failed = np.pad(self.failed, (0, more))
            self.known_at = np.pad(self.known_at, (0, more))
            self.event = np.pad(self.event, (0, more))
            return
        # A quarter at a time, so that forgetting costs little a build.
        gone = n // 4
        for held in (self.failed, self.known_at, self.event):
            held[: n - gone] = held[gone:n].copy()
        self.states[:, : n - gone] = self.states[:, gone:n].copy()
        self.count = n - gone


def _ratio(weight: Floats, failed: Floats) -> tuple[float, float]:
    total = float(weight.sum())
    if total < _NOTHING_NEAR:
        return nan, log(_NOTHING_NEAR)
    return float((weight * failed).sum()) / total, log(total)


def _gaps(distance: Floats, is_red: NDArray[np.bool_]) -> tuple[float, float]:
    red = float(np.where(is_red, distance, np.float32(inf)).min())
    green = float(np.where(is_red, np.float32(inf), distance).min())
    return min(red, _FARTHEST), min(green, _FARTHEST)


def _nearest_mean(distance: Floats, failed: Floats) -> float:
    return float(failed[distance.argpartition(_NEAREST - 1)[:_NEAREST]].mean())
