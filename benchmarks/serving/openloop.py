"""
Requests at a given rate, whether or not those before are answered.

Each has a moment at which it is due, and its latency counts from then: a server
that stalls delays all that come meanwhile, and each of them tells.
"""

import asyncio
import gc
import time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.serving.clocks import Clocks
from benchmarks.serving.questions import SEED, Door
from benchmarks.serving.server import Server, settle

RATE = 300
SECONDS = 10
# asyncio wakes up to a millisecond late, which would be counted as the server's.
_WAIT_SECONDS = 0.002
_TIMEOUT_SECONDS = 10.0
_PREPARED_CONNECTIONS = 8


class _Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


def pace(server: Server, door: Door, rate: int = RATE) -> dict[str, Any]:
    """Ask a door about one row at random moments, so many a second on average."""
    gaps = np.random.default_rng(SEED).exponential(1 / rate, rate * SECONDS)
    asking = _Asking(server.port, door)
    settle(server.pid)
    before = Clocks.read(server.pid)
    # A collection of this process's garbage would be counted as the server's time.
    gc.collect()
    gc.disable()
    try:
        asyncio.run(asking.at(gaps.cumsum().tolist()))
    finally:
        gc.enable()
    took = Clocks.read(server.pid).since(before)
    median, high = np.percentile(asking.latencies, (50, 99)) * 1e3
    return {
        "rate": rate,
        "requests": len(gaps),
        "errors": asking.errors,
        "cpu_us": took.server / len(gaps) * 1e6,
        "p50_ms": float(median),
        "p99_ms": float(high),
        "max_ms": max(asking.latencies) * 1e3,
        "foreign_cores": took.foreign_cores,
    }


class _Asking:
    """Asks one question many times, on as many connections as it takes."""

    def __init__(self, port: int, door: Door) -> None:
        self.latencies: list[float] = []
        self.errors = 0
        self._port = port
        self._door = door
        body = door.bodies[1]
        self._request = (
            f"POST {door.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._idle: list[_Connection] = []

    async def at(self, moments: list[float]) -> None:
        """Ask at each moment, in seconds from now."""
        self._idle = [await self._connect() for _ in range(_PREPARED_CONNECTIONS)]
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for moment in moments:
                await _until(began + moment)
                tasks.create_task(self._ask(began + moment))
        for connection in self._idle:
            connection.writer.close()

    async def _ask(self, due: float) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                connection = self._idle.pop() if self._idle else await self._connect()
                connection.writer.write(self._request)
                head = await connection.reader.readuntil(b"\r\n\r\n")
                answer = await connection.reader.readexactly(_length(head))
        except (OSError, EOFError, TimeoutError):
            self.errors += 1
        else:
            is_right = head[9:12] == b"200" and not self._door.fault(1, answer)
            self.errors += not is_right
            self._idle.append(connection)
        # An error does not take less time than an answer would have.
        self.latencies.append(time.perf_counter() - due)

    async def _connect(self) -> _Connection:
        return _Connection(*await asyncio.open_connection("127.0.0.1", self._port))


async def _until(moment: float) -> None:
    left = moment - time.perf_counter()
    if left > _WAIT_SECONDS:
        await asyncio.sleep(left - _WAIT_SECONDS)
    while time.perf_counter() < moment:  # noqa: ASYNC110 - no event tells the time
        await asyncio.sleep(0)


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(
        int(line.partition(b":")[2])
        for line in lines
        if line.startswith(b"content-length:")
    )
