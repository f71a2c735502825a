"""
How soon replicas are there when they are needed, and what that costs.

`python -m benchmarks.scaling` takes a service through loads, with the specification's
parameters and with others, and writes `benchmarks/results/scaling.json` and `.md`.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.quality import about, note
from benchmarks.scaling.capacities import capacities
from benchmarks.scaling.cases import FIGURES, PARTS, found_in
from benchmarks.scaling.figures import figure_of
from benchmarks.scaling.parameters import COMPARED, told
from benchmarks.scaling.tables import markdown

RESULTS = Path(__file__).parents[1] / "results"


def main() -> None:
    """Run it all; write the results and print the Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder")
    folder = parser.parse_args().results
    known = capacities()
    parts: dict[str, Any] = {}
    for name, part in PARTS.items():
        note(f"{name}, {time.process_time():.0f} s of CPU time so far")
        rows = list(found_in(part, known))
        parts[name] = {
            "shape": part.shape.name,
            "about": part.shape.about,
            "rows": rows,
        }
    found = {
        "about": about() | {"command": "python -m benchmarks.scaling"},
        "capacities": [one._asdict() for one in known.values()],
        "parameters": [told(one) for one in COMPARED],
        "parts": parts,
        "figures": [
            figure_of(shape, parameters, known[key])
            for shape, parameters, key in FIGURES
        ],
        "cpu_seconds": round(time.process_time()),
    }
    file = folder / "scaling.json"
    # A case a line: their figures are many.
    lines = msgspec.json.encode(found).replace(b'{"capacity"', b'\n{"capacity"')
    file.write_bytes(lines + b"\n")
    file.with_suffix(".md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))


if __name__ == "__main__":
    main()
