"""What was asked for, beside what was seen."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from benchmarks.scaling.outcome import Outcome


class Bound(NamedTuple):
    """
    What a measure may be at most.

    Attributes:
        measure: A field of `Outcome`.
        most: The greatest value that keeps it.
    """

    measure: str
    most: float

    @property
    def name(self) -> str:
        """What results call it."""
        return f"{self.measure} ≤ {self.most:.0f}"

    def kept(self, outcomes: Iterable[Outcome]) -> int:
        """Count the runs that keep it; what never came does not."""
        values = [getattr(one, self.measure) for one in outcomes]
        return sum(value is not None and value <= self.most for value in values)


class Asked(NamedTuple):
    """
    A target.

    Attributes:
        what: In words.
        part: Where it is seen: a key of `PARTS`.
        parameters: By their name.
        bound: What is asked.
    """

    what: str
    part: str
    parameters: str
    bound: Bound


_DESIRED: Final = "desired_seconds"
_READY: Final = "ready_seconds"
_CALM: Final = Bound("turns", 0.0)
BOUNDS: Final = (
    *(Bound(measure, most) for measure in (_DESIRED, _READY) for most in (60.0, 95.0)),
    _CALM,
)
ASKED: Final = (
    Asked("ten desired", "step", "specification", Bound(_DESIRED, 95.0)),
    Asked("ten ready", "step", "specification", Bound(_READY, 95.0)),
    Asked("ten desired", "step", "faster", Bound(_DESIRED, 60.0)),
    Asked("ten ready", "step", "faster", Bound(_READY, 60.0)),
    Asked("ten desired", "step", "better", Bound(_DESIRED, 60.0)),
    Asked("ten ready", "step", "better", Bound(_READY, 60.0)),
    *(
        Asked("turns", "steady", name, _CALM)
        for name in ("specification", "faster", "naive", "better")
    ),
)


def seen(asked: Asked, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Hold what was seen beside a target, for each capacity.

    Args:
        asked: The target.
        rows: The cases of its part.

    Returns:
        For each capacity the median and the worst, and how many seeds kept the bound.
    """
    bound = asked.bound
    return [
        {
            "capacity": row["capacity"],
            "seeds": row["seeds"],
            **row["measures"][bound.measure],
            "kept": row["kept"][bound.name],
        }
        for row in rows
        if row["parameters"] == asked.parameters
    ]
