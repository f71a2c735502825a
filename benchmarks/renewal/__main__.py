"""
What renewal gains and costs, and whom its gate lets through.

`python -m benchmarks.renewal` takes strategies through simulated years in which the
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
BUILDS_A_DAY = 100
# Tolerances were chosen on seeds below 100.
YEARS = (101, 102)
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
    began = time.perf_counter()
    found: dict[str, Any] = {
        "about": about() | {"command": "python -m benchmarks.renewal"}
    }
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        asked = [
            Asked(seed, given.nulls, given.sabotaged, Tolerances())
            for seed in given.histories
        ]
        found["challengers"] = list(chain.from_iterable(pool.map(judged, asked)))
        makers = [*(("year", seed) for seed in given.years)]
        if not given.no_travis:
            makers.append(("travis", 0))
        found["worlds"] = [
            _told(list(pool.map(_travelled, repeat(maker), STRATEGIES)))
            for maker in makers
        ]
    found["minutes"] = (time.perf_counter() - began) / 60
    text = markdown(found)
    (given.out / "renewal.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(found)) + b"\n"
    )
    (given.out / "renewal.md").write_text(text, encoding="utf-8")
    print(text)


def _travelled(maker: tuple[str, int], name: str) -> dict[str, Any]:
    world = _made(maker)
    return outcome(world, journey(world, name))


def _told(journeys: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": journeys[0]["world"], "journeys": journeys}


def _made(maker: tuple[str, int]) -> World:
    kind, seed = maker
    return travis() if kind == "travis" else simulated_year(BUILDS_A_DAY, seed)


if __name__ == "__main__":
    main()
