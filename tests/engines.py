"""
Real servers for tests, on ports of this machine's own, gone when the tests are.

Each process of tests (under pytest-xdist each worker) has its own. Their ports lie
below those the system gives to clients, so that a server that is stopped and
started again finds its port free.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, NoReturn, Self

import httpx
import msgspec
import psycopg
import pytest

from tests.peers import environment

_PORTS = range(15_000, 30_000)
_READY_SECONDS = 30.0


class _Server:
    """A server in a folder of its own; runs from `with` on until the block ends."""

    def __init__(self, name: str) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"breakcast-{name}-"))

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it answers."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the server, if it runs, and wait until it has ended."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder)


class Postgres(_Server):
    """A PostgreSQL that keeps what it commits: fsync is on."""

    def __init__(self) -> None:
        self._programs = _programs_of_postgres()
        super().__init__("postgres")
        self._data = self.folder / "data"
        self._password = secrets.token_hex(8)
        # It refuses to be root's; its package brings a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        """The database every server has, for questions about the server."""
        return self._url_of("postgres")

    def new_database(self) -> str:
        """Make an empty database, starting the server if it does not run; its URL."""
        self.start()
        name = f"test_{secrets.token_hex(6)}"
        self._execute(f"CREATE DATABASE {name}")
        return self._url_of(name)

    def drop_database(self, url: str) -> None:
        """Remove a database; whoever is still connected to it is cut off."""
        self.start()
        self._execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it answers."""
        if not self._data.exists():
            self._make()
        if not self._is_running():
            self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop the server at once, as if it had crashed, if it runs."""
        if self._is_running():
            self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def restart(self) -> None:
        """Let the server crash and come back, and wait until it answers."""
        self.stop()
        self.start()

    def _is_running(self) -> bool:
        return (self._data / "postmaster.pid").exists()

    def _make(self) -> None:
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        secret = self.folder / "password"
        secret.write_text(self._password)
        self._run(
            *("initdb", "--username=tester", "--auth=scram-sha-256", "--no-sync"),
            *(f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8"),
            # Text sorts as people sort it, not by its bytes: a ledger must not mind.
            *("--locale-provider=icu", "--icu-locale=en-US"),
        )
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(
                f"port = {self.port}\n"
                "listen_addresses = '127.0.0.1'\n"
                "unix_socket_directories = ''\n"
            )

    def _run(self, program: str, *words: str) -> None:
        # Into a file: the server inherits where it goes, and would keep a pipe open.
        said = self.folder / "said"
        with said.open("w", encoding="utf-8") as file:
            ended = subprocess.run(  # noqa: S603 - a program of PostgreSQL's
                [self._programs / program, *words, f"--pgdata={self._data}"],
                check=False,
                cwd=self.folder,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        if ended.returncode:
            message = f"{program} {words} failed: {said.read_text(encoding='utf-8')}"
            raise RuntimeError(message)

    def _execute(self, statement: LiteralString) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def _url_of(self, database: str) -> str:
        return f"postgresql://tester:{self._password}@127.0.0.1:{self.port}/{database}"


class Redis(_Server):
    """A Redis that forgets everything when it stops."""

    def __init__(self) -> None:
        self._program = shutil.which("redis-server")
        if self._program is None:
            _absent("redis-server", "redis-server")
        super().__init__("redis")
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it is, for a client."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it answers."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(  # noqa: S603 - found by its own name
            [
                *(str(self._program), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--dir", str(self.folder), "--save", "", "--appendonly", "no"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if "eady to accept connections" in line:
                return
        message = f"redis-server ended: {''.join(said)}"
        raise RuntimeError(message)

    def stop(self) -> None:
        """Kill the server, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class _Told(_Server):
    """A server that says over HTTP when it is ready, and ends when it is told to."""

    ready = "/-/ready"

    def __init__(self, program: str | Path) -> None:
        name = Path(program).name
        found = shutil.which(program)
        if found is None:
            _absent(name, name)
        super().__init__(name)
        self._program = found
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, for a client."""
        return f"http://127.0.0.1:{self.port}"

    def words(self) -> list[str]:
        """Say what it is started with."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it answers."""
        if self._process is not None:
            return
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - found by its own name
                [self._program, *self.words()], stdout=log, stderr=log
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_text(encoding="utf-8")
                message = f"{self._program} did not start: {said}"
                raise RuntimeError(message)
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill the server, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}{self.ready}").is_success
        except httpx.TransportError:
            return False


class Prometheus(_Told):
    """
    A Prometheus that scrapes and evaluates every second.

    Args:
        targets: What is scraped, by job; `host:port` each.
        rules: A file of rules; None for none.
        alertmanager: Where alerts go, `host:port`.
    """

    def __init__(
        self,
        targets: Mapping[str, str],
        rules: Path | None = None,
        alertmanager: str | None = None,
    ) -> None:
        super().__init__("prometheus")
        told = [{"static_configs": [{"targets": [alertmanager]}]}]
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)] if rules else [],
            "alerting": {"alertmanagers": told if alertmanager else []},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]}
                for job, target in targets.items()
            ],
        }
        (self.folder / "settings.json").write_bytes(msgspec.json.encode(settings))

    def words(self) -> list[str]:
        """Say what it is started with; JSON is YAML."""
        return [
            f"--config.file={self.folder / 'settings.json'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            # Alerts of its first seconds are lost: it knows no Alertmanager yet.
            "--rules.alert.resend-delay=1s",
        ]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Evaluate PromQL, as of now."""
        reply = httpx.get(f"{self.url}/api/v1/query", params={"query": expression})
        answer = reply.json()
        if answer["status"] != "success":
            message = f"{expression}: {answer['error']}"
            raise ValueError(message)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


class Alertmanager(_Told):
    """
    An Alertmanager.

    Args:
        settings: Its configuration.
    """

    def __init__(self, settings: str) -> None:
        super().__init__("prometheus-alertmanager")
        (self.folder / "settings.yaml").write_text(settings, encoding="utf-8")

    def words(self) -> list[str]:
        """Say what it is started with."""
        return [
            f"--config.file={self.folder / 'settings.yaml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]


class ObjectStore(_Told):
    """An S3 server, moto's; what it holds it forgets when it stops."""

    ready = "/moto-api/"

    def __init__(self) -> None:
        super().__init__(environment("moto").with_name("moto_server"))
        self.secret = secrets.token_hex(16)

    def words(self) -> list[str]:
        """Say what it is started with."""
        return ["-H", "127.0.0.1", "-p", str(self.port)]

    @property
    def access(self) -> dict[str, str]:
        """What a client's environment has to say."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": self.secret,
        }

    def new_bucket(self, name: str | None = None) -> str:
        """Make an empty bucket, starting the server if it does not run; its URL."""
        self.start()
        name = name or f"test-{secrets.token_hex(6)}"
        httpx.put(f"{self.url}/{name}").raise_for_status()
        return f"s3://{name}"


def promtool() -> str:
    """Find Prometheus' own tool for rules."""
    found = shutil.which("promtool")
    if found is None:
        _absent("promtool", "prometheus")
    return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a PostgreSQL; databases in it are made with `new_database`."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """Give an S3 server; buckets in it are made with `new_bucket`."""
    with ObjectStore() as server:
        yield server


@pytest.fixture
def bucket(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give an empty bucket's URL, and an environment that may read and write it."""
    for name, value in object_store.access.items():
        monkeypatch.setenv(name, value)
    return object_store.new_bucket()


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """Give a Redis; what a test leaves in it, the next one finds."""
    with Redis() as server:
        yield server


def _programs_of_postgres() -> Path:
    """Find the newest PostgreSQL: Debian keeps its programs off the PATH."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    found = str(newest) if newest else shutil.which("pg_ctl")
    if found is None:
        _absent("PostgreSQL", "postgresql")
    return Path(found).parent


def _absent(server: str, package: str) -> NoReturn:
    """Skip the test that asks for a server that is not installed; fail it in CI."""
    message = f"no {server}; `apt-get install {package}` brings it"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    """Find a port of this machine that nobody listens on."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
