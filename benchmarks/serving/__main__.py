"""
What one answer costs, in CPU time, behind our server and behind others.

`python -m benchmarks.serving [--rounds 3] [--seconds 4]` trains the model of the
quality benchmark, starts each server in turn on core 0 and asks it from core 1,
round after round, and writes `benchmarks/results/serving.json` and `.md`. A server
whose answers are not scikit-learn's is out.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.quality import RESULTS, about, note
from benchmarks.serving.bundle import HISTORY, taught
from benchmarks.serving.contenders import PEERS, Contender, contenders
from benchmarks.serving.report import markdown
from benchmarks.serving.server import LOAD_CORE, Unfit
from benchmarks.serving.visit import visit

WORK = Path("build/bench/serving")
_VERSIONS = """
import importlib.metadata as installed, sys
for name in sys.argv[1:]:
    try:
        print(name, installed.version(name))
    except installed.PackageNotFoundError:
        print("without", name)
"""


def main() -> None:
    """Run all servers, or some; write the results and print the Markdown."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    parser.add_argument(
        "--only", nargs="*", help="servers, such as kserve; then no results are written"
    )
    arguments = parser.parse_args()
    _require_means()
    work = WORK.absolute()
    entered = list(contenders(taught(work / "home")))
    keys = [one.key for one in entered]
    if unknown := set(arguments.only or ()) - set(keys):
        sys.exit(
            f"no server is called {', '.join(unknown)}; there are {', '.join(keys)}"
        )
    entered = [one for one in entered if one.key in (arguments.only or keys)]
    peers = [f"build/peers/{name}/.ready" for name in PEERS]
    # What cannot be set up does not start either, and is told so.
    subprocess.run(["make", "--keep-going", *peers], check=False)  # noqa: S603, S607
    found = _measured(entered, work / "run", arguments.rounds, arguments.seconds)
    page = markdown(found)
    if not arguments.only:
        RESULTS.mkdir(exist_ok=True)
        packed = msgspec.json.format(msgspec.json.encode(found))
        (RESULTS / "serving.json").write_bytes(packed + b"\n")
        (RESULTS / "serving.md").write_text(page, encoding="utf-8")
    print(page)


def _measured(
    entered: list[Contender], folder: Path, rounds: int, seconds: int
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "about": _about(rounds, seconds),
        "servers": {
            one.key: {"name": one.name, "versions": _versions(one)} for one in entered
        },
        "unfit": {},
        "starts": [],
        "runs": [],
        "paced": [],
    }
    os.sched_setaffinity(0, {LOAD_CORE})
    for turn in range(rounds):
        # There and back: what drifts over a round is even over two.
        for contender in entered[:: -1 if turn % 2 else 1]:
            if contender.key in found["unfit"]:
                continue
            note(f"round {turn + 1}: {contender.name}")
            try:
                seen = visit(contender, folder, seconds)
            except Unfit as error:
                note(f"  out: {error}")
                found["unfit"][contender.key] = str(error)
                continue
            which = {"round": turn + 1}
            found["starts"].append(which | seen["start"])
            found["runs"] += [which | run for run in seen["runs"]]
            found["paced"] += [which | run for run in seen["paced"]]
    shutil.rmtree(folder, ignore_errors=True)
    return found


def _about(rounds: int, seconds: int) -> dict[str, str]:
    command = f"python -m benchmarks.serving --rounds {rounds} --seconds {seconds}"
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)  # noqa: S607
    changes = subprocess.run(
        ["git", "status", "--porcelain", "src"],  # noqa: S607 - git of this checkout
        capture_output=True,
        text=True,
        check=False,
    )
    processors = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(": ")[2] for line in processors if "model name" in line]
    told = about()
    if changes.stdout:
        told["commit"] += " with changes in src"
    return {
        **told,
        "command": command,
        "processor": models[0] if models else "unknown",
        "wrk": wrk.stdout.split()[1],
    }


def _versions(contender: Contender) -> str:
    python = str(contender.environment / "bin" / "python")
    command = [python, "-c", _VERSIONS, *contender.packages]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return "not installed"
    return ", ".join(run.stdout.splitlines())


def _require_means() -> None:
    """End with a sentence if something is not here that it takes."""
    if not HISTORY.exists():
        sys.exit(
            f"no history at {HISTORY}: set BREAKCAST_SHARED_DATA to the folder that "
            "holds it"
        )
    for program in ("wrk", "taskset", "make"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed, and this takes it")
    if not Path("/proc/self/smaps_rollup").exists():
        sys.exit("processes are looked at by way of /proc: run this on Linux")
    if not {0, LOAD_CORE} <= os.sched_getaffinity(0):
        sys.exit("the server and what asks it take a core each: run this on two")


if __name__ == "__main__":
    main()
