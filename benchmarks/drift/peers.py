"""
What Evidently and NannyML make of the same kind of data, with their defaults.

`python -m benchmarks.drift.peers` needs `make build/peers/evidently/.ready` and
`make build/peers/nannyml/.ready`; it writes `benchmarks/results/drift-peers.json`,
which `benchmarks.drift` lays out beside our own figures.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.drift.__main__ import BASELINE_DAYS, BASELINE_ROWS, MONTH, RESULTS
from benchmarks.drift.scenarios import SHIFTS, all_but_the_telling_moved, days, rows
from benchmarks.drift.speed import COLUMNS, ROWS

PEERS = Path("build") / "peers"
ELSEWHERE = Path(__file__).with_name("elsewhere")
NULLS = 20
A_DAY = 1_000


def main() -> None:
    """Ask both; write what they said."""
    rng = np.random.default_rng(40_000)
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="breakcast-") as folder:
        lines += _evidently(rng, Path(folder))
        lines += _nannyml(rng, Path(folder))
    versions = sorted({line["tool"] for line in lines})
    found = {"about": ", ".join(versions), "rows": lines}
    encoded = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "drift-peers.json").write_bytes(encoded + b"\n")
    print(encoded.decode())


def _evidently(rng: np.random.Generator, folder: Path) -> list[dict[str, Any]]:
    baseline = rows(rng, BASELINE_ROWS)
    before = days(rng, 0, BASELINE_DAYS, A_DAY).values
    data = {"baseline_rows": baseline, "baseline_days": before}
    for size in (100, 1_000):
        for at in range(NULLS):
            data[f"current_rows.{size}.{at}"] = rows(rng, size)
    for at in range(MONTH):
        data[f"current_days.none.{at}"] = days(rng, BASELINE_DAYS + at, 1, A_DAY).values
    for name, shift in SHIFTS.items():
        found = days(rng, BASELINE_DAYS, 1, A_DAY, shift=shift).values
        data[f"current_days.{name}"] = found
    data["current_rows.benign"] = rows(rng, A_DAY, all_but_the_telling_moved)
    data["baseline_large"], data["current_large.0"] = (
        rng.normal(size=(ROWS, COLUMNS)) for _ in range(2)
    )
    said = _said("evidently", data, folder)
    found = said["found"]
    tool = f"Evidently {said['version']}"

    def line(what: str, start: str, count: int, column: int) -> dict[str, Any]:
        of_it = [one for name, one in found.items() if name.startswith(start)]
        rule = ("any column", "data set")[column]
        return _line(
            f"{tool}, {rule}",
            what,
            count,
            float(np.mean([one[column] for one in of_it])),
        )

    lines = [
        line(what, start, count, column)
        for what, start, count in (
            ("independent rows, 100, no drift", "rows.100.", NULLS),
            ("independent rows, 1,000, no drift", "rows.1000.", NULLS),
            ("days, no drift", "days.none.", MONTH),
            ("benign change", "rows.benign", 1),
            *((f"days, {name}, same day", f"days.{name}", 1) for name in SHIFTS),
        )
        for column in (0, 1)
    ]
    cost = _line(tool, "100,000 × 40, no drift", 1, float(found["large.0"][0]))
    return [*lines, cost | {"seconds": found["large.0"][2], "peak_mb": said["peak_mb"]}]


def _nannyml(rng: np.random.Generator, folder: Path) -> list[dict[str, Any]]:
    data: dict[str, Any] = {
        "baseline_days": days(rng, 0, BASELINE_DAYS, A_DAY).values,
        "size_days": A_DAY,
        "days_days.none": days(rng, BASELINE_DAYS, MONTH, A_DAY).values,
        "baseline_large": rng.normal(size=(ROWS, COLUMNS)),
        "size_large": ROWS // 10,
        "days_large.0": rng.normal(size=(ROWS, COLUMNS)),
    }
    for name, shift in SHIFTS.items():
        data[f"days_days.{name}"] = days(
            rng, BASELINE_DAYS, 7, A_DAY, shift=shift
        ).values
    said = _said("nannyml", data, folder)
    found = said["found"]
    tool = f"NannyML {said['version']}"
    lines = []
    for column, rule in enumerate(("any column", "reconstruction")):
        lines.append(
            _line(
                f"{tool}, {rule}", "days, no drift", MONTH, found["days.none"][column]
            )
        )
        lines += [
            _line(f"{tool}, {rule}", f"days, {name}", 7, found[f"days.{name}"][column])
            for name in SHIFTS
        ]
    cost = _line(tool, "100,000 × 40, no drift", 10, found["large.0"][0])
    return [*lines, cost | {"seconds": found["large.0"][2], "peak_mb": said["peak_mb"]}]


def _line(tool: str, data: str, count: int, alarms: float) -> dict[str, Any]:
    return {
        "tool": tool,
        "data": data,
        "n": count,
        "alarms": alarms,
        "seconds": None,
        "peak_mb": None,
    }


def _said(peer: str, data: dict[str, Any], folder: Path) -> Any:  # noqa: ANN401 - JSON
    file = folder / f"{peer}.npz"
    np.savez(file, **data)
    python = PEERS / peer / "venv" / "bin" / "python"
    ended = subprocess.run(  # noqa: S603 - our own script, their environment
        [python, ELSEWHERE / f"{peer}_run.py", file],
        capture_output=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return msgspec.json.decode(ended.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
