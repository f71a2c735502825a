"""Calls at the same time share commits, and fail each for itself."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from breakcast.history.events import Build, BuildKey, BuildStarted, Event
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerrows import Appended
from tests.history.made_builds import NOON, ids, many_builds, started

UNSTORABLE = BuildStarted(
    occurred_at=NOON, build=Build(BuildKey("file", "acme/shop", "ci", "x", 2**63))
)
"""Its attempt does not fit any database's integers."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


@pytest.fixture
def commits() -> Iterator[list[object]]:
    """Every commit that is about to be, of any ledger."""
    seen: list[object] = []
    notice = seen.append
    event.listen(Engine, "commit", notice)
    yield seen
    event.remove(Engine, "commit", notice)


class Held:
    """A ledger whose turn is taken, until it is let go."""

    def __init__(self, ledger: Ledger) -> None:
        self._begun = threading.Event()
        self._go_on = threading.Event()
        self._thread = threading.Thread(target=ledger.append_all, args=[self._wait()])
        self._thread.start()
        self._begun.wait()

    def _wait(self) -> Iterator[list[Event]]:
        self._begun.set()
        self._go_on.wait()
        yield []

    def let_go(self) -> None:
        self._go_on.set()
        self._thread.join()


def wait_for(ledger: Ledger, calls: int) -> None:
    while len(ledger._waiting) < calls:  # noqa: SLF001 - nothing else can tell
        threading.Event().wait(0.001)


def test_facts_from_many_threads_are_all_kept_once(ledger: Ledger) -> None:
    facts = list(many_builds(100))
    with ThreadPoolExecutor(8) as threads:
        calls = [facts[n : n + 3] for n in range(len(facts) - 2)]
        told = list(threads.map(ledger.append, calls))
    assert sum(appended.new for appended in told) == len(facts)
    assert sum(appended.identical for appended in told) == 3 * len(calls) - len(facts)
    assert list(ledger.events("acme")) == facts


def test_calls_that_wait_are_committed_together(
    ledger: Ledger, commits: list[object]
) -> None:
    held = Held(ledger)
    with ThreadPoolExecutor(20) as threads:
        calls = [threads.submit(ledger.append, [started(str(n))]) for n in range(20)]
        wait_for(ledger, 20)
        held.let_go()
        assert [call.result() for call in calls] == [Appended(new=1)] * 20
    # The holder's own, and one for the twenty.
    assert len(commits) == 2


def test_a_call_that_fails_does_not_take_others_with_it(ledger: Ledger) -> None:
    held = Held(ledger)
    with ThreadPoolExecutor(3) as threads:
        before = threads.submit(ledger.append, [started("before")])
        spoiled = threads.submit(ledger.append, [started("lost"), UNSTORABLE])
        after = threads.submit(ledger.append, [started("after")])
        wait_for(ledger, 3)
        held.let_go()
        assert before.result() == after.result() == Appended(new=1)
        with pytest.raises(OverflowError):
            spoiled.result()
    assert {fact.key.build_id for fact in ledger} == {"before", "after"}


def test_what_append_reports_is_on_disk_when_it_returns(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.append([started()])
    other = sqlite3.connect(tmp_path / "ledger.db")
    assert other.execute("SELECT count(*) FROM events").fetchone() == (1,)
    other.close()


def test_an_interrupted_writer_leaves_the_others_facts_to_the_next(
    ledger: Ledger, commits: list[object]
) -> None:
    """Ctrl-C in the thread that writes for all loses nobody else's facts."""
    held = Held(ledger)

    def interrupt_the_second(_connection: object) -> None:
        if len(commits) == 2:
            raise KeyboardInterrupt

    event.listen(Engine, "commit", interrupt_the_second)
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(ledger.append, [started(str(n))]) for n in range(3)]
        wait_for(ledger, 3)
        held.let_go()
        errors = [call.exception() for call in calls]
    event.remove(Engine, "commit", interrupt_the_second)
    assert sorted(map(type, errors), key=str) == [KeyboardInterrupt, *[type(None)] * 2]
    assert sorted(ids(ledger)) == ["0", "1", "2"]
