"""
What renewal gains and costs, and whom its gate lets through.

`python -m benchmarks.renewal` takes strategies through a simulated year in which the
rules change three times and through `travis_timed`, has 200 challengers judged that are
no better than the champion and 100 that are sabotaged, and writes
`benchmarks/results/renewal.json` and `.md`.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.quality import about
from benchmarks.renewal.challengers import Asked, judged
from benchmarks.renewal.outcomes import outcome
from benchmarks.renewal.strategies import STRATEGIES, journey
from benchmarks.renewal.tables import markdown
from benchmarks.renewal.worlds import World, simulated_year, travis
from breakcast.retraining.tolerances import Tolerances

RESULTS = Path(__file__).parents[1] / "results"
BUILDS_A_DAY = 150
# Tolerances were chosen on seeds below 100.
YEARS = (101,)
HISTORIES = range(201, 211)


def main() -> None:
    """Run it all, or a part; write the results and print the Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", nargs="*", type=int, default=YEARS)
    parser.add_argument("--histories", nargs="*", type=int, default=list(HISTORIES))
    parser.add_argument("--nulls", type=int, default=20, help="of each history")
    parser.add_argument("--sabotaged", type=int, default=10, help="of each history")
    parser.add_argument("--no-travis", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS, help="a folder")
    given = parser.parse_args()
    found: dict[str, Any] = {
        "about": about() | {"command": "python -m benchmarks.renewal"},
        "challengers": [],
        "worlds": [],
        "minutes": 0.0,
    }
    began = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        asked = [
            Asked(seed, given.nulls, given.sabotaged, Tolerances())
            for seed in given.histories
        ]
        found["challengers"] = list(chain.from_iterable(pool.map(judged, asked)))
        _write(found, given.out, began)
        makers = [("year", seed) for seed in given.years]
        if not given.no_travis:
            makers.append(("travis", 0))
        for maker in makers:
            journeys = list(pool.map(_travelled, repeat(maker), STRATEGIES))
            name = journeys[0]["world"]
            found["worlds"].append({"name": name, "journeys": journeys})
            _write(found, given.out, began)
    print(markdown(found))


def _write(found: dict[str, Any], folder: Path, began: float) -> None:
    """Write what has been found so far, so that a run cut short is not lost."""
    found["minutes"] = (time.perf_counter() - began) / 60
    packed = msgspec.json.format(msgspec.json.encode(found))
    (folder / "renewal.json").write_bytes(packed + b"\n")
    (folder / "renewal.md").write_text(markdown(found), encoding="utf-8")


def _travelled(maker: tuple[str, int], name: str) -> dict[str, Any]:
    world = _made(maker)
    return outcome(world, journey(world, name))


def _made(maker: tuple[str, int]) -> World:
    kind, seed = maker
    return travis() if kind == "travis" else simulated_year(BUILDS_A_DAY, seed)


if __name__ == "__main__":
    main()
