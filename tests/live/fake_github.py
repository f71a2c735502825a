"""
A GitHub that behaves as documented, and misbehaves as experienced.

A real HTTP server on port 0: pages with Link headers, 1,000 results a search,
ETags, limits of both kinds, failures, answers that break off, and runs that
arrive while pages are read. Its clock is the test's: no test waits for a limit.
"""

import hashlib
import json
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

REPO = "acme/shop"
SEARCH_LIMIT = 1_000

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], Any]


class Clock:
    """A clock that stands still, but for those who sleep by it."""

    def __init__(self, at: datetime) -> None:
        self._at = at.timestamp()
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self._at

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._at += seconds
            self.slept.append(seconds)

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self._at, UTC)


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeGitHub:
    """
    What this GitHub holds, and how it behaves.

    Attributes:
        clock: What time it is.
        runs: Each run's attempts, oldest first, by the run's number.
        jobs: The jobs of an attempt, by run and number.
        files: What it answers about changes, by path below the repository.
        trouble: Called for each request; gives the name of a fault, or nothing.
        arriving: Runs that come in one by one while lists are read.
        tokens: Who may ask, and until when; if there are none, everybody may.
        routes: What else it answers, by method and path.
        asked: All requests so far.
        impatient: How many came while a limit was in force.
    """

    clock: Clock
    runs: dict[int, list[Json]] = field(default_factory=dict)
    jobs: dict[tuple[int, int], list[Json]] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)
    trouble: Callable[[], str | None] = lambda: None
    arriving: list[list[Json]] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    routes: dict[tuple[str, str], Callable[[Asked], Answer]] = field(
        default_factory=dict
    )
    asked: list[Asked] = field(default_factory=list)
    impatient: int = 0
    limited_until: float = 0.0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, attempts: list[Json]) -> None:
        self.runs[attempts[0]["id"]] = attempts

    def answer(self, asked: Asked) -> Answer:
        """Answer as documented."""
        route = self.routes.get((asked.method, asked.path))
        if route is not None:
            return route(asked)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens and self.tokens.get(token, 0.0) <= self.clock():
            return 401, {}, {"message": "Bad credentials"}
        return self._about_repository(asked)

    def _about_repository(self, asked: Asked) -> Answer:
        below = asked.path.removeprefix(f"/repos/{REPO}/")
        if below == "actions/runs":
            return self._list(asked)
        if asks := re.fullmatch(r"actions/runs/(\d+)/attempts/(\d+)(/jobs)?", below):
            return self._attempt(asked, int(asks[1]), int(asks[2]), bool(asks[3]))
        if below in self.files:
            listed = self.files[below]
            if isinstance(listed, list):
                return self._page(asked, listed, None, len(listed))
            return 200, {}, listed
        return _NOT_FOUND

    def _attempt(self, asked: Asked, run: int, number: int, jobs: bool) -> Answer:  # noqa: FBT001
        if run not in self.runs or number > len(self.runs[run]):
            return _NOT_FOUND
        if jobs:
            listed = self.jobs.get((run, number), [])
            return self._page(asked, listed, "jobs", len(listed))
        return 200, {}, self.runs[run][number - 1]

    def _list(self, asked: Asked) -> Answer:
        runs = [attempts[-1] for attempts in self.runs.values()]
        cap = len(runs)
        if created := asked.query.get("created"):
            since, until = created.split("..")
            # Both are in one form, so that text sorts as time does.
            runs = [run for run in runs if since <= run["created_at"] <= until]
            cap = SEARCH_LIMIT
        runs.sort(key=lambda run: (run["created_at"], run["id"]), reverse=True)
        answer = self._page(asked, runs[:cap], "workflow_runs", len(runs))
        if self.arriving:
            self.add(self.arriving.pop())
        return answer

    def _page(
        self, asked: Asked, entries: list[Json], name: str | None, total: int
    ) -> Answer:
        size = int(asked.query.get("per_page", 30))
        page = int(asked.query.get("page", 1))
        shown = entries[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(entries):
            query = urlencode({**asked.query, "page": str(page + 1)})
            headers["Link"] = (
                f'<{self.url}{asked.path}?{query}>; rel="next", '
                f'<{self.url}{asked.path}>; rel="first"'
            )
        body: Any = shown if name is None else {"total_count": total, name: shown}
        return 200, headers, body


@contextmanager
def running(github: FakeGitHub) -> Iterator[FakeGitHub]:
    """Serve on a port of its own until the block ends."""

    class Handler(_Handler):
        fake = github

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    github.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeGitHub
    protocol_version = "HTTP/1.1"
    # A header and a body in two packets wait for each other otherwise.
    wbufsize = -1
    # A client that keeps its connection does not keep the server from ending.
    timeout = 5

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        github = self.fake
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent = self.rfile.read(int(headers.get("content-length", 0)))
        asked = Asked(self.command, parts.path, query, headers, sent)
        with github.lock:
            github.asked.append(asked)
            github.impatient += github.clock() < github.limited_until
            fault = github.trouble()
            if fault in _REFUSALS:
                status, more, body = _REFUSALS[fault](github)
            else:
                status, more, body = github.answer(asked)
        raw = json.dumps(body).encode()
        etag = f'W/"{hashlib.sha256(raw).hexdigest()}"'
        if status == 200 and headers.get("if-none-match") == etag:
            status, raw = 304, b""
        elif status == 200:
            more = {**more, "ETag": etag}
        self._write(status, more, raw, fault)

    def _write(
        self, status: int, headers: dict[str, str], raw: bytes, fault: str | None
    ) -> None:
        if fault == "half JSON":
            raw = raw[: len(raw) // 2]
        if fault != "silence":
            self.send_response_only(status)
            self.send_header("Date", formatdate(self.fake.clock(), usegmt=True))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw[: len(raw) // 2] if fault == "broken off" else raw)
            self.wfile.flush()
        if fault in {"silence", "broken off"}:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


_NOT_FOUND: Answer = (404, {}, {"message": "Not Found"})


def _primary(status: int) -> Callable[[FakeGitHub], Answer]:
    def refused(github: FakeGitHub) -> Answer:
        github.limited_until = github.clock() + 600
        headers = {
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(int(github.limited_until)),
        }
        return status, headers, {"message": "API rate limit exceeded"}

    return refused


def _secondary(
    headers: dict[str, str], seconds: float
) -> Callable[[FakeGitHub], Answer]:
    def refused(github: FakeGitHub) -> Answer:
        github.limited_until = github.clock() + seconds
        return 403, headers, {"message": "You have exceeded a secondary rate limit."}

    return refused


LIMITS: dict[str, Callable[[FakeGitHub], Answer]] = {
    "403 primary": _primary(403),
    "429 primary": _primary(429),
    "403 secondary": _secondary({"retry-after": "90"}, 90),
    "403 secondary, untold": _secondary({}, 60),
}
"""Every way in which GitHub says that it is enough."""

_REFUSALS: dict[str | None, Callable[[FakeGitHub], Answer]] = {
    **LIMITS,
    "500": lambda _: (500, {}, {"message": "Server Error"}),
    "502": lambda _: (502, {}, "<html>"),
    "503": lambda _: (503, {}, {}),
}

BREAKAGES = ("500", "502", "503", "silence", "half JSON", "broken off")
"""Every way in which an answer breaks."""


def now_and_then(seed: int, share: float) -> Callable[[], str | None]:
    """Make trouble of every kind, for a share of all requests."""
    chance = random.Random(seed)  # noqa: S311 - a made-up history
    faults = (*LIMITS, *BREAKAGES)
    return lambda: chance.choice(faults) if chance.random() < share else None


def in_turn(*faults: str | None) -> Callable[[], str | None]:
    """Make these troubles one after the other, and then no more."""
    rest = list(faults)
    return lambda: rest.pop(0) if rest else None
