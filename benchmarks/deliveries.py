"""
Are deliveries lost: webhooks at a steady rate while processes are killed.

`python -m benchmarks.deliveries [--rate 1000] [--seconds 60] [--kills 10]` starts our
server and a worker on one machine, sends it GitHub's deliveries at that rate from a
process of its own, ends processes with SIGKILL meanwhile, and starts them again. Then
it compares what was acknowledged with what the ledger holds, and the published
records with a clean replay. Results: `benchmarks/results/deliveries.json` and `.md`.
"""

import argparse
import asyncio
import hmac
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
from sqlalchemy import select

from benchmarks.published import wait_until_published
from benchmarks.quality import RESULTS, about, header, note, row
from benchmarks.serving.__main__ import WORK
from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.features.columns import catalog_of
from breakcast.features.records import all_records
from breakcast.features.state import FeatureState
from breakcast.history.events import BuildFinished, BuildStarted
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerschema import DELIVERIES

SECRET = "benchmark"  # noqa: S105 - of a server on this machine, for a minute
EXAMPLE = Path("../shared/fixtures/github/workflow_run_completed.json")
CONNECTIONS = 64
REPOSITORIES = 200
PATIENCE_SECONDS = 600.0
# What another address than ours would answer by accident, it must not.
HOST = "127.0.0.1"


def main() -> None:
    """Send, kill, compare; write what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deliveries")
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--kills", type=int, default=10)
    asked = parser.parse_args()
    home = WORK.absolute() / "deliveries"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    port = _free_port()
    context = multiprocessing.get_context("spawn")
    sent: multiprocessing.Queue[dict[str, Any]] = context.Queue()
    processes = Processes(home, port)
    try:
        processes.wait_ready()
        load = context.Process(
            target=send, args=(port, asked.rate, asked.seconds, sent), daemon=True
        )
        load.start()
        kills = _kill(processes, asked.seconds, asked.kills)
        told = sent.get(timeout=PATIENCE_SECONDS)
        load.join()
        note("waiting for the worker to come to the end")
        caught_up = wait_until_published(home / "records.db", catalog_of())
    finally:
        processes.end()
    found = {
        "about": {**about(), "command": "python -m benchmarks.deliveries"},
        "asked": vars(asked),
        "kills": kills,
        "caught_up_seconds": caught_up,
        **{name: told[name] for name in ("seconds", "latency", "broken", "statuses")},
        "acknowledged": len(told["acknowledged"]),
        **_compared(home, told["acknowledged"]),
    }
    packed = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "deliveries.json").write_bytes(packed + b"\n")
    page = markdown(found)
    (RESULTS / "deliveries.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)


class Processes:
    """Our server and a worker; whichever was killed is started again."""

    def __init__(self, home: Path, port: int) -> None:
        self._home = home
        self._port = port
        self._command = Path(sys.executable).with_name("breakcast")
        self._log = (home / "log.txt").open("ab")
        self._running = {name: self._start(name) for name in ("serve", "worker")}

    def wait_ready(self) -> None:
        """Wait until the server answers."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            with suppress(httpx.TransportError):
                httpx.get(f"http://{HOST}:{self._port}/v2/health/live")
                return
            time.sleep(0.05)
        message = "the server did not start"
        raise TimeoutError(message)

    def kill(self, name: str) -> None:
        """End a process as a lack of memory would, and start it again."""
        self._running[name].kill()
        self._running[name].wait()
        self._running[name] = self._start(name)

    def end(self) -> None:
        """End all that was started."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_SECONDS)
        self._log.close()

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        arguments = (
            ["serve", "--port", str(self._port), "--roles", "ingest"]
            if name == "serve"
            else ["worker", "--store", str(self._home / "records.db")]
        )
        return subprocess.Popen(  # noqa: S603 - our own command
            [self._command, *arguments],
            env=os.environ
            | {
                "BREAKCAST_HOME": str(self._home),
                "BREAKCAST_GITHUB_SECRETS": f'["{SECRET}"]',
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )


def _kill(processes: Processes, seconds: int, kills: int) -> list[str]:
    """Kill now one, now the other, at random moments spread over the time."""
    chance = random.Random(7)  # noqa: S311 - no secret
    began = time.monotonic()
    killed = []
    for number in range(kills):
        name = ("serve", "worker")[number % 2]
        due = began + seconds * (number + chance.uniform(0.2, 0.8)) / kills
        time.sleep(max(0.0, due - time.monotonic()))
        processes.kill(name)
        killed.append(name)
        note(f"killed {name} ({number + 1} of {kills})")
    return killed


def send(
    port: int, rate: int, seconds: int, told: "multiprocessing.Queue[dict[str, Any]]"
) -> None:
    """Send deliveries at a rate; what is not acknowledged is sent again."""
    told.put(asyncio.run(_send(port, rate, seconds)))


async def _send(port: int, rate: int, seconds: int) -> dict[str, Any]:
    load = _Load(port, rate, rate * seconds)
    began = time.perf_counter()
    await asyncio.gather(*(load.connection() for _ in range(CONNECTIONS)))
    times = np.array(load.latency) * 1000
    return {
        "seconds": time.perf_counter() - began,
        "acknowledged": load.acknowledged,
        "broken": load.broken,
        "statuses": load.statuses,
        "latency": {
            name: float(np.percentile(times, share))
            for name, share in (("p50_ms", 50), ("p99_ms", 99), ("max_ms", 100))
        },
    }


class _Load:
    def __init__(self, port: int, rate: int, count: int) -> None:
        self.acknowledged: list[str] = []
        self.latency: list[float] = []
        self.broken = 0
        self.statuses: dict[int, int] = {}
        self._port = port
        self._rate = rate
        self._bodies = deliveries(count)
        self._again: deque[tuple[str, bytes]] = deque()
        self._number = itertools.count()
        self._began = time.perf_counter()

    async def connection(self) -> None:
        """Send what is due over one connection, a new one whenever it breaks."""
        streams = None
        while (due := await self._next()) is not None:
            name, request, at = due
            try:
                streams = streams or await asyncio.open_connection(HOST, self._port)
                status = await _asked(*streams, request)
            except (OSError, asyncio.IncompleteReadError):
                if streams is not None:
                    streams[1].close()
                    self.broken += 1
                streams = None
                self._again.append((name, request))
                await asyncio.sleep(0.05)
                continue
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 202:
                self.acknowledged.append(name)
                self.latency.append(time.perf_counter() - at)
            else:
                self._again.append((name, request))
        if streams is not None:
            streams[1].close()

    async def _next(self) -> tuple[str, bytes, float] | None:
        if self._again:
            return (*self._again.popleft(), time.perf_counter())
        body = next(self._bodies, None)
        if body is None:
            return None
        number = next(self._number)
        due = self._began + number / self._rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        name = f"delivery-{number}"
        return name, _request(name, body), max(due, time.perf_counter() - max(0, -wait))


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    await reader.readexactly(length)
    return int(head[9:12])


def deliveries(count: int) -> Iterator[bytes]:
    """GitHub's own example of a run, over and over: each requested, then completed."""
    example = EXAMPLE.read_bytes()
    said = msgspec.json.decode(example)
    marks = {
        "id": f'"id":{said["workflow_run"]["id"]}',
        "repo": said["repository"]["full_name"],
    }
    compact = msgspec.json.encode(said).decode()
    for number in range(count):
        run, half = divmod(number, 2)
        organisation, repo = run % 20, run % REPOSITORIES
        body = compact.replace(marks["id"], f'"id":{10_000_000 + run}')
        body = body.replace(marks["repo"], f"org-{organisation}/repo-{repo}")
        if half == 0:
            body = body.replace('"action":"completed"', '"action":"requested"', 1)
        elif run % 3 == 0:
            body = body.replace('"conclusion":"success"', '"conclusion":"failure"', 1)
        yield body.encode()


def _request(name: str, body: bytes) -> bytes:
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex()
    return (
        b"POST /webhooks/github HTTP/1.1\r\nhost: benchmark\r\n"
        b"content-type: application/json\r\nx-github-event: workflow_run\r\n"
        b"x-github-delivery: %b\r\nx-hub-signature-256: sha256=%b\r\n"
        b"content-length: %d\r\n\r\n%b"
    ) % (name.encode(), signature.encode(), len(body), body)


def _compared(home: Path, acknowledged: list[str]) -> dict[str, Any]:
    """Compare what was acknowledged, held and published."""
    with Ledger.open(home / "ledger.db") as ledger:
        with ledger.engine.connect() as connection:
            kept = list(connection.scalars(select(DELIVERIES.c.delivery)))
        facts = list(ledger)
        differing = compared = 0
        store = SqliteStore(home / "records.db")
        for organisation in ledger.organisations():
            state = FeatureState(catalog_of())
            for fact in ledger.events(organisation):
                state.observe(fact)
            state.settle()
            state.memory.watch()
            for kind, named in all_records(state, organisation).items():
                published = store.read({kind: list(named)}).get(kind, {})
                compared += len(named)
                differing += sum(
                    name not in published or published[name].record != one.record
                    for name, one in named.items()
                )
        store.close()
    started = {int(f.key.build_id) for f in facts if isinstance(f, BuildStarted)}
    ended = {int(f.key.build_id) for f in facts if isinstance(f, BuildFinished)}
    numbers = [int(name.rpartition("-")[2]) for name in acknowledged]
    lacking = [
        number
        for number in numbers
        if 10_000_000 + number // 2 not in (ended if number % 2 else started)
    ]
    return {
        "kept": len(kept),
        "kept_twice": len(kept) - len(set(kept)),
        "acknowledged_not_kept": len(set(acknowledged) - set(kept)),
        "acknowledged_without_fact": len(lacking),
        "facts": len(facts),
        "facts_twice": len(facts) - len(started) - len(ended),
        "records": compared,
        "records_unlike_replay": differing,
    }


def markdown(found: dict[str, Any]) -> str:
    """Lay out what was found."""
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    asked, latency = found["asked"], found["latency"]
    rate = found["acknowledged"] / found["seconds"]
    killed = ", ".join(
        f"{name} {found['kills'].count(name)} times" for name in ("serve", "worker")
    )
    rows = {
        "acknowledged (202)": f"{found['acknowledged']:,}",
        "a second": f"{rate:,.0f}",
        "connections broken by kills": f"{found['broken']:,}",
        "acknowledged, not in the ledger": str(found["acknowledged_not_kept"]),
        "acknowledged, its fact missing": str(found["acknowledged_without_fact"]),
        "in the ledger twice": str(found["kept_twice"] + found["facts_twice"]),
        "records published": f"{found['records']:,}",
        "of them unlike a clean replay": str(found["records_unlike_replay"]),
    }
    return f"""# Deliveries while processes are killed

Made by: {made}.

Asked: {asked["rate"]:,} deliveries of 21 kB a second for {asked["seconds"]} seconds
over {CONNECTIONS} connections, from the same machine. Ended with SIGKILL meanwhile and
started again: {killed}. What was not acknowledged was sent again.

{header("what", "count")}
{chr(10).join(row(name, value) for name, value in rows.items())}

From when a delivery was due to its acknowledgement: p50 {latency["p50_ms"]:.1f} ms,
p99 {latency["p99_ms"]:,.0f} ms, longest {latency["max_ms"]:,.0f} ms, the time without
a server included. All records were published {found["caught_up_seconds"]:.0f} seconds
after the end.
"""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    main()
