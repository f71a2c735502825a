"""wrk: as many requests as a server answers, over some connections at once."""

import subprocess
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.serving.clocks import Clocks
from benchmarks.serving.server import Server, settle

WARM_UP_SECONDS = 1
_SCRIPT = Path(__file__).with_name("load.lua")


def press(
    server: Server, path: str, body: Path, *, connections: int, seconds: int
) -> dict[str, Any]:
    """
    Warm a server up, then measure what its answers take.

    Args:
        server: What to ask.
        path: Where to post.
        body: The file that holds what to post.
        connections: How many ask at once; each as soon as it is answered.
        seconds: For how long.

    Returns:
        The figures of one run; `errors` counts answers that are not 2xx, and
        connections that broke.
    """
    _wrk(server, path, body, connections, WARM_UP_SECONDS)
    # What was asked last is still being worked on.
    settle(server.pid)
    before = Clocks.read(server.pid)
    told = _wrk(server, path, body, connections, seconds)
    took = Clocks.read(server.pid).since(before)
    return {
        "requests": told["requests"],
        "errors": told["refused"] + told["broken"],
        "cpu_us": took.server / max(told["requests"], 1) * 1e6,
        "requests_a_second": told["requests"] / told["seconds"],
        "p50_ms": told["p50_us"] / 1e3,
        "p99_ms": told["p99_us"] / 1e3,
        "foreign_cores": took.foreign_cores,
    }


def _wrk(
    server: Server, path: str, body: Path, connections: int, seconds: int
) -> dict[str, Any]:
    command = [
        *("wrk", "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(_SCRIPT)),
        *(f"http://127.0.0.1:{server.port}{path}", "--", str(body)),
    ]
    # It inherits our core.
    run = subprocess.run(  # noqa: S603 - our own command, no shell
        command, stdout=subprocess.PIPE, check=True
    )
    told: dict[str, Any] = msgspec.json.decode(run.stdout.splitlines()[-1])
    return told
