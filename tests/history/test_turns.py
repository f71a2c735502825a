"""One at a time has a turn, and a plan once made is kept."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from breakcast.errors import Fenced, LedgerError
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import writing
from breakcast.history.runs import Runs
from breakcast.history.turns import Turn

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Clock:
    """Tells the time it is set to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def turn(place: str, clock: Clock, patience: float = 0.0) -> tuple[Ledger, Turn]:
    ledger = Ledger.open(place)
    return ledger, Turn(ledger, "renewal", clock, patience_seconds=patience)


def test_while_one_has_it_nobody_else_gets_it(place: str, clock: Clock) -> None:
    one_ledger, one = turn(place, clock)
    two_ledger, two = turn(place, clock)
    with (
        one_ledger,
        two_ledger,
        one,
        pytest.raises(LedgerError, match="another process has the turn to do the"),
        two,
    ):
        pytest.fail("both have it")
    assert one.epoch == 1


def test_one_that_waits_gets_it_when_the_other_ends(place: str, clock: Clock) -> None:
    one_ledger, one = turn(place, clock)
    two_ledger, two = turn(place, clock, patience=30.0)
    entered = threading.Event()

    def wait() -> None:
        with two:
            entered.set()

    with one_ledger, two_ledger:
        with one:
            waiting = threading.Thread(target=wait)
            waiting.start()
            assert not entered.is_set()
        waiting.join(30)

    assert entered.is_set()
    assert two.epoch == 2


def test_a_dead_holder_keeps_it_for_a_while_and_cannot_write_afterwards(
    place: str, clock: Clock
) -> None:
    one_ledger, one = turn(place, clock)
    two_ledger, two = turn(place, clock)
    # It does not renew its turn within the seconds that this test takes.
    with one_ledger, two_ledger, one:
        clock.now += timedelta(seconds=61)
        with two, writing(one_ledger.engine) as connection:
            two.check(connection)
            with pytest.raises(Fenced, match="another process's by now"):
                one.check(connection)


def test_who_is_fenced_keeps_nothing(place: str, clock: Clock) -> None:
    one_ledger, one = turn(place, clock)
    two_ledger, two = turn(place, clock)
    with one_ledger, two_ledger, one:
        runs = Runs(one_ledger, one.check)
        runs.begin("nightly", "retrain", NOON, lambda: b"plan")
        clock.now += timedelta(seconds=61)
        with two, pytest.raises(Fenced):
            runs.end("nightly", "retrain", NOON, b"result")
        assert runs.result("nightly", "retrain") is None


def test_results_are_read_by_step_and_time(place: str) -> None:
    with Ledger.open(place) as ledger:
        runs = Runs(ledger)
        for day in range(3):
            at = NOON + timedelta(days=day)
            for step in ("check-drift", "retrain"):
                runs.begin(f"run {day}", step, at, lambda: b"plan")
                runs.end(f"run {day}", step, at, f"{step} {day}".encode())
        runs.begin("run 9", "check-drift", NOON, lambda: b"plan")

        found = runs.results_since("check-drift", NOON + timedelta(days=1))

    assert found == [("run 2", b"check-drift 2"), ("run 1", b"check-drift 1")]
