"""The ledger keeps every fact once and gives them back in fold order."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import update

from breakcast.errors import LedgerError
from breakcast.history.events import (
    Cause,
    CauseSettled,
    Change,
    ChangeSeen,
    Event,
    Outcome,
    PredictionShown,
)
from breakcast.history.ledger import Ledger, News
from breakcast.history.ledgerengine import writing
from breakcast.history.ledgerrows import Appended
from breakcast.history.ledgerschema import EVENTS
from breakcast.history.replay import replay
from tests.history.made_builds import NOON, finished, ids, many_builds, started


def every_kind(build_id: str) -> list[Event]:
    """One fact of each kind, all known at noon, in fold order."""
    start = started(build_id)
    return [
        start,
        ChangeSeen(occurred_at=NOON, key=start.key, change=Change(paths=("a.py",))),
        PredictionShown(
            occurred_at=NOON, key=start.key, probability=0.25, model_version="v1.0"
        ),
        finished(build_id, minutes=0, outcome=Outcome.FAILED),
        CauseSettled(occurred_at=NOON, key=start.key, cause=Cause.FLAKY),
    ]


def test_facts_of_every_kind_come_back_equal(ledger: Ledger) -> None:
    facts = every_kind("1")
    ledger.append(facts)
    assert list(ledger.events("acme")) == facts


def test_at_one_instant_questions_come_before_answers(ledger: Ledger) -> None:
    first, second = every_kind("1"), every_kind("2")
    ledger.append([*reversed(first), *reversed(second)])
    assert list(ledger.events("acme")) == [
        fact for pair in zip(first, second, strict=True) for fact in pair
    ]


def test_facts_come_by_when_they_were_known_not_by_when_they_happened(
    ledger: Ledger,
) -> None:
    told_late = started("late", minutes=0, received_at=NOON + timedelta(hours=1))
    told_in_time = started("early", minutes=30)
    ledger.append([told_late, told_in_time])
    assert ids(ledger.events("acme")) == ["early", "late"]


def test_the_order_of_events_is_that_of_replay(ledger: Ledger) -> None:
    facts = [
        *(started(str(n), minutes=n % 7) for n in range(50)),
        *(finished(str(n), minutes=n % 5) for n in range(50)),
    ]
    ledger.append(facts)
    assert list(ledger.events("acme")) == list(replay(facts))


def test_organisations_do_not_see_each_other(ledger: Ledger) -> None:
    ledger.append([started("1"), started("2", repo="acme/web"), started(repo="zoo")])
    assert ledger.organisations() == {"acme": 2, "zoo": 1}
    assert ids(ledger.events("acme")) == ["1", "2"]
    assert ids(ledger.events("zoo")) == ["1"]
    assert list(ledger.events("acm")) == []


def test_organisations_come_in_the_order_of_their_letters(ledger: Ledger) -> None:
    """A database may sort as people do: ä beside a, capitals beside small ones."""
    names = ["Zoo", "acme", "acme-web", "acme.io", "acme1", "zoo", "ångström"]
    ledger.append(started(repo=name) for name in reversed(names))
    assert list(ledger.organisations()) == names
    assert [event.key.repo for event in ledger] == names


def test_iterating_reads_all_organisations(ledger: Ledger) -> None:
    ledger.append([started(repo="zoo"), started(), finished()])
    assert [event.key.repo for event in ledger] == ["acme/shop", "acme/shop", "zoo"]


def test_a_fact_told_again_changes_nothing(ledger: Ledger) -> None:
    facts = list(many_builds(3))
    assert ledger.append(facts) == Appended(new=6)
    position = ledger.position()
    assert ledger.append(facts) == Appended(identical=6)
    assert list(ledger.events("acme")) == facts
    assert ledger.position() == position


def test_a_fact_told_twice_in_one_call_counts_once(ledger: Ledger) -> None:
    assert ledger.append([started(), finished(), started()]) == Appended(
        new=2, identical=1
    )


def test_a_repeated_delivery_is_no_conflict(ledger: Ledger) -> None:
    first = started(received_at=NOON)
    again = started(received_at=NOON + timedelta(minutes=5))
    assert ledger.append([first, again]) == Appended(new=1, identical=1)
    assert list(ledger.events("acme")) == [first]


@pytest.mark.parametrize("together", [True, False])
def test_the_first_of_two_versions_is_kept_and_their_differences_told(
    ledger: Ledger, *, together: bool
) -> None:
    kept, refused = started(branch="main"), started(branch="dev", minutes=1)
    if together:
        appended = ledger.append([kept, refused])
    else:
        ledger.append([kept])
        appended = ledger.append([refused])
    assert appended.conflicting == 1
    (conflict,) = appended.conflicts
    assert (conflict.key, conflict.kind) == (kept.key, "started")
    assert {d.field: (d.kept, d.refused) for d in conflict.differences} == {
        "build.branch": ("main", "dev"),
        "occurred_at": ("2026-01-01T12:00:00Z", "2026-01-01T12:01:00Z"),
    }
    assert list(ledger.events("acme")) == [kept]


def test_conflicts_are_all_counted_and_the_first_thousand_kept(
    ledger: Ledger,
) -> None:
    ledger.append(started(str(n)) for n in range(1_200))
    appended = ledger.append(started(str(n), branch="dev") for n in range(1_200))
    assert appended.conflicting == 1_200
    assert len(appended.conflicts) == 1_000


def test_another_attempt_is_another_build(ledger: Ledger) -> None:
    first = started()
    key = msgspec.structs.replace(first.key, attempt=2)
    build = msgspec.structs.replace(first.build, key=key)
    second = msgspec.structs.replace(first, build=build)
    assert ledger.append([first, second]) == Appended(new=2)
    assert ledger.organisations() == {"acme": 2}


def test_no_facts_append_nothing(ledger: Ledger) -> None:
    assert ledger.append([]) == Appended()
    assert ledger.append_all([]) == Appended()
    assert ledger.position() == 0


def test_positions_rise(ledger: Ledger) -> None:
    ledger.append([started("1")])
    before = ledger.position()
    ledger.append([started("2")])
    assert ledger.position() > before > 0


def test_batches_are_written_all_or_none(ledger: Ledger) -> None:
    def batches() -> Iterator[list[Event]]:
        yield list(many_builds(1_000))
        message = "the disk of the other side is gone"
        raise ConnectionError(message)

    with pytest.raises(ConnectionError, match="the other side"):
        ledger.append_all(batches())
    assert ledger.position() == 0
    assert ledger.append_all([list(many_builds(2)), list(many_builds(3))]) == Appended(
        new=6, identical=4
    )


def test_a_reader_sees_the_ledger_as_it_was_when_it_began(ledger: Ledger) -> None:
    ledger.append(many_builds(5_000))
    reading = ledger.events("acme")
    next(reading)
    ledger.append([started("late", minutes=9_999)])
    assert len(list(reading)) == 9_999


def test_facts_outlive_the_process_that_wrote_them(place: str) -> None:
    with Ledger.open(place) as first:
        first.append([started()])
    with Ledger.open(place) as second:
        assert list(second) == [started()]


def test_a_temporary_ledger_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Ledger.temporary() as ledger:
        ledger.append(many_builds(10))
        assert ledger.organisations() == {"acme": 10}
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_a_temporary_ledger_can_be_opened_by_others() -> None:
    with Ledger.temporary() as ledger:
        ledger.append([started()])
        with Ledger.open(ledger.url) as other:
            assert list(other) == [started()]


def test_more_facts_than_a_query_takes_parameters_are_compared(
    ledger: Ledger,
) -> None:
    facts = list(many_builds(20_000))
    ledger.append(facts)
    assert ledger.append(facts) == Appended(identical=40_000)
    assert ledger.append([*facts, started("new")] * 2) == Appended(
        new=1, identical=80_001
    )


def test_a_damaged_fact_is_told_about(ledger: Ledger) -> None:
    ledger.append([started()])
    with writing(ledger.engine) as connection:
        connection.execute(update(EVENTS).values(payload=b"\x81"))
    with pytest.raises(LedgerError, match="a fact of 1 bytes in the ledger cannot be"):
        list(ledger.events("acme"))


def test_a_part_of_the_facts_is_read_by_position(ledger: Ledger) -> None:
    facts = [started(str(number), minutes=number) for number in range(5)]
    ledger.append(facts)

    assert list(ledger.events("acme", after=1, until=3)) == facts[1:3]


def test_news_tell_of_each_organisation_what_came_after_a_position(
    ledger: Ledger,
) -> None:
    ledger.append([started("1", minutes=9), started("2", repo="other/x", minutes=7)])
    before = ledger.position()
    ledger.append([started("3", minutes=5), started("4", minutes=2)])

    assert ledger.news(before) == {
        "acme": News(oldest=NOON + timedelta(minutes=2), position=4)
    }
    assert set(ledger.news(0)) == {"acme", "other"}
    assert ledger.news(ledger.position()) == {}
