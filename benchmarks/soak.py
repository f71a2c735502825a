"""
Does memory stay flat: what a server holds after millions of requests.

`python -m benchmarks.soak [--requests 5000000]` starts our server with the quality
benchmark's model on core 0, warms it up, lets wrk ask it from core 1 until so many
requests were answered, and writes `benchmarks/results/soak.json` and `.md`.
"""

import argparse
import os
import shutil
import sys
from typing import Any

import msgspec

from benchmarks.quality import RESULTS, about, header, note, row
from benchmarks.serving.__main__ import WORK
from benchmarks.serving.bundle import taught
from benchmarks.serving.clocks import family, memory_bytes
from benchmarks.serving.contenders import contenders
from benchmarks.serving.load import press
from benchmarks.serving.server import LOAD_CORE, serving

REQUESTS = 5_000_000
WARM_UP_REQUESTS = 200_000
CONNECTIONS = 64
STRETCH_SECONDS = 20
TELL_EACH = 500_000
ALLOWED_GROWTH_MB = 5.0
DOOR = "V1, 4 numbers"


def main() -> None:
    """Ask so many times; write what the server held meanwhile."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    wanted = parser.parse_args().requests
    work = WORK.absolute()
    ours = next(iter(contenders(taught(work / "home"))))
    door = next(door for door in ours.doors if door.name == DOOR)
    os.sched_setaffinity(0, {LOAD_CORE})
    folder = work / "soak"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    body = folder / "body.json"
    body.write_bytes(next(iter(door.bodies.values())))
    held: list[dict[str, float]] = []
    answered = errors = 0
    with serving(ours, folder) as server:
        while answered < WARM_UP_REQUESTS + wanted:
            run = press(
                server,
                door.path,
                body,
                connections=CONNECTIONS,
                seconds=STRETCH_SECONDS,
            )
            answered += run["requests"]
            errors += run["errors"]
            if answered >= WARM_UP_REQUESTS + len(held) * TELL_EACH:
                resident = memory_bytes(family(server.pid))[1] / 2**20
                held.append({"answered": answered, "resident_mb": resident})
                note(f"{answered:,}: {resident:.1f} MB")
    found = {
        "about": {**about(), "command": "python -m benchmarks.soak"},
        "errors": errors,
        "held": held,
        "growth_mb": held[-1]["resident_mb"] - held[0]["resident_mb"],
    }
    packed = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "soak.json").write_bytes(packed + b"\n")
    page = markdown(found)
    (RESULTS / "soak.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)


def markdown(found: dict[str, Any]) -> str:
    """Lay out what was held."""
    growth, errors = found["growth_mb"], found["errors"]
    said = "met" if growth < ALLOWED_GROWTH_MB and not errors else "**not met**"
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    rows = [
        row(f"{one['answered']:,.0f}", f"{one['resident_mb']:.1f}")
        for one in found["held"]
    ]
    lines = [
        "# Memory under millions of requests",
        "",
        f"Made by: {made}. One worker with the quality benchmark's model, asked by wrk",
        "over 64 connections for the headline's four numbers; resident memory between",
        f"stretches of {STRETCH_SECONDS} seconds.",
        "",
        header("requests answered", "resident, MB"),
        *rows,
        "",
        f"Growth after the warm-up: {growth:.1f} MB, less than {ALLOWED_GROWTH_MB:.0f}",
        f"MB asked: {said}. Requests that failed: {errors}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
