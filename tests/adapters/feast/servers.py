"""Feast's own server, on what Feast's own environment makes of our repository."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from breakcast.adapters.feast.repository import Repository, SetUp
from breakcast.features.catalog import Catalog
from tests.peers import environment

READY_WITHIN_SECONDS = 90
ENDS_WITHIN_SECONDS = 20
WORKERS = 2


def free_port() -> int:
    """Find a port below those the system gives to clients."""
    while True:
        port = 15_000 + secrets.randbelow(15_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


def production(folder: Path, redis_port: int) -> dict[str, str]:
    """Name the servers of a production set-up: this Redis, a registry in a file."""
    return {
        "FEAST_REDIS": f"127.0.0.1:{redis_port},db=0",
        "FEAST_REGISTRY": f"sqlite:///{folder / 'registry.db'}",
    }


def run_feast(
    *words: str, folder: Path, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program with the Python of Feast's environment; its output."""
    return subprocess.run(  # noqa: S603 - our own scripts, in an environment of ours
        [environment("feast"), *words],
        capture_output=True,
        check=False,
        cwd=folder,
        env=_environment(folder, variables or {}),
        text=True,
    )


def apply(
    folder: Path,
    catalog: Catalog,
    set_up: SetUp,
    variables: Mapping[str, str] | None = None,
) -> Repository:
    """Write a repository, and register it in Feast's environment."""
    repository = Repository(folder / "feast")
    repository.write(catalog, set_up)
    script = Path(__file__).parent / "elsewhere" / "register.py"
    ended = run_feast(
        str(script), str(repository.folder), folder=folder, variables=variables
    )
    assert ended.returncode == 0, ended.stderr
    return repository


class FeastServer:
    """`feast serve` as production runs it; runs from `with` on until the block ends."""

    def __init__(
        self, repository: Repository, variables: Mapping[str, str] | None = None
    ) -> None:
        self._repository = repository
        self._variables = variables or {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = repository.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that its workers are children of."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers."""
        program = environment("feast").parent / "feast"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - Feast's own program
                [
                    *(str(program), "serve", "--host", "127.0.0.1"),
                    *("--port", str(self.port), "--workers", str(WORKERS)),
                    # Otherwise a worker is replaced after 1,000 requests, and for a
                    # second or two nobody answers.
                    *("--max-requests", "0", "--max-requests-jitter", "0"),
                    "--no-access-log",
                ],
                cwd=self._repository.folder,
                env=_environment(self._repository.folder, self._variables),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + READY_WITHIN_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                said = self.log.read_text(encoding="utf-8")
                message = f"feast serve did not start: {said}"
                raise RuntimeError(message)
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server and wait until it has ended."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


def _environment(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BREAKCAST_", "FEAST_"))
    }
    # Gunicorn puts a socket into the home, the same for all servers.
    return {**kept, "HOME": str(folder), "OMP_NUM_THREADS": "1", **variables}
