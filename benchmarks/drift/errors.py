"""
How soon errors that become more are noticed, beside River's detectors.

`python -m benchmarks.drift.errors` draws streams of errors from seeds, independent and
in bursts, follows them as the judge of outcomes does, has River's detectors follow the
very same errors, and writes `benchmarks/results/drift-errors.json` and `.md`. River
runs in an environment of its own; without one, what it said last is kept.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.drift.errorcases import asked, bounds, cost, mix, turned
from benchmarks.drift.errorstreams import (
    SEED,
    Errors,
    alarms_of,
    delays,
    measured,
    rate_of,
    said_of,
)
from benchmarks.drift.errortables import markdown
from benchmarks.drift.scenarios import errors_in_bursts
from benchmarks.quality import about
from breakcast.monitoring.concept import NEWEST

RESULTS = Path(__file__).parents[1] / "results"
RIVER = Path("build") / "peers" / "river" / "venv" / "bin" / "python"
STREAMS = 200
PEER_STREAMS = 100
NULL_LABELS = 10_000
CHANGED_LABELS = 5_000
REFERENCES = (3_000, 6_000, 30_000)
PEER_REFERENCE = 6_000
CASES = ((0.08, 0.0), (0.08, 0.5), (0.12, 0.0), (0.12, 0.5))
MORE = (0.02, 0.04, 0.08)


def main() -> None:
    """Run it all; write the results and print the Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--river", type=Path, default=RIVER, help="its Python")
    river = parser.parse_args().river
    began = time.process_time()
    found: dict[str, Any] = {
        "about": about() | {"command": "python -m benchmarks.drift.errors"},
        "streams": [_case(*case, size) for case in CASES for size in REFERENCES],
        "asked": [asked(rate) for rate in (0.08, 0.12, 0.13, 0.14)],
        "turned": [turned(together) for together in (0.0, 0.3)],
        "mix": [mix(name) for name in ("none", "harder", "turned")],
        "bounds": [bounds(*case, size) for case in CASES for size in (2_000, NEWEST)],
        "judge_ms": cost(),
    }
    found["cpu_seconds"] = time.process_time() - began
    file = RESULTS / "drift-errors.json"
    found["peers"] = _river(river) if river.exists() else _kept(file)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    text = markdown(found)
    (RESULTS / "drift-errors.md").write_text(text, encoding="utf-8")
    print(text)


class Case(NamedTuple):
    """A kind of error stream: those judged before, unchanged ones, and worse ones."""

    reference: Errors
    null: Errors
    changed: dict[str, Errors]


def _drawn(rate: float, together: float, reference: int) -> Case:
    """Draw a case; everyone who asks for it gets the same streams."""
    rng = np.random.default_rng([SEED, round(100 * rate), round(10 * together)])

    def streams(labels: int, at: float) -> Errors:
        return errors_in_bursts(rng, STREAMS, labels, at, together)

    null = streams(NULL_LABELS, rate)
    changed = {f"plus_{one:.2f}": streams(CHANGED_LABELS, rate + one) for one in MORE}
    return Case(streams(reference, rate), null, changed)


def _case(rate: float, together: float, reference: int) -> dict[str, Any]:
    rng = np.random.default_rng([SEED, 1, reference])
    case = _drawn(rate, together, reference)
    usual = measured(said_of(case.reference, rng))
    null = said_of(case.null, rng)
    alarms = [
        len(alarms_of(null.failed[at], null.probability[at], one))
        for at, one in enumerate(usual)
    ]
    result: dict[str, Any] = {
        "error_rate": rate,
        "together": together,
        "reference": reference,
        "streams": STREAMS,
        **rate_of(alarms),
    }
    for name, errors in case.changed.items():
        worse = said_of(errors, rng)
        first = [
            alarms_of(worse.failed[at], worse.probability[at], one)[:1]
            for at, one in enumerate(usual)
        ]
        result[name] = delays([one[0] if one else None for one in first])
    return result


def _river(python: Path) -> dict[str, Any]:
    """Have River's detectors follow the same errors."""
    data: dict[str, Errors] = {}
    for rate, together in CASES:
        case, name = _drawn(rate, together, PEER_REFERENCE), f"{rate}|{together}"
        data[f"{name}/reference"] = case.reference[:PEER_STREAMS]
        data[f"{name}/null"] = case.null[:PEER_STREAMS]
        for kind, errors in case.changed.items():
            data[f"{name}/{kind}"] = errors[:PEER_STREAMS]
    with tempfile.TemporaryDirectory(prefix="breakcast-") as folder:
        file = Path(folder) / "errors.npz"
        np.savez(file, **data)
        ended = subprocess.run(  # noqa: S603 - our own script, their environment
            [python, Path(__file__).with_name("elsewhere") / "river_errors.py", file],
            capture_output=True,
            check=True,
        )
    said = msgspec.json.decode(ended.stdout.splitlines()[-1])
    rows = [
        {
            "tool": tool,
            "error_rate": rate,
            "together": together,
            "streams": PEER_STREAMS,
            **rate_of(found["alarms"]),
            **{kind: delays(found[kind]) for kind in found if kind != "alarms"},
        }
        for rate, together in CASES
        for tool, found in said["found"][f"{rate}|{together}"].items()
    ]
    return {"version": said["version"], "rows": rows}


def _kept(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    kept: dict[str, Any] = msgspec.json.decode(file.read_bytes())["peers"]
    return kept


if __name__ == "__main__":
    main()
