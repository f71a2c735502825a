"""
How long one build's records take to look up, in the store of one machine.

`python -m benchmarks.lookup` fills SQLite stores with the records of real and of
simulated histories, then looks builds up in random order: their records alone, and
the whole row. Results: `benchmarks/results/lookup.json` and `.md`.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.quality import RESULTS, about, header, note, row
from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.features.catalog import Catalog
from breakcast.features.records import all_records, names_of, read_row
from breakcast.features.state import FeatureState
from breakcast.features.survey import catalog_for
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import Build, BuildStarted
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, write_simulated

DATA = Path("../shared/data")
LOOKED_UP = 2_000
ROUNDS = 5


def main() -> None:
    """Fill, look up, write what was found."""
    found: dict[str, Any] = {
        "about": {**about(), "command": "python -m benchmarks.lookup"},
        "histories": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        simulated = Path(folder) / "simulated.parquet"
        write_simulated(simulated, Simulation(builds=30_000), seed=1)
        histories = {
            "github_actions": DATA / "github_actions.parquet",
            "travis_authors": DATA / "travis_authors.parquet",
            "buildfast": DATA / "buildfast.parquet",
            "simulated, 30,000 builds": simulated,
        }
        for name, path in histories.items():
            note(name)
            found["histories"][name] = _measured(path, Path(folder) / f"{name}.db")
    packed = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "lookup.json").write_bytes(packed + b"\n")
    page = markdown(found)
    (RESULTS / "lookup.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)


def _measured(path: Path, place: Path) -> dict[str, float]:
    with Ledger.temporary() as ledger:
        import_builds(ledger, read_builds(path))
        catalog = catalog_for(ledger)
        store = SqliteStore(place)
        starts: list[BuildStarted] = []
        latest = 0.0
        for organisation in ledger.organisations():
            state = FeatureState(catalog)
            for fact in ledger.events(organisation):
                state.observe(fact)
                if isinstance(fact, BuildStarted):
                    starts.append(fact)
            state.settle()
            state.memory.watch()
            store.write(all_records(state, organisation))
            latest = max(latest, state.known_until)
    chance = random.Random(3)  # noqa: S311 - no secret
    asked = [one.build for one in chance.sample(starts, LOOKED_UP)]
    as_of = max(one.known_at for one in starts)
    looks = _timed(asked, lambda build: store.read(names_of(build, catalog)))
    rows = _timed(asked, lambda build: read_row(store, catalog, build, as_of))
    keys = [_keys(build, catalog) for build in asked]
    result = {
        "records_mean": float(np.mean(keys)),
        "records_most": float(np.max(keys)),
        "file_mb": place.stat().st_size / 2**20,
    }
    for name, times in (("lookup", looks), ("row", rows)):
        result[f"{name}_p50_us"] = float(np.percentile(times, 50))
        result[f"{name}_p99_us"] = float(np.percentile(times, 99))
    store.close()
    return result


def _keys(build: Build, catalog: Catalog) -> int:
    return sum(map(len, names_of(build, catalog).values()))


def _timed(asked: list[Build], look: Callable[[Build], object]) -> list[float]:
    """Microseconds of CPU of each, the median of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        times = []
        for build in asked:
            began = time.thread_time_ns()
            look(build)
            times.append((time.thread_time_ns() - began) / 1_000)
        rounds.append(times)
    return [float(one) for one in np.median(rounds, axis=0)]


def markdown(found: dict[str, Any]) -> str:
    """Lay out what was found."""
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    rows = [
        row(
            name,
            f"{one['records_mean']:.0f} ({one['records_most']:.0f})",
            f"{one['file_mb']:.0f}",
            f"{one['lookup_p50_us']:.0f} / {one['lookup_p99_us']:.0f}",
            f"{one['row_p50_us']:.0f} / {one['row_p99_us']:.0f}",
        )
        for name, one in found["histories"].items()
    ]
    columns = (
        "history",
        "records of a build, mean (most)",
        "file, MB",
        "lookup, µs, p50 / p99",
        "whole row, µs, p50 / p99",
    )
    return f"""# One build's records in SQLite

Made by: {made}.

{LOOKED_UP:,} builds in random order, CPU time, each the median of {ROUNDS} rounds.
Asked: at most 100 µs for the lookup. The row is what comes on top: records unpacked,
a lineage walked, features computed.

{header(*columns)}
{chr(10).join(rows)}
"""


if __name__ == "__main__":
    main()
