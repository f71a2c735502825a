"""
How fast a history is imported and replayed, and how much memory that takes.

`python -m benchmarks.replay [--sizes 10000 100000 1000000]` makes up histories,
imports them, replays them on one core (ledger read, row, observe) and builds the
table on two, and writes `benchmarks/results/replay.json` and `.md`. Speed is per
second of CPU time, so that what else the machine does counts little; small sizes
are repeated in turn and the median is told.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from benchmarks.quality import RESULTS, about, header, note, row
from breakcast.features.survey import catalog_for
from breakcast.features.table import build_table
from breakcast.history.buildsfile import read_builds
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, write_simulated

SIZES = (10_000, 100_000, 1_000_000)
REPEATS = {10_000: 3, 100_000: 2}
SEED = 1
WORKERS = 2


def main() -> None:
    """Run all sizes, or some; write the results and print the Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES)
    sizes = parser.parse_args().sizes
    turns = max(REPEATS.get(size, 1) for size in sizes)
    runs: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    with tempfile.TemporaryDirectory(prefix="breakcast-") as folder:
        for turn in range(turns):
            for size in sizes:
                if turn < REPEATS.get(size, 1):
                    runs[size].append(run(size, Path(folder)))
                    note(f"{size:,}: {runs[size][-1]}")
    told = [summary(size, runs[size]) for size in sizes]
    found = {
        "about": {**about(), "command": "python -m benchmarks.replay"},
        "runs": told,
    }
    RESULTS.mkdir(exist_ok=True)
    packed = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "replay.json").write_bytes(packed + b"\n")
    page = markdown(found)
    (RESULTS / "replay.md").write_text(page, encoding="utf-8")
    print(page)


def run(size: int, folder: Path) -> dict[str, float]:
    """Import, replay and tabulate one simulated history."""
    path = folder / f"{size}.parquet"
    if not path.exists():
        # As many repositories as keep the span near that of the demo's history.
        repositories = max(30, size // 3_300)
        simulation = Simulation(
            builds=size, repositories=repositories, organisations=repositories // 4
        )
        write_simulated(path, simulation, SEED)
    with Ledger.open(folder / f"{size}-{time.monotonic_ns()}.db") as ledger:
        import_seconds = cpu_seconds(lambda: import_builds(ledger, read_builds(path)))
        catalog = catalog_for(ledger)
        with peak_bytes() as alone:
            replay_seconds = cpu_seconds(lambda: build_table(ledger, catalog))
        began = time.perf_counter()
        context = get_context("spawn")
        with (
            peak_bytes() as together,
            ProcessPoolExecutor(WORKERS, mp_context=context) as pool,
        ):
            build_table(ledger, catalog, pool)
        wall_seconds = time.perf_counter() - began
    return {
        "columns": catalog.width,
        "import_rows_a_second": size / import_seconds,
        "replay_builds_a_second": size / replay_seconds,
        "table_wall_seconds": wall_seconds,
        "peak_bytes_alone": alone[0],
        "peak_bytes_together": together[0],
    }


def cpu_seconds(work: Callable[[], object]) -> float:
    """Measure the CPU time that a piece of work takes in this thread."""
    # Not of the process: another thread watches its memory meanwhile.
    began = time.thread_time()
    work()
    return time.thread_time() - began


@contextmanager
def peak_bytes() -> Iterator[list[int]]:
    """Give the greatest memory of this process and its children, shared pages once."""
    peak, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.2):
            peak[0] = max(peak[0], sum(map(proportional_bytes, family())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        is_over.set()
        watcher.join()


def family() -> list[Path]:
    """List this process and its children, as Linux shows them."""
    children = Path("/proc/self/task").glob("*/children")
    ids = [pid for path in children for pid in path.read_text().split()]
    return [Path("/proc/self"), *(Path("/proc") / pid for pid in ids)]


def proportional_bytes(process: Path) -> int:
    """Read a process's proportional set size; 0 if it has gone."""
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    sizes = [line for line in lines if line.startswith("Pss:")]
    return int(sizes[0].split()[1]) * 1024 if sizes else 0


def summary(size: int, runs: list[dict[str, float]]) -> dict[str, Any]:
    """Take the median of each figure, and the spread of the main one."""
    speeds = [one["replay_builds_a_second"] for one in runs]
    medians = {name: median(one[name] for one in runs) for name in runs[0]}
    return {
        "builds": size,
        "n": len(runs),
        **medians,
        "replay_slowest": min(speeds),
        "replay_fastest": max(speeds),
    }


def markdown(found: dict[str, Any]) -> str:
    """Lay the results out as a page."""
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    lines = [
        "# Import and replay",
        "",
        f"Made by: {made}. Simulated histories, seed {SEED}; speeds are per second",
        "of CPU time on one core; the table is built on two workers; memory is the",
        "greatest proportional set size of all processes together, sampled five times",
        "a second.",
        "",
        header(
            "builds",
            "n",
            "columns",
            "import, rows/s",
            "replay, builds/s (slowest–fastest)",
            "table on 2 workers, s",
            "memory on 1, MB",
            "memory on 2 workers, MB",
        ),
    ]
    for one in found["runs"]:
        spread = f"{one['replay_slowest']:,.0f}–{one['replay_fastest']:,.0f}"
        lines.append(
            row(
                f"{one['builds']:,}",
                str(one["n"]),
                f"{one['columns']:.0f}",
                f"{one['import_rows_a_second']:,.0f}",
                f"{one['replay_builds_a_second']:,.0f} ({spread})",
                f"{one['table_wall_seconds']:.1f}",
                f"{one['peak_bytes_alone'] / 1e6:,.0f}",
                f"{one['peak_bytes_together'] / 1e6:,.0f}",
            )
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if not Path("/proc/self/smaps_rollup").exists():
        sys.exit("memory is read from /proc/<pid>/smaps_rollup: run this on Linux")
    main()
