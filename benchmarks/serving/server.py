"""A server that runs on a core of its own, from its start until it is ended."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks.serving.clocks import cpu_seconds, family
from benchmarks.serving.contenders import Contender
from benchmarks.serving.questions import Door

SERVER_CORE = 0
LOAD_CORE = 1
START_SECONDS = 60.0
END_SECONDS = 15.0
_LOOK_SECONDS = 0.005
_PORTS = 3


class Unfit(Exception):
    """A server does not start, or does not answer as it should; says why."""


class Server(NamedTuple):
    """A server that answers, and how long it took until its first right answer."""

    pid: int
    port: int
    cold_seconds: float


@contextmanager
def serving(contender: Contender, folder: Path) -> Iterator[Server]:
    """
    Start a server in an empty folder, wait until it answers rightly, end it.

    Raises:
        Unfit: If it does not within a minute.
    """
    ports = _free_ports()
    program, *arguments = contender.command
    command = [
        *("taskset", "--cpu-list", str(SERVER_CORE)),
        str(contender.environment.absolute() / "bin" / program),
        *(argument.format(*ports, folder=folder) for argument in arguments),
    ]
    # What is set for breakcast where this runs is not meant for this.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BREAKCAST_")}
    own = {
        name: value.format(*ports, folder=folder)
        for name, value in contender.variables.items()
    }
    with (folder / "server.log").open("w+") as log:
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - from our own table, no shell
            command,
            cwd=folder,
            env=kept | {"OMP_NUM_THREADS": "1"} | own,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_answer(process, contender.doors[0], ports[0], log)
            yield Server(process.pid, ports[0], time.perf_counter() - began)
        finally:
            _end(process)


def ask(port: int, path: str, body: bytes) -> tuple[int, bytes]:
    """
    Post a body on a connection of its own: the status and the answer.

    Raises:
        OSError: If nobody answers.
        http.client.HTTPException: If the answer is no HTTP.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def check(door: Door, port: int) -> None:
    """
    Ask each of a door's questions once.

    Raises:
        Unfit: If an answer is not right.
    """
    for rows, body in door.bodies.items():
        if fault := _fault_of(door, port, rows, body):
            message = f"{door.name}, {rows} rows: {fault}"
            raise Unfit(message)


def settle(pid: int) -> None:
    """Wait until a server is done with what it was asked; at most ten seconds."""
    before = -1.0
    for _ in range(100):
        now = cpu_seconds(pid)
        if now - before < 0.015:
            return
        before = now
        time.sleep(0.1)


def _await_answer(
    process: subprocess.Popen[bytes], door: Door, port: int, log: IO[str]
) -> None:
    fault = "nobody listens"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            message = f"it ended with exit code {process.returncode}: {_last(log)}"
            raise Unfit(message)
        fault = _fault_of(door, port, 1, door.bodies[1])
        if not fault:
            return
        time.sleep(_LOOK_SECONDS)
    message = f"no right answer within {START_SECONDS:.0f} s: {fault}; {_last(log)}"
    raise Unfit(message)


def _fault_of(door: Door, port: int, rows: int, body: bytes) -> str:
    try:
        status, answer = ask(port, door.path, body)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error!r}"
    if status != http.HTTPStatus.OK:
        return f"status {status}: {answer[:200]!r}"
    return door.fault(rows, answer)


def _last(log: IO[str]) -> str:
    """Tell a log's last line, without saying where this checkout lies."""
    log.seek(0)
    lines = log.read().strip().splitlines() or ["its log is empty"]
    return lines[-1].replace(f"{Path.cwd()}/", "")


def _free_ports() -> list[int]:
    """Find ports that are free; nobody else here is about to take them."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(_PORTS)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server and whatever it started; by force, if it takes too long."""
    pids = list(family(process.pid)) if process.poll() is None else []
    process.terminate()
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline and any(map(_runs, pids)):
        process.poll()
        time.sleep(0.05)
    for pid in filter(_runs, pids):
        os.kill(pid, signal.SIGKILL)
    process.wait()


def _runs(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()
