"""What only a server can do to a ledger: go away, come back, keep us waiting."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import make_url

from breakcast.errors import LedgerError
from breakcast.history import ledgerengine
from breakcast.history.events import Event
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import writing
from breakcast.history.ledgerrows import Appended
from tests.engines import Postgres
from tests.history.made_builds import ids, many_builds, started


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One of its own: the more databases a server has, the longer a crash takes it."""
    with Postgres() as own:
        yield own


@pytest.fixture
def place(server: Postgres) -> Iterator[str]:
    url = server.new_database()
    yield url
    server.drop_database(url)


def test_a_server_that_crashed_fails_one_call_and_then_serves_again(
    ledger: Ledger, server: Postgres
) -> None:
    ledger.append([started("before")])
    server.stop()
    with pytest.raises(LedgerError, match="refused") as told:
        ledger.append([started("away")])
    server.start()
    assert ledger.append([started("after")]) == Appended(new=1)
    assert ids(ledger) == ["before", "after"]
    assert "\n" not in str(told.value)
    assert (make_url(ledger.url).password or "none") not in str(told.value)


def test_a_crash_in_the_middle_of_a_transaction_leaves_nothing_of_it(
    ledger: Ledger, server: Postgres
) -> None:
    def batches() -> Iterator[list[Event]]:
        yield list(many_builds(500))
        server.restart()
        yield [started("late")]

    with pytest.raises(LedgerError, match="failed"):
        ledger.append_all(batches())
    assert ledger.position() == 0
    assert ledger.append([started()]) == Appended(new=1)


@pytest.mark.slow
def test_what_was_acknowledged_outlives_crashes_under_load_and_is_there_once(
    ledger: Ledger, server: Postgres
) -> None:
    """Eight threads append, each fact until it is taken; the server crashes thrice."""
    is_over = threading.Event()
    written = Counter[int]()
    failed = Counter[int]()

    def append_until_it_is_over(writer: int) -> list[str]:
        acknowledged: list[str] = []
        while not is_over.is_set():
            name = f"{writer}-{len(acknowledged)}"
            try:
                ledger.append([started(name)])
            except LedgerError:
                # As any client does, it is told again.
                failed[writer] += 1
            else:
                acknowledged.append(name)
                written[writer] += 1
        return acknowledged

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(append_until_it_is_over, n) for n in range(8)]
        for crash in range(3):
            enough = 8 * 20 * (crash + 1)
            while written.total() < enough:
                is_over.wait(0.01)
            server.restart()
        enough = written.total() + 200
        while written.total() < enough:
            is_over.wait(0.01)
        is_over.set()
        acknowledged = [name for call in calls for name in call.result()]

    kept = ids(ledger)
    assert failed.total() > 0
    assert len(kept) == len(set(kept))
    # What was written when the connection broke may be there, unacknowledged.
    assert set(acknowledged) <= set(kept)
    assert len(kept) - len(acknowledged) <= 8


def test_a_writer_that_waits_too_long_is_told_that_another_writes(
    ledger: Ledger, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = ledgerengine._TAKE_TURN.replace("30s", "50ms")  # noqa: SLF001 - half a minute is long
    monkeypatch.setattr(ledgerengine, "_TAKE_TURN", impatient)
    with Ledger.open(place) as other:
        with (
            writing(other.engine),
            pytest.raises(LedgerError, match=r"another process writes \(an import\?\)"),
        ):
            ledger.append([started()])
        assert ledger.append([started()]) == Appended(new=1)


def test_readers_do_not_wait_for_the_writer(ledger: Ledger) -> None:
    ledger.append([started()])
    with writing(ledger.engine):
        assert ids(ledger) == ["1"]


def test_a_url_may_name_its_driver_and_say_how_to_connect(place: str) -> None:
    words = place.replace("postgresql:", "postgresql+psycopg:")
    with Ledger.open(f"{words}?application_name=elsewhere") as ledger:
        with ledger.engine.connect() as connection:
            name = connection.exec_driver_sql("SHOW application_name").scalar()
        assert name == "elsewhere"


def test_a_wrong_password_is_told_without_it(place: str) -> None:
    password = make_url(place).password or ""
    with pytest.raises(LedgerError, match="password authentication failed") as told:
        Ledger.open(place.replace(password, f"{password}hunter2"))
    assert password not in str(told.value)
    assert "postgresql://tester:***@127.0.0.1" in str(told.value)


def test_a_database_that_is_not_there_is_told(place: str) -> None:
    with pytest.raises(LedgerError, match=r'database "nowhere" does not exist'):
        Ledger.open(f"{place.rpartition('/')[0]}/nowhere")
