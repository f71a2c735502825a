"""`breakcast worker --once`: what is there is learnt, published and answered."""

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from breakcast import wiring
from breakcast.features.records import shard_key
from breakcast.features.store import PULSES, shard_of
from breakcast.history.events import Build, BuildKey, BuildStarted
from breakcast.history.ledger import Receipt
from breakcast.settings import Settings
from tests.cli.conftest import Command
from tests.serving.made_servers import bundle_folder, made_bundle

KEY = BuildKey("github", "acme/shop", "ci.yml", "8812")


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def home(here: Path) -> Settings:
    """A home with a champion, in whose ledger a build has just started."""
    settings = Settings(home=here / ".breakcast")
    registry = wiring.open_registry(settings)
    version = registry.publish(bundle_folder())
    registry.promote(version, actor="test", reason="test", at=wiring.now())
    now = wiring.now()
    with wiring.open_ledger(settings) as ledger:
        fact = BuildStarted(Build(KEY, commit_sha="c0ffee"), occurred_at=now)
        assert ledger.receive([Receipt([fact], now)]) == [1]
    return settings


def test_each_answer_is_a_line_of_json(breakcast: Command, home: Settings) -> None:
    first = breakcast("worker", "--once")
    again = breakcast("worker", "--once")

    (line,) = first.out.splitlines()
    said = msgspec.json.decode(line)
    assert (first.code, said["repo"], said["build_id"]) == (0, "acme/shop", "8812")
    assert 0 <= said["probability"] <= 1
    assert (said["refined"], said["degraded"]) == (False, False)
    assert (again.code, again.out) == (0, "")
    assert home.home.exists()


def test_records_are_published_where_it_is_told(
    breakcast: Command, home: Settings, here: Path
) -> None:
    assert breakcast("worker", "--once", "--store", "records.db").code == 0

    assert home.home.exists()
    store = wiring.open_store(str(here / "records.db"))
    shard = shard_key(shard_of("acme"), made_bundle().catalog)
    found = store.read({"tracks": ["acme\x1facme/shop"], PULSES: [shard]})
    store.close()
    assert found["tracks"]
    assert found[PULSES]


def test_signals_mean_afterwards_what_they_meant_before(
    breakcast: Command, here: Path
) -> None:
    former = signal.getsignal(signal.SIGTERM)

    assert breakcast("worker", "--once").code == 0

    assert here.exists()
    assert signal.getsignal(signal.SIGTERM) is former


def test_a_store_that_cannot_be_opened_is_told(breakcast: Command, here: Path) -> None:
    (here / "records.db").write_text("no database, but long enough to be none" * 30)

    ran = breakcast("worker", "--once", "--store", "records.db")

    assert ran.code == 1
    assert "remove it and publish the records again" in " ".join(ran.err.split())
