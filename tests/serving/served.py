"""A real server in a process of its own, and a client that tells every cut."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

NAME = "ci-failure-predictor-prod"
PREDICT = f"/v1/models/{NAME}:predict"
INFER = f"/v2/models/{NAME}/infer"
HEADLINE = {"instances": [[0.5, 0.3, 0.8, 0.2]]}
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.05


class Served:
    """A running server: its address, its log, its process."""

    def __init__(self, arguments: Sequence[str], home: Path) -> None:
        self.log: list[dict[str, Any]] = []
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [
                Path(sys.executable).with_name("breakcast"),
                "serve",
                "--port",
                "0",
                *arguments,
            ],
            env=os.environ
            | {
                "BREAKCAST_HOME": str(home),
                "BREAKCAST_POLL_SECONDS": "0.1",
                "BREAKCAST_DRAIN_SECONDS": "0.5",
                "OMP_NUM_THREADS": "1",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listening = threading.Event()
        self.url = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(PATIENCE_SECONDS):
            message = f"the server said nothing of an address: {self.log}"
            raise TimeoutError(message)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                said = json.loads(line)
            except ValueError:
                said = {"message": line}
            self.log.append(said)
            _, found, url = said["message"].partition("listening on ")
            if found:
                self.url = url
                self._listening.set()
        self._listening.set()

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def messages(self) -> list[str]:
        return [line["message"] for line in self.log]

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            try:
                return httpx.get(f"{self.url}/v2/health/ready").status_code == 200
            except httpx.TransportError:
                return False

        wait_for(is_ready, f"the server to be ready: {self.log}")

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def end(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        self.close()
        return code

    def close(self) -> None:
        """Read the log to its end."""
        self._reader.join(PATIENCE_SECONDS)
        if self.process.stderr is not None:
            self.process.stderr.close()


@contextmanager
def serving(*arguments: str, home: Path, wait: bool = True) -> Iterator[Served]:
    """Run `breakcast serve` for as long as the block lasts."""
    served = Served(arguments, home)
    try:
        if wait:
            served.wait_ready()
        yield served
    finally:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait()
        served.close()


def wait_for(holds: Any, what: str, seconds: float = PATIENCE_SECONDS) -> None:  # noqa: ANN401 - a function
    """Wait until something holds, looking often."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            message = f"waited {seconds} s in vain for {what}"
            raise TimeoutError(message)
        time.sleep(0.02)


class Load(NamedTuple):
    """
    What became of requests.

    Answers by status; connections that broke, and those that broke again before one
    answer; connections that were refused.
    """

    statuses: dict[int, int]
    versions: list[tuple[float, float, str]]
    cuts: list[str]
    cut_twice: list[str]
    refused: int


class LoadClient:
    """
    Sends requests over keep-alive connections, as fast as they are answered.

    A connection that is closed between requests, announced by `Connection: close`,
    is opened again; one that breaks under a request is a cut.
    """

    def __init__(self, port: int, body: bytes, path: str = PREDICT) -> None:
        self._port = port
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self.load = Load({}, [], [], [], 0)
        self.is_over = asyncio.Event()

    async def run(self, connections: int) -> Load:
        """Load until `is_over` is set, or nothing listens any more."""
        await asyncio.gather(*(self._one() for _ in range(connections)))
        return self.load

    async def _one(self) -> None:
        was_cut = False
        while not self.is_over.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except ConnectionRefusedError:
                self.load = self.load._replace(refused=self.load.refused + 1)
                return
            except OSError as error:
                self.load.cuts.append(f"connect: {error!r}")
                return
            answered: list[int] = []
            try:
                await self._converse(reader, writer, answered)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.load.cuts.append(repr(error))
                if was_cut and not answered:
                    self.load.cut_twice.append(repr(error))
                was_cut = True
                # As any client that tries again, it does so after a moment: of a
                # process that was killed, Linux closes the connections first and
                # what it listened on last.
                await asyncio.sleep(RETRY_SECONDS)
            else:
                was_cut = False
            finally:
                writer.close()

    async def _converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answered: list[int],
    ) -> None:
        while not self.is_over.is_set():
            began = time.time()
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().lower().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:] if line)
            body = await reader.readexactly(int(headers["content-length"]))
            status = int(lines[0].split()[1])
            answered.append(status)
            self.load.statuses[status] = self.load.statuses.get(status, 0) + 1
            if b"model_version" in body:
                version = body.partition(b'"model_version":"')[2].partition(b'"')[0]
                self.load.versions.append((began, time.time(), version.decode()))
            if headers.get("connection") == "close":
                return
