"""PostgreSQL crashes while deliveries come in: what was acknowledged is there, once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from sqlalchemy import select

from breakcast.history.events import Build, BuildKey, BuildStarted
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerschema import DELIVERIES
from tests.engines import Postgres
from tests.live.deliveries import SECRET, run_payload, signed
from tests.serving.served import serving

pytestmark = pytest.mark.slow

DELIVERIES_SENT = 600
CRASHES = 3
AT_ONCE = 8
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Sender:
    """Delivers builds until each is acknowledged; a delivery keeps its name."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=60)
        self.refused = 0
        self.done = 0
        self.moved = threading.Condition()

    def deliver(self, number: int) -> str:
        key = BuildKey("github", f"acme/shop{number % 5}", "ci.yml", str(number))
        start = BuildStarted(Build(key), occurred_at=NOON + timedelta(seconds=number))
        body = run_payload(start)
        headers = signed(body, "workflow_run", delivery=f"delivery-{number}")
        while True:
            answer = self.client.post("/webhooks/github", content=body, headers=headers)
            if answer.status_code == 202:
                break
            assert answer.status_code == 503, answer.text
            assert "deliver it again" in answer.json()["error"]
            self.refused += 1
        with self.moved:
            self.done += 1
            self.moved.notify_all()
        return str(number)

    def wait_for(self, count: int) -> None:
        with self.moved:
            assert self.moved.wait_for(lambda: self.done >= count, timeout=120)


@pytest.fixture
def place(postgres: Postgres) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


def test_what_was_acknowledged_is_there_once(
    postgres: Postgres,
    place: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BREAKCAST_LEDGER", place)
    monkeypatch.setenv(
        "BREAKCAST_GITHUB_SECRETS", msgspec.json.encode([SECRET]).decode()
    )
    Ledger.open(place).close()
    home = tmp_path_factory.mktemp("home")
    with (
        serving("--roles", "ingest", home=home) as server,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        sender = Sender(server.url)
        sent = [threads.submit(sender.deliver, n) for n in range(DELIVERIES_SENT)]
        for crash in range(1, CRASHES + 1):
            sender.wait_for(DELIVERIES_SENT * crash // (CRASHES + 1))
            postgres.restart()
        acknowledged = {one.result() for one in sent}
        sender.client.close()

    with Ledger.open(place) as ledger, ledger.engine.connect() as connection:
        kept = list(connection.scalars(select(DELIVERIES.c.delivery)))
        facts = list(ledger)
    assert len(acknowledged) == DELIVERIES_SENT
    assert sorted(kept) == sorted(f"delivery-{number}" for number in acknowledged)
    assert sorted(fact.key.build_id for fact in facts) == sorted(acknowledged)
    assert sorted(fact.known_at for fact in facts) == sorted(
        {fact.known_at for fact in facts}
    )
