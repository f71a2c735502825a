"""
The known builds nearest in code state: often the build a commit was based on.

Some signals describe the code rather than the change (lines of source, tests
per thousand lines): they drift slowly, so two builds close in them ran nearly
the same code, whatever happened in between and even if the history names no
parent. A repository's neighbourhood keeps those signals of its newest known
builds; `closeness` reads an outcome off the near ones.
"""

from collections.abc import Iterable, Mapping
from math import copysign, log1p, nan
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

REMEMBERED = 1_024
"""At most so many builds of a repository; a quarter goes when they are full."""
BLOCK = 128
"""A neighbourhood has room for so many builds, or for 2, 4, 8, … times as many."""

Floats = NDArray[np.float32]


def code_vector(signals: Mapping[str, float], names: Iterable[str]) -> list[float]:
    """
    The named signals on a signed logarithmic scale; NaN where not given.

    >>> code_vector({"sloc": 0.0}, ("sloc", "tests"))
    [0.0, nan]
    """
    values = [signals.get(name, nan) for name in names]
    return [copysign(log1p(abs(value)), value) for value in values]


def event_code(event: str | None) -> float:
    """
    A number for a kind of event, the same in every process; float32 holds it.

    >>> event_code("push"), event_code(None)
    (3806820.0, 0.0)
    """
    # Python's own hash of a string differs from process to process.
    return 0.0 if event is None else float(crc32(event.encode()) & 0xFFFFFF)


class Neighbourhood(msgspec.Struct, array_like=True):
    """
    A repository's newest known builds in code state, oldest first; n have room.

    Attributes:
        touched_at: When one last became known, in seconds since 1970.
        latest: The last known value of each signal.
        step: The usual difference of each signal between builds that became
            known one after the other.
        states: Each signal, and the code of the kind of event last; (width, n).
        failed: 1.0 red, 0.0 green; (n,).
        known_at: When the outcome became known, likewise; (n,).
        count: How many builds there are; the other columns mean nothing.
        learnt: How many builds there ever were.
    """

    touched_at: float
    latest: list[float]
    step: list[float]
    states: Floats
    failed: Floats
    known_at: NDArray[np.float64]
    count: int = 0
    learnt: int = 0

    @classmethod
    def empty(cls, signals: int) -> "Neighbourhood":
        """A neighbourhood of so many signals that knows no build yet."""
        return cls(
            touched_at=0.0,
            latest=[nan] * signals,
            step=[0.0] * signals,
            states=np.zeros((signals + 1, BLOCK), np.float32),
            failed=np.zeros(BLOCK, np.float32),
            known_at=np.zeros(BLOCK),
        )

    def learn(
        self, state: list[float], event: float, failed: float, now: float
    ) -> None:
        """Remember a build that became known now; forget the oldest if full."""
        known = self.carried_forward(state)
        share = max(0.01, 1.0 / (self.count + 1))
        for i, (value, before) in enumerate(zip(known, self.latest, strict=True)):
            if before == before:
                self.step[i] += (abs(value - before) - self.step[i]) * share
        self.latest = known
        if self.count == len(self.known_at):
            self._make_room()
        at = self.count
        self.states[:, at] = (*known, event)
        self.failed[at] = failed
        self.known_at[at] = now
        self.count = at + 1
        self.learnt += 1
        self.touched_at = now

    def carried_forward(self, state: list[float]) -> list[float]:
        """A state whose unknown signals are where they last were, or 0."""
        return [
            value if value == value else (before if before == before else 0.0)
            for value, before in zip(state, self.latest, strict=True)
        ]

    def _make_room(self) -> None:
        n = self.count
        if n < REMEMBERED:
            self.states = np.pad(self.states, ((0, 0), (0, n)))
            self.failed = np.pad(self.failed, (0, n))
            self.known_at = np.pad(self.known_at, (0, n))
            return
        # A quarter at a time, so that forgetting costs little a build.
        kept = n - n // 4
        for held in (self.states, self.failed, self.known_at):
            held[..., :kept] = held[..., n - kept :].copy()
        self.count = kept
