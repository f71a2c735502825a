"""
The mission, from end to end, on real processes: `make mission` tells it as it goes.

Build events arrive, what makes builds fail changes, the DAG runs, a retrained model
passes the gate and is promoted, the running server answers by it without a failed
request; and a rollback is served within seconds.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from msgspec.structs import replace

from breakcast.history.events import BuildFinished, BuildStarted
from tests.deploy.dag_runs import Airflow
from tests.live.deliveries import SECRET, run_payload, signed
from tests.retraining.made_renewals import made_history
from tests.serving.served import HEADLINE, NAME, PREDICT, serving, wait_for

COMMAND = Path(sys.executable).with_name("breakcast")
REPOS = 24
"""The gate draws repository-days, and here all is one day."""
HISTORY_DAYS = 30
LIVE_DAYS = 20
TOGETHER = 120
ROLLBACK_SECONDS = 5.0


def test_a_changed_world_is_learnt_without_a_failed_request(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = {
        "BREAKCAST_HOME": str(home),
        "BREAKCAST_GITHUB_SECRETS": json.dumps([SECRET]),
        "BREAKCAST_WORKERS": "1",
        # All that is new has come within a minute.
        "BREAKCAST_GATE_DAYS": "0",
        "BREAKCAST_COMMAND": str(COMMAND),
    }
    os.environ.update(settings)
    try:
        _mission(tmp_path, home, settings)
    finally:
        for name in settings:
            del os.environ[name]


def _mission(folder: Path, home: Path, settings: dict[str, str]) -> None:
    tell("A history is imported, a model trained and promoted.")
    first = datetime.now(UTC) - timedelta(days=HISTORY_DAYS + 1)
    history = folder / "builds.csv"
    write_builds(history, made_history(days=HISTORY_DAYS, first=first, repos=REPOS))
    breakcast("import", history)
    breakcast("train")
    breakcast("promote", "v1.0")
    airflow = Airflow(folder / "airflow")

    with (
        serving(home=home) as served,
        worker() as worked,
        asking(served.url) as asked,
    ):
        tell("Builds start and end; pushes fail now, not pull requests.")
        live = made_history(0, days=LIVE_DAYS, repos=REPOS, seed=1)
        for builds in rounds(live):
            for start, _ in builds:
                deliver(served.url, run_payload(start))
            worked.wait(len(builds))
            for start, finish in builds:
                deliver(served.url, run_payload(start, finish))

        tell("The DAG runs.")
        began = time.monotonic()
        run = airflow.test_dag("2026-07-01", **settings)
        tell(f"It took {time.monotonic() - began:.0f} s.")
        assert set(run.tasks.values()) == {"success"}, run.log
        assert "labels" in run.said["check_drift"]["triggers"]
        assert run.said["retrain_model"]["candidate"] == "v1.1"
        verdict = run.said["validate_and_deploy"]
        assert (verdict["action"], verdict["seq"]) == ("promote", 2)

        wait_for(lambda: version_of(served.url) == "v1.1", "v1.1 to answer")
        tell(f"v1.1 answers: {curl(served.url)}")
        assert curl(served.url)["predictions"]

        breakcast("rollback", "--reason", "to see how long it takes")
        decided = time.monotonic()
        wait_for(lambda: version_of(served.url) == "v1.0", "v1.0 to answer again")
        took = time.monotonic() - decided
        tell(f"Rolled back; v1.0 answers after {took:.1f} s.")
        assert took <= ROLLBACK_SECONDS

    tell(f"Requests meanwhile, by status: {dict(asked)}.")
    assert set(asked) == {200}
    assert asked[200] > 100
    log = json.loads(breakcast("models", "--json"))
    assert (log["current"]["action"], log["current"]["champion"]) == (
        "rollback",
        "v1.0",
    )


def tell(what: str) -> None:
    """Tell the story to whoever runs this by `make mission`."""
    sys.stdout.write(f"[{datetime.now(UTC):%H:%M:%S}] {what}\n")


def breakcast(*words: str | Path) -> str:
    ended = subprocess.run(  # noqa: S603 - our own command
        [COMMAND, *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def write_builds(file: Path, facts: list[BuildStarted | BuildFinished]) -> None:
    """Write a history as a builds file."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = csv.writer(opened)
        rows.writerow(
            [
                *("source", "repo", "pipeline", "build_id", "branch", "event"),
                *("commit_sha", "started_at", "finished_at", "outcome"),
            ]
        )
        for start, finish in pairs(facts):
            build = start.build
            rows.writerow(
                [
                    *(build.key.source, build.key.repo, build.key.pipeline),
                    *(build.key.build_id, build.branch, build.event, build.commit_sha),
                    *(start.occurred_at.isoformat(), finish.occurred_at.isoformat()),
                    finish.outcome,
                ]
            )


def pairs(
    facts: list[BuildStarted | BuildFinished],
) -> list[tuple[BuildStarted, BuildFinished]]:
    starts = [one for one in facts if isinstance(one, BuildStarted)]
    finishes = [one for one in facts if isinstance(one, BuildFinished)]
    return list(zip(starts, finishes, strict=True))


def rounds(
    facts: list[BuildStarted | BuildFinished],
) -> Iterator[list[tuple[BuildStarted, BuildFinished]]]:
    """Give builds some at a time, as if they started now."""
    builds = pairs(facts)
    for at in range(0, len(builds), TOGETHER):
        now = datetime.now(UTC)
        yield [
            (replace(start, occurred_at=now), replace(finish, occurred_at=now))
            for start, finish in builds[at : at + TOGETHER]
        ]


def deliver(url: str, body: bytes) -> None:
    reply = CLIENT.post(
        f"{url}/webhooks/github", content=body, headers=signed(body, "workflow_run")
    )
    assert reply.is_success, reply.text


CLIENT = httpx.Client(timeout=30)


class Worker:
    """A worker, and how many builds it has answered."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [COMMAND, "worker"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answered = 0
        self._seen = 0
        self._reader = threading.Thread(target=self._count, daemon=True)
        self._reader.start()

    def wait(self, builds: int) -> None:
        """Wait until so many more builds are answered."""
        self._seen += builds
        wait_for(lambda: self._answered >= self._seen, "the worker to answer")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _count(self) -> None:
        if self.process.stdout is not None:
            for _ in self.process.stdout:
                self._answered += 1


@contextmanager
def worker() -> Iterator[Worker]:
    running = Worker()
    try:
        yield running
    finally:
        running.end()


@contextmanager
def asking(url: str) -> Iterator[Counter[int]]:
    """Ask for a forecast again and again; gives the answers' statuses."""
    statuses: Counter[int] = Counter()
    is_over = threading.Event()

    def ask() -> None:
        with httpx.Client() as client:
            while not is_over.wait(0.05):
                try:
                    reply = client.post(f"{url}{PREDICT}", json=HEADLINE)
                    statuses[reply.status_code] += 1
                except httpx.TransportError:
                    statuses[0] += 1

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield statuses
    finally:
        is_over.set()
        thread.join()


def version_of(url: str) -> str:
    version: str = httpx.get(f"{url}/v2/models/{NAME}").json()["versions"][0]
    return version


def curl(url: str) -> dict[str, list[float]]:
    """Ask as the specification does, word for word."""
    program = shutil.which("curl")
    assert program is not None
    said = subprocess.run(  # noqa: S603 - curl
        [
            *(program, "-sS", "--fail", "-X", "POST"),
            f"{url}/v1/models/{NAME}:predict",
            *("-d", '{"instances": [[0.5, 0.3, 0.8, 0.2]]}'),
            *("-H", "Content-Type: application/json"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, list[float]] = json.loads(said.stdout)
    return answer
