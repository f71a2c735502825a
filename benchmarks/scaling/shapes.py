"""Loads over time; at 0 happens what is looked at."""

import math
from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

WARM_UP_SECONDS: Final = 150
"""Of a constant load before: two windows and more."""

Load = Callable[[float], float]


class Shape(NamedTuple):
    """
    A load.

    Attributes:
        name: What tables call it.
        about: What happens, in a sentence.
        load: Requests a second by time; a function of chance and of capacity makes it.
        seconds: How long it lasts after 0.
        needed: The replicas it needs in the end, by a target of 100; None for none to
            wait for.
        away: From when until when Prometheus is away; None for never.
        unrest: The standard deviation of slow noise, as a share of the load.
    """

    name: str
    about: str
    load: Callable[[Random, float], Load]
    seconds: int
    needed: int | None = None
    away: tuple[float, float] | None = None
    unrest: float = 0.0


def _step(low: float, high: float) -> Load:
    return lambda at: low if at < 0 else high


def _ramp(at: float) -> float:
    """From 60 to 900 requests a second within twenty minutes."""
    done = min(max(at / 1_200, 0.0), 1.0)
    return 60.0 + 420.0 * (1 - math.cos(math.pi * done))


def _decay(at: float) -> float:
    return 100.0 + 900.0 * math.exp2(-max(at, 0.0) / 150)


STEP: Final = Shape(
    "step",
    "100 requests/s, half of two replicas' targets of 100, become 1,000.",
    lambda _chance, _capacity: _step(100.0, 1_000.0),
    600,
    needed=10,
)
HALF: Final = Shape(
    "step from half",
    "Half of what two replicas can answer becomes 9 times as much: 90 % of what ten "
    "can.",
    lambda _chance, capacity: _step(capacity, 9 * capacity),
    600,
    needed=10,
)
MONDAY: Final = Shape(
    "Monday",
    "60 requests/s become 900 within 20 minutes, and stay for 10.",
    lambda _chance, _capacity: _ramp,
    1_800,
    unrest=0.05,
)
SPIKE: Final = Shape(
    "spike",
    "100 requests/s become 800 for 60 seconds.",
    lambda _chance, _capacity: lambda at: 800.0 if 0 <= at < 60 else 100.0,
    900,
    needed=8,
)
DECAY: Final = Shape(
    "decay",
    "1,000 requests/s fall towards 100: every 150 seconds by half of what is above.",
    lambda _chance, _capacity: _decay,
    1_800,
    unrest=0.05,
)
WAVES: Final = Shape(
    "waves",
    "420 requests/s, 60 more or fewer in waves of 4 minutes, for half an hour.",
    lambda _chance, _capacity: lambda at: 420.0 + 60.0 * math.sin(math.tau * at / 240),
    1_800,
)
STEADY: Final = Shape(
    "steady",
    "A level between 150 and 950 requests/s, another for every seed, for half an hour.",
    lambda chance, _capacity: _level(chance),
    1_800,
    unrest=0.05,
)
AWAY_AND_RISE: Final = Shape(
    "Prometheus away, load rises",
    "Prometheus goes away for 10 minutes; a minute later 300 requests/s become 900.",
    lambda _chance, _capacity: _step(300.0, 900.0),
    1_200,
    needed=9,
    away=(-60.0, 540.0),
)
AWAY_AT_HEIGHT: Final = Shape(
    "Prometheus away at the height",
    "Prometheus goes away for 10 minutes while there are 900 requests/s.",
    lambda _chance, _capacity: lambda _at: 900.0,
    1_200,
    away=(0.0, 600.0),
)


def _level(chance: Random) -> Load:
    level = chance.uniform(150.0, 950.0)
    return lambda _at: level


def unrest(chance: Random, deviation: float, seconds: int) -> list[float]:
    """
    Draw what the load is multiplied by: slow noise about 1 that keeps for a minute.

    Args:
        chance: Where it comes from.
        deviation: Its standard deviation.
        seconds: How many values, one a second.
    """
    kept = math.exp(-1 / 60)
    value = chance.gauss(0.0, deviation)
    found = []
    for _ in range(seconds):
        found.append(max(1 + value, 0.0))
        value = kept * value + chance.gauss(0.0, deviation * math.sqrt(1 - kept**2))
    return found
