"""Calls at the same time share commits, and fail each for itself."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, event

from breakcast.errors import LedgerError
from breakcast.history.events import BuildStarted, Event
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import writing
from breakcast.history.ledgerrows import Appended
from tests.history.made_builds import ids, many_builds, started

SPOILED = started("spoiled")
"""A fact that a database with the triggers below refuses."""

TRIGGERS = {
    "sqlite": """
        CREATE TRIGGER spoil BEFORE INSERT ON events WHEN NEW.build_id = 'spoiled'
        BEGIN SELECT RAISE(ABORT, 'it is spoiled'); END
        """,
    "postgresql": """
        CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'it is spoiled'; END $$;
        CREATE TRIGGER spoil BEFORE INSERT ON events FOR EACH ROW
        WHEN (NEW.build_id = 'spoiled') EXECUTE FUNCTION spoil()
        """,
}


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
    with writing(ledger.engine) as connection:
        connection.exec_driver_sql(TRIGGERS[connection.dialect.name])
    held = Held(ledger)
    with ThreadPoolExecutor(3) as threads:
        before = threads.submit(ledger.append, [started("before")])
        spoiled = threads.submit(ledger.append, [started("lost"), SPOILED])
        after = threads.submit(ledger.append, [started("after")])
        wait_for(ledger, 3)
        held.let_go()
        assert before.result() == after.result() == Appended(new=1)
        with pytest.raises(LedgerError, match="it is spoiled"):
            spoiled.result()
    assert {fact.key.build_id for fact in ledger} == {"before", "after"}


def test_what_append_reports_others_see_when_it_returns(ledger: Ledger) -> None:
    ledger.append([started()])
    with Ledger.open(ledger.url) as other:
        assert list(other) == [started()]


def test_whoever_follows_by_position_misses_nothing(ledger: Ledger) -> None:
    """Writers that do not know of each other, and a reader that goes on and on."""
    facts = [started(f"{writer}-{n}") for writer in range(4) for n in range(50)]
    seen: list[str] = []

    def write(mine: list[BuildStarted]) -> None:
        with Ledger.open(ledger.url) as own:
            for fact in mine:
                own.append([fact])

    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(write, facts[n : n + 50]) for n in range(0, 200, 50)]
        at, goes_on = 0, True
        while goes_on:
            goes_on = not all(call.done() for call in calls)
            until = ledger.position()
            seen += ids(ledger.events("acme", after=at, until=until))
            at = until
    assert [call.result() for call in calls] == [None] * 4
    assert sorted(seen) == sorted(ids(facts))


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
