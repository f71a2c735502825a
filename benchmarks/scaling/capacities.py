"""What one replica answers, as `benchmarks/results/serving.md` has it."""

from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import msgspec

SERVING: Final = Path(__file__).parents[1] / "results" / "serving.json"


class Capacity(NamedTuple):
    """
    Requests a second that one replica answers.

    Attributes:
        name: What tables call it.
        about: Where the number comes from.
        requests: The number.
    """

    name: str
    about: str
    requests: float


def capacities() -> dict[str, Capacity]:
    """List the capacities by key: two assumed ones, two measured ones."""
    builds = _measured("builds", rows=1)
    hundred = _measured("breakcast", rows=100)
    found = (
        Capacity(
            f"{hundred / 2:.0f}",
            "half of the measured 100 rows: a full node leaves half a core, as much as "
            "a replica requests",
            hundred / 2,
        ),
        Capacity("110", "assumed: a tenth more than the target", 110.0),
        Capacity(
            f"{hundred:.0f}",
            "measured: 100 rows a request, V1, 16 connections, a core",
            hundred,
        ),
        Capacity(
            f"{builds:,.0f}",
            "measured: a build a request, its history looked up and a journal kept, "
            "16 connections, a core",
            builds,
        ),
    )
    return dict(zip(("halved", "assumed", "hundred", "builds"), found, strict=True))


def _measured(server: str, rows: int) -> float:
    runs = msgspec.json.decode(SERVING.read_bytes())["runs"]
    return median(
        float(run["requests_a_second"])
        for run in runs
        if run["server"] == server
        and run["rows"] == rows
        and run["connections"] == 16
        and run["door"] in {"V1", "V1, a build"}
    )
