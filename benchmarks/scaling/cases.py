"""Which loads are tried with which parameters and capacities, and what they come to."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from benchmarks.scaling.capacities import Capacity
from benchmarks.scaling.outcome import Outcome, outcome, summary
from benchmarks.scaling.parameters import (
    BETTER,
    CHANGES,
    COMPARED,
    FALLBACKS,
    SPECIFICATION,
    Parameters,
)
from benchmarks.scaling.service import START_SECONDS
from benchmarks.scaling.shapes import (
    AWAY_AND_RISE,
    AWAY_AT_HEIGHT,
    DECAY,
    HALF,
    MONDAY,
    SPIKE,
    STEADY,
    STEP,
    WAVES,
    Shape,
)
from benchmarks.scaling.simulate import simulate
from benchmarks.scaling.targets import BOUNDS


class Part(NamedTuple):
    """
    A table's worth of cases.

    Attributes:
        shape: The load.
        capacities: Keys of `capacities()`.
        parameters: Each is tried with each capacity.
        seeds: How many phases are tried.
        start_seconds: How long a replica takes to start; each is tried.
    """

    shape: Shape
    capacities: tuple[str, ...]
    parameters: tuple[Parameters, ...]
    seeds: int
    start_seconds: tuple[float, ...] = (START_SECONDS,)


_ALL: Final = ("halved", "assumed", "hundred", "builds")
_THREE: Final = ("assumed", "hundred", "builds")

PARTS: Final = {
    "step": Part(STEP, _ALL, COMPARED, 50),
    "half": Part(HALF, ("assumed", "hundred"), COMPARED, 20),
    "monday": Part(MONDAY, _THREE, COMPARED, 10),
    "spike": Part(SPIKE, _THREE, COMPARED, 20),
    "decay": Part(DECAY, ("assumed", "hundred"), COMPARED, 10),
    "waves": Part(WAVES, ("assumed", "hundred"), COMPARED, 20),
    "steady": Part(STEADY, ("hundred",), COMPARED, 50),
    "away_and_rise": Part(AWAY_AND_RISE, _THREE, FALLBACKS, 20),
    "away_at_height": Part(AWAY_AT_HEIGHT, _THREE, FALLBACKS, 20),
    "changes": Part(STEP, ("assumed", "hundred", "builds"), CHANGES, 20),
    "changes_cost": Part(MONDAY, ("hundred",), CHANGES, 5),
    "changes_calm": Part(STEADY, ("hundred",), CHANGES, 15),
    "starts": Part(
        STEP, ("hundred",), (SPECIFICATION, BETTER), 20, (5.0, 10.0, 20.0, 40.0, 90.0)
    ),
}
FIGURES: Final = (
    (STEP, SPECIFICATION, "hundred"),
    (STEP, BETTER, "hundred"),
    (STEP, SPECIFICATION, "assumed"),
    (STEP, SPECIFICATION, "builds"),
    (WAVES, COMPARED[2], "hundred"),
    (AWAY_AT_HEIGHT, FALLBACKS[1], "hundred"),
    (AWAY_AND_RISE, FALLBACKS[0], "hundred"),
)
"""Runs that are drawn, with seed 0."""


def found_in(part: Part, known: dict[str, Capacity]) -> Iterator[dict[str, Any]]:
    """Run every case of a part, and say what each came to."""
    for key in part.capacities:
        for parameters in part.parameters:
            for start_seconds in part.start_seconds:
                outcomes = _outcomes(part, parameters, known[key], start_seconds)
                yield {
                    "capacity": known[key].name,
                    "parameters": parameters.name,
                    "start_seconds": start_seconds,
                    "seeds": part.seeds,
                    "needed": part.shape.needed,
                    "measures": summary(outcomes),
                    "kept": {bound.name: bound.kept(outcomes) for bound in BOUNDS},
                }


def _outcomes(
    part: Part, parameters: Parameters, capacity: Capacity, start_seconds: float
) -> Sequence[Outcome]:
    return [
        outcome(
            simulate(part.shape, parameters, capacity.requests, seed, start_seconds),
            capacity.requests,
            part.shape.needed,
        )
        for seed in range(part.seeds)
    ]
