"""Whole answers from a Feast server on Redis, also while Redis is away."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from breakcast import wiring
from breakcast.adapters.feast.client import FeatureServer
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Change,
    Outcome,
)
from breakcast.history.ledger import Ledger, Receipt
from breakcast.live.answers import AnswerKeeper
from breakcast.live.publishing import Publisher
from breakcast.live.worker import Worker
from breakcast.serving.predictor import Models
from tests.adapters.feast.conftest import Online
from tests.live.shop import Shown
from tests.serving.made_servers import bundle_folder, made_bundle
from tests.serving.served import PREDICT, Served, serving, wait_for

pytestmark = pytest.mark.slow

RATE = 50
PATHS = tuple(f"src/module{n}/file{n}.py" for n in range(32))
QUESTION = {
    "instances": [
        {
            "repo": "acme/shop",
            "pipeline": "ci.yml",
            "branch": "main",
            "event": "push",
            "commit_sha": "c7",
            "changed_paths": ";".join(PATHS),
        }
    ]
}
PATIENCE_SECONDS = 60.0


class Answered(NamedTuple):
    """One answer: when it was asked for, its status, whether it was degraded."""

    at: float
    status: int
    is_degraded: bool


class Asking:
    """Asks at a steady rate, in a thread, until told to end."""

    def __init__(self, url: str) -> None:
        self.answers: list[Answered] = []
        self._url = url
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()

    def since(self, moment: float) -> list[Answered]:
        return [one for one in self.answers if one.at >= moment]

    def end(self) -> None:
        self._ending.set()
        self._thread.join()

    async def _run(self) -> None:
        began = time.monotonic()
        async with (
            httpx.AsyncClient(base_url=self._url, timeout=30) as client,
            asyncio.TaskGroup() as group,
        ):
            number = 0
            while not self._ending.is_set():
                number += 1
                await asyncio.sleep(max(0, began + number / RATE - time.monotonic()))
                group.create_task(self._ask(client))

    async def _ask(self, client: httpx.AsyncClient) -> None:
        at = time.monotonic()
        answer = await client.post(PREDICT, json=QUESTION)
        (said,) = answer.json()["predictions"]
        self.answers.append(Answered(at, answer.status_code, said["degraded"]))


def history(ledger: Ledger) -> None:
    """Receive a few builds that touched the files asked about."""
    for number in range(8):
        key = BuildKey("github", "acme/shop", "ci.yml", str(number))
        now = wiring.now()
        build = Build(
            key,
            branch="main",
            event="push",
            commit_sha=f"c{number}",
            change=Change(paths=PATHS),
        )
        end = Outcome.FAILED if number % 2 else Outcome.PASSED
        for fact in (
            BuildStarted(build, occurred_at=now),
            BuildFinished(key, end, occurred_at=now),
        ):
            assert ledger.receive([Receipt([fact], now)]) == [1]


@contextmanager
def following(ledger: Ledger, url: str) -> Iterator[Callable[[], int]]:
    """A worker that follows the ledger and publishes, in a thread."""
    with closing(FeatureServer(url)) as store:
        worker = Worker(
            ledger,
            "one",
            keeper=AnswerKeeper(ledger, Shown()),
            models=lambda: Models(made_bundle()),
            publisher=Publisher(store),
            changes=None,
            now=wiring.now,
        )
        ending = threading.Event()

        def follow() -> None:
            while not ending.wait(0.1):
                worker.step()

        thread = threading.Thread(target=follow)
        thread.start()
        yield worker.step
        ending.set()
        thread.join()


def explained(server: Served) -> set[str]:
    answer = httpx.post(
        server.url + PREDICT.replace(":predict", ":explain"), json=QUESTION
    )
    (said,) = answer.json()["explanations"]
    return set(said["features"])


def is_fresh(server: Served) -> Callable[[], bool]:
    """Whether answers are from records, and not degraded."""

    def look() -> bool:
        answer = httpx.post(server.url + PREDICT, json=QUESTION)
        return not answer.json()["predictions"][0]["degraded"]

    return look


def test_no_answer_fails_while_redis_is_away_and_all_are_degraded(
    online: Online, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with (
        Ledger.open(home / "ledger.db") as ledger,
        serving(
            *("--model-dir", str(bundle_folder())),
            *("--store", online.server.url),
            home=home,
        ) as server,
        following(ledger, online.server.url),
    ):
        history(ledger)
        wait_for(is_fresh(server), "the first records")
        wait_for(
            lambda: "path.red_ratio_mean" in explained(server), "records of the files"
        )
        asking = Asking(server.url)
        try:
            time.sleep(2)
            gone = time.monotonic()
            online.redis.stop()
            stopped = time.monotonic()
            time.sleep(3)
            back = time.monotonic()
            online.redis.start()
            wait_for(is_fresh(server), "fresh answers again")
            recovered = time.monotonic()
            time.sleep(2)
        finally:
            asking.end()

    answers = asking.answers
    away = [one for one in answers if stopped <= one.at < back]
    assert {one.status for one in answers} == {200}
    assert len(away) > 100
    assert all(one.is_degraded for one in away)
    before = [one for one in answers if one.at < gone - 0.5]
    assert not all(one.is_degraded for one in before)
    after = asking.since(recovered)
    assert sum(one.is_degraded for one in after) < len(after) / 2
