"""What a server knows of builds: the very rows of training, kept at the tail."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from breakcast.errors import LedgerError
from breakcast.features.columns import catalog_of
from breakcast.features.state import FeatureState
from breakcast.features.table import build_table
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import Build, BuildKey, BuildStarted, Event
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.serving.states import LedgerStates
from tests.features.timeline import PLAIN, RED, Timeline, at
from tests.model.made_history import write_rows


def asked(
    minute: float, states: LedgerStates, branch: str = "main"
) -> NDArray[np.float32]:
    """The row of a build of acme/shop that starts at a minute."""
    build = Build(BuildKey("test", "acme/shop", "ci", ""), branch=branch)
    known = states.row(build, PLAIN.hash, at(minute))
    assert known is not None
    return known.row


def folded_anew(events: list[Event], minute: float) -> NDArray[np.float32]:
    """The same row from a ledger that was given all facts at once."""
    with Ledger.temporary() as ledger:
        ledger.append(events)
        states = LedgerStates(lambda: ledger)
        states.follow([PLAIN])
        return asked(minute, states)


def is_same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return one.tobytes() == other.tobytes()


@pytest.mark.slow
def test_a_served_row_is_the_row_of_the_training_table_bit_for_bit(
    tmp_path: Path,
) -> None:
    catalog = catalog_of()
    with Ledger.temporary() as whole:
        import_builds(whole, read_builds(write_rows(tmp_path / "builds.csv")))
        table = build_table(whole, catalog)
        events = list(whole)
    starts = {
        (event.key.repo, event.key.build_id): event
        for event in events
        if isinstance(event, BuildStarted)
    }
    for number in range(50, len(table), 397):
        key = (table.repo_names[table.repo[number]], str(table.build_ids[number]))
        start = starts[key]
        with Ledger.temporary() as ledger:
            ledger.append(one for one in events if one.known_at < start.known_at)
            states = LedgerStates(lambda: ledger)
            states.follow([catalog])
            known = states.row(start.build, catalog.hash, start.known_at)

        assert known is not None
        assert known.as_of == start.known_at
        assert is_same(known.row, table.rows[number]), key


def test_nothing_is_known_before_the_ledger_was_read() -> None:
    with Ledger.temporary() as ledger:
        states = LedgerStates(lambda: ledger)

        build = Build(BuildKey("test", "acme/shop", "ci", "1"))
        assert states.row(build, PLAIN.hash, at(0)) is None


def test_nothing_is_known_without_a_ledger_until_there_is_one() -> None:
    with Ledger.temporary() as ledger:
        there_is: list[Ledger] = []
        states = LedgerStates(lambda: there_is[0] if there_is else None)
        build = Build(BuildKey("test", "acme/shop", "ci", "1"))

        states.follow([PLAIN])
        assert states.row(build, PLAIN.hash, at(0)) is None

        there_is.append(ledger)
        states.follow([PLAIN])
        assert states.row(build, PLAIN.hash, at(0)) is not None


def test_facts_that_come_later_are_learnt_as_if_they_had_been_there() -> None:
    story = Timeline().build("1", 0, 10, RED).build("2", 20, 30, RED).build("3", 40)
    with Ledger.temporary() as ledger:
        states = LedgerStates(lambda: ledger)
        for event in sorted(story.events, key=lambda one: one.known_at):
            ledger.append([event])
            states.follow([PLAIN])

        assert is_same(asked(50, states), folded_anew(story.events, 50))


def test_facts_of_one_instant_are_learnt_alike_in_whatever_order_they_arrive() -> None:
    events = Timeline().build("1", 0, 20, RED).build("2", 20, 30).events
    with Ledger.temporary() as ledger:
        states = LedgerStates(lambda: ledger)
        for event in sorted(events, key=lambda one: (one.known_at, repr(type(one)))):
            ledger.append([event])
            states.follow([PLAIN])
            asked(25, states)

        assert is_same(asked(40, states), folded_anew(events, 40))


def test_facts_that_are_late_are_put_where_they_belong() -> None:
    """An import of old history, while a server runs."""
    new = Timeline().build("9", 500, 510).events
    old = Timeline().build("1", 0, 10, RED).build("2", 20, 30, RED).events
    with Ledger.temporary() as ledger:
        states = LedgerStates(lambda: ledger)
        ledger.append(new)
        states.follow([PLAIN])
        asked(600, states)

        ledger.append(old)
        states.follow([PLAIN])

        assert is_same(asked(600, states), folded_anew(old + new, 600))


def test_a_build_that_began_before_what_is_known_is_answered_from_what_is_known() -> (
    None
):
    with Ledger.temporary() as ledger:
        ledger.append(Timeline().build("1", 0, 10, RED).events)
        states = LedgerStates(lambda: ledger)
        states.follow([PLAIN])
        asked(60, states)
        build = Build(BuildKey("test", "acme/shop", "ci", ""))

        known = states.row(build, PLAIN.hash, at(5))

    assert known is not None
    assert known.as_of == at(10) + timedelta(microseconds=1)


def test_asking_for_strangers_keeps_nothing() -> None:
    with Ledger.temporary() as ledger:
        ledger.append(Timeline().build("1", 0, 10).events)
        states = LedgerStates(lambda: ledger)
        states.follow([PLAIN])

        for number in range(50):
            build = Build(BuildKey("test", f"stranger-{number}/x", "ci", ""))
            known = states.row(build, PLAIN.hash, at(20))
            assert known is not None
            expected = FeatureState(PLAIN).row(build, at(20))
            assert is_same(known.row, expected)

        (fold,) = states._folds.values()  # noqa: SLF001 - that it does not grow
        assert set(fold.kept) == {"acme"}


def test_a_ledger_that_fails_makes_answers_stale_until_it_is_back() -> None:
    class Failing(Ledger):
        is_away = False

        def news(self, after: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 - as Ledger's
            if self.is_away:
                message = "away"
                raise LedgerError(message)
            return super().news(after)

    build = Build(BuildKey("test", "acme/shop", "ci", ""))
    with Failing.temporary() as ledger:
        states = LedgerStates(lambda: ledger)
        states.follow([PLAIN])
        ledger.is_away = True
        with pytest.raises(LedgerError):
            states.follow([PLAIN])
        stale = states.row(build, PLAIN.hash, at(0))
        ledger.is_away = False
        states.follow([PLAIN])
        fresh = states.row(build, PLAIN.hash, at(0))

    assert stale is not None
    assert fresh is not None
    assert (stale.is_stale, fresh.is_stale) == (True, False)


def test_only_the_catalogs_that_are_followed_are_kept() -> None:
    other = catalog_of(signals=("sloc",))
    build = Build(BuildKey("test", "acme/shop", "ci", ""))
    with Ledger.temporary() as ledger:
        states = LedgerStates(lambda: ledger)
        states.follow([PLAIN, other])
        assert states.row(build, other.hash, at(0)) is not None

        states.follow([PLAIN])
        assert states.row(build, other.hash, at(0)) is None
        assert states.row(build, PLAIN.hash, at(0)) is not None
