"""
Whole answers over HTTP, their records read off a Feast server: two workers, Redis.

`python -m benchmarks.feast.answers [--seconds 30] [--rate 50]` starts Redis, Feast's
server and ours, asks ours about builds of 32 paths at random moments, and writes
`benchmarks/results/feast-answers.json` and `.md`.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.feast.builds import SEED, published
from benchmarks.quality import RESULTS, about, header, row
from benchmarks.serving.clocks import Clocks
from breakcast import wiring
from breakcast.adapters.feast.client import FeatureServer
from breakcast.adapters.feast.repository import SetUp
from breakcast.features.records import pulse_of
from breakcast.features.store import SHARDS
from breakcast.history.events import Build
from tests.adapters.feast.servers import FeastServer, apply, production
from tests.engines import Redis
from tests.serving.made_servers import bundle_folder, made_bundle
from tests.serving.served import PREDICT, Served, serving

_WARM_UP_SECONDS = 3


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feast.answers")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=50)
    chosen = parser.parse_args()
    # No worker follows: the pulses that are written once are to last.
    os.environ["BREAKCAST_STORE_STALE_SECONDS"] = "3600"
    catalog = made_bundle().catalog
    records, builds = published(catalog)
    with tempfile.TemporaryDirectory(prefix="breakcast-feast-") as place, Redis() as of:
        folder = Path(place)
        variables = production(folder, of.port)
        repository = apply(folder, catalog, SetUp.PRODUCTION, variables)
        with FeastServer(repository, variables) as feast:
            with closing(FeatureServer(feast.url)) as store:
                store.write(
                    {**records, **pulse_of(range(SHARDS), catalog, wiring.now())}
                )
            with serving(
                *("--model-dir", str(bundle_folder()), "--store", feast.url),
                home=folder,
            ) as server:
                bodies = [_question(build) for build in builds]
                asyncio.run(_pace(server, bodies, chosen.rate, _WARM_UP_SECONDS))
                before = [Clocks.read(pid) for pid in _pids(feast, server)]
                found = asyncio.run(_pace(server, bodies, chosen.rate, chosen.seconds))
                after = [
                    Clocks.read(pid).since(one)
                    for pid, one in zip(_pids(feast, server), before, strict=True)
                ]
    found |= {
        "about": {**about(), "command": " ".join(["python -m", *_words()])},
        "rate": chosen.rate,
        "seconds": chosen.seconds,
        "feast_cpu_ms": after[0].server / found["answers"] * 1e3,
        "ours_cpu_ms": after[1].server / found["answers"] * 1e3,
        "foreign_cores": after[0].foreign_cores,
    }
    packed = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "feast-answers.json").write_bytes(packed + b"\n")
    page = markdown(found)
    (RESULTS / "feast-answers.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)


def markdown(found: dict[str, Any]) -> str:
    """Lay out what was measured."""
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    said = "met" if found["p99_ms"] < 100 and not found["failed"] else "**not met**"
    columns = {
        "answers": str(found["answers"]),
        "failed": str(found["failed"]),
        "degraded": str(found["degraded"]),
        "p50, ms": f"{found['p50_ms']:.1f}",
        "p99, ms": f"{found['p99_ms']:.1f}",
        "max, ms": f"{found['max_ms']:.1f}",
        "Feast's CPU, ms": f"{found['feast_cpu_ms']:.1f}",
        "ours, ms": f"{found['ours_cpu_ms']:.1f}",
    }
    return f"""# Whole answers from a Feast server

Made by: {made}. Redis, Feast's server, ours and what asks share the cores.

`breakcast serve --store URL`, `feast serve --workers 2` (0.67) on Redis: builds of 32
paths and a parent, {found["rate"]} a second at random moments for {found["seconds"]} s.
Latency counts from when a request was due.

{header(*columns)}
{row(*columns.values())}

p99 below 100 ms and none failed: {said}. Other processes kept
{found["foreign_cores"]:.1f} cores busy meanwhile, Redis and what asks among them.
"""


async def _pace(
    server: Served, bodies: list[bytes], rate: int, seconds: int
) -> dict[str, Any]:
    gaps = np.random.default_rng(SEED).exponential(1 / rate, rate * seconds)
    asking = _Asking(server.port, bodies, len(gaps))
    began = time.perf_counter() + 0.1
    async with asyncio.TaskGroup() as tasks:
        for place, moment in enumerate((began + gaps.cumsum()).tolist()):
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            tasks.create_task(asking.ask(place, moment))
    asking.close()
    median, high, most = np.percentile(asking.took, (50, 99, 100)) * 1e3
    return {
        "answers": len(gaps),
        "failed": asking.counts["failed"],
        "degraded": asking.counts["degraded"],
        "p50_ms": float(median),
        "p99_ms": float(high),
        "max_ms": float(most),
    }


class _Asking:
    """Asks over plain connections: a client that costs as little as may be."""

    def __init__(self, port: int, bodies: list[bytes], count: int) -> None:
        self.took = np.zeros(count)
        self.counts: Counter[str] = Counter()
        self._port = port
        self._requests = [_request(body) for body in bodies]
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, place: int, due: float) -> None:
        """Ask one question, over a connection that is free or a new one."""
        if not self._idle:
            self._idle.append(await asyncio.open_connection("127.0.0.1", self._port))
        reader, writer = self._idle.pop()
        writer.write(self._requests[place % len(self._requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        body = await reader.readexactly(int(length))
        self.took[place] = time.perf_counter() - due
        self._idle.append((reader, writer))
        if head[9:12] != b"200":
            self.counts["failed"] += 1
        elif msgspec.json.decode(body)["predictions"][0]["degraded"]:
            self.counts["degraded"] += 1

    def close(self) -> None:
        """Close all connections."""
        for _, writer in self._idle:
            writer.close()


def _request(body: bytes) -> bytes:
    return (
        b"POST %b HTTP/1.1\r\nhost: benchmark\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b"
    ) % (PREDICT.encode(), len(body), body)


def _question(build: Build) -> bytes:
    paths = () if build.change is None else build.change.paths
    words = {
        "repo": build.key.repo,
        "pipeline": build.key.pipeline,
        "build_id": build.key.build_id,
        "branch": build.branch,
        "event": build.event,
        "commit_sha": build.commit_sha,
        "parent_build_id": build.parent_build_id,
        "changed_paths": ";".join(paths),
    }
    return msgspec.json.encode({"instances": [words]})


def _pids(feast: FeastServer, server: Served) -> tuple[int, int]:
    return feast.pid, server.process.pid


def _words() -> list[str]:
    return ["benchmarks.feast.answers", *sys.argv[1:]]


if __name__ == "__main__":
    main()
