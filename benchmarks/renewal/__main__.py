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
from benchmarks.renewal.worlds import simulated_year, travis

RESULTS = Path(__file__).parents[1] / "results"
BUILDS_A_DAY = 150
# Tolerances were chosen on seeds below 100.
YEAR_SEED = 101
HISTORIES = range(301, 311)
NULLS, SABOTAGED = 20, 10
"""Of each history."""
PARTS = ("challengers", "year", "travis")


def main() -> None:
    """Run it all, or a part; write the results and print the Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parts = parser.parse_args().parts
    file = RESULTS / "renewal.json"
    found: dict[str, Any] = {"challengers": [], "worlds": {}, "minutes": {}}
    if file.exists():
        # What is not run stays as it was found last.
        found = msgspec.json.decode(file.read_bytes())
    found["about"] = about() | {"command": "python -m benchmarks.renewal"}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for part in parts:
            began = time.perf_counter()
            if part == "challengers":
                asked = [Asked(seed, NULLS, SABOTAGED) for seed in HISTORIES]
                rows = pool.map(judged, asked)
                found["challengers"] = list(chain.from_iterable(rows))
            else:
                journeys = pool.map(_travelled, repeat(part), STRATEGIES)
                found["worlds"][part] = list(journeys)
            found["minutes"][part] = round((time.perf_counter() - began) / 60, 1)
            file.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
            (RESULTS / "renewal.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))


def _travelled(part: str, name: str) -> dict[str, Any]:
    world = travis() if part == "travis" else simulated_year(BUILDS_A_DAY, YEAR_SEED)
    return outcome(world, journey(world, name))


if __name__ == "__main__":
    main()
