"""
Rows read off a real Feast server: two workers, on Redis, 32 paths a build.

`python -m benchmarks.feast [--seconds 30] [--rate 50]` writes
`benchmarks/results/feast.json` and `.md`. It needs `make build/peers/feast/.ready`
and Debian's `redis-server`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.feast.alternatives import READS, compare, write_definitions
from benchmarks.feast.builds import SEED, asked_at, published
from benchmarks.feast.pace import pace
from benchmarks.feast.report import LARGE_BYTES, markdown
from benchmarks.quality import RESULTS, about
from benchmarks.serving.clocks import Clocks
from breakcast.adapters.feast.client import FeatureServer
from breakcast.adapters.feast.repository import SetUp
from breakcast.features.catalog import Catalog
from breakcast.features.columns import catalog_of
from breakcast.features.records import read_row
from breakcast.features.store import Named, RecordStore, StoredRecord
from breakcast.history.events import Build
from tests.adapters.feast.servers import FeastServer, apply, production
from tests.engines import Redis
from tests.peers import environment

_WARM_UP_SECONDS = 3


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feast")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=50)
    chosen = parser.parse_args()
    catalog = catalog_of()
    records, builds = published(catalog)
    with tempfile.TemporaryDirectory(prefix="breakcast-feast-") as place, Redis() as of:
        folder = Path(place)
        variables = production(folder, of.port)
        repository = apply(folder, catalog, SetUp.PRODUCTION, variables)
        write_definitions(repository.folder)
        _apply_all(repository.folder, variables)
        with FeastServer(repository, variables) as server:
            store = _Counting(FeatureServer(server.url, read_seconds=10))
            wanted = _wanted(store, records, catalog, builds)
            found = {
                "about": {**about(), "command": " ".join(["python -m", *_words()])},
                "keys": store.keys / len(builds),
                "requests": store.requests / len(builds),
                "ways": compare(server.url, server.pid, records, wanted),
                "large_ms": _large(server.url),
            }
            store.close()
            pace(server.url, catalog, builds, chosen.rate, _WARM_UP_SECONDS)
            before = Clocks.read(server.pid)
            paced = pace(server.url, catalog, builds, chosen.rate, chosen.seconds)
            clocks = Clocks.read(server.pid).since(before)
            found["paced"] = {
                "rate": chosen.rate,
                "seconds": chosen.seconds,
                "server_cpu_ms": clocks.server / paced["reads"] * 1e3,
                "foreign_cores": clocks.foreign_cores,
                **paced,
            }
    packed = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "feast.json").write_bytes(packed + b"\n")
    page = markdown(found)
    (RESULTS / "feast.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)


class _Counting:
    """A store that notes what it is asked."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self.asked: list[Mapping[str, list[str]]] = []
        self.keys = self.requests = 0

    def read(self, wanted: Mapping[str, Sequence[str]]) -> Named:
        self.requests += 1
        self.keys += sum(map(len, wanted.values()))
        self.asked.append({kind: list(keys) for kind, keys in wanted.items()})
        return self._store.read(wanted)

    def write(self, changed: Named) -> None:
        self._store.write(changed)

    def close(self) -> None:
        self._store.close()


def _wanted(
    store: _Counting, records: Named, catalog: Catalog, builds: Sequence[Build]
) -> list[Mapping[str, list[str]]]:
    """Publish the records; what the first request of each build asks for."""
    store.write(records)
    firsts = []
    for build in builds:
        first = len(store.asked)
        read_row(store, catalog, build, asked_at())
        firsts.append(store.asked[first])
    return firsts


def _large(url: str) -> float:
    """Time the read of a single large record."""
    record = np.random.default_rng(SEED).bytes(LARGE_BYTES)
    store = FeatureServer(url, read_seconds=10)
    store.write({"neighbourhoods": {"acme": StoredRecord(1, record)}})
    took = []
    for _ in range(READS // 5):
        began = time.perf_counter()
        store.read({"neighbourhoods": ["acme"]})
        took.append(time.perf_counter() - began)
    store.close()
    return float(np.median(took) * 1e3)


def _apply_all(folder: Path, variables: dict[str, str]) -> None:
    """Register what else is defined in the folder, by Feast's own command."""
    subprocess.run(  # noqa: S603 - Feast's own program
        [environment("feast").parent / "feast", "apply"],
        check=True,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _words() -> list[str]:
    return ["benchmarks.feast", *sys.argv[1:]]


if __name__ == "__main__":
    main()
