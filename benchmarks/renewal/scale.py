"""
What a retraining takes on a million builds: time, CPU, memory of all processes.

`python -m benchmarks.renewal.scale` makes up a history, imports it, runs `breakcast
retrain` on two processes, and writes `benchmarks/results/renewal-scale.json`.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.quality import about
from benchmarks.renewal.processes import descendants
from breakcast.history.simulate import Simulation, write_simulated

RESULTS = Path(__file__).parents[1] / "results"
COMMAND = Path(sys.executable).with_name("breakcast")
SEED = 5
SAMPLED_SECONDS = 1.0


def main() -> None:
    """Run it; write and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builds", type=int, default=1_000_000)
    builds = parser.parse_args().builds
    with tempfile.TemporaryDirectory(prefix="breakcast-") as name:
        folder = Path(name)
        history = folder / "builds.parquet"
        simulation = Simulation(builds=builds, repositories=200, organisations=7)
        write_simulated(history, simulation, SEED)
        imported = _measured(folder, "import", str(history))
        retrained = _measured(folder, "retrain", "--json")
    found = {
        "about": about() | {"command": "python -m benchmarks.renewal.scale"},
        "builds": builds,
        "import": imported,
        "retrain": retrained,
    }
    text = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "renewal-scale.json").write_bytes(text + b"\n")
    print(text.decode())


def _measured(home: Path, *words: str) -> dict[str, Any]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own command
        [COMMAND, *words],
        env=os.environ
        | {
            "BREAKCAST_HOME": str(home),
            "BREAKCAST_WORKERS": "2",
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    most = [0]
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLED_SECONDS):
            used = sum(_share(one) for one in descendants(process.pid))
            most[0] = max(most[0], used)

    sampling = threading.Thread(target=sample, daemon=True)
    sampling.start()
    said, _ = process.communicate()
    ended.set()
    sampling.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "words": list(words[:1]),
        "exit_code": process.returncode,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(spent, 1),
        "most_gigabytes": round(most[0] / 1e6, 2),
        "said": said.splitlines()[-1:],
    }


def _share(process: int) -> int:
    """Read a process's share of memory, what it shares divided by who does; kB."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        # It has ended meanwhile.
        return 0
    (line,) = [one for one in rollup.splitlines() if one.startswith("Pss:")]
    return int(line.split()[1])


if __name__ == "__main__":
    main()
