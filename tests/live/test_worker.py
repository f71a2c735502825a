"""Workers answer builds that start, once, from what was known then."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from breakcast.errors import BadInput
from breakcast.features.feed import Feed
from breakcast.features.state import FeatureState
from breakcast.history.events import (
    Build,
    BuildKey,
    BuildStarted,
    Cause,
    CauseSettled,
    Change,
    ChangeSeen,
    Outcome,
    PredictionShown,
)
from breakcast.history.journaltable import JournalTable
from breakcast.live.answers import AnswerKeeper
from breakcast.live.changes import ChangeFinder
from breakcast.live.worker import LEASE_SECONDS
from breakcast.serving.journal import read_journal
from tests.live.shop import NOON, Shop
from tests.serving.made_servers import made_bundle


def test_a_build_that_starts_is_answered_and_journalled_once(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    for _ in range(3):
        worker.step()

    assert shop.shown.answers == [("1", False)]
    (entry,) = read_journal(JournalTable(shop.ledger))
    assert entry.key.build_id == "1"
    assert [type(fact) for fact in shop.ledger] == [BuildStarted, PredictionShown]


def test_the_answer_is_what_a_replay_with_received_times_says(shop: Shop) -> None:
    worker = shop.worker()
    for number in range(40):
        shop.start(str(number))
        worker.step()
        shop.clock.passes(20)
        shop.finish(str(number), Outcome.FAILED if number % 3 else Outcome.PASSED)
        worker.step()
        shop.clock.passes(40)

    feed = Feed(FeatureState(made_bundle().catalog))
    replayed = [asked for fact in shop.ledger if (asked := feed.take(fact))]
    entries = list(read_journal(JournalTable(shop.ledger)))
    assert len(entries) == 40
    for entry, asked in zip(entries, replayed, strict=True):
        assert entry.features == asked.row.tobytes()
        assert entry.as_of == asked.as_of
    assert shop.is_as_replayed()


def test_what_was_imported_is_learnt_and_not_answered(shop: Shop) -> None:
    key = BuildKey("github", "acme/shop", "ci.yml", "old")
    shop.ledger.append([BuildStarted(Build(key), occurred_at=NOON)])

    shop.worker().step()

    assert not shop.shown.answers
    assert shop.is_as_replayed()


def test_a_build_that_started_long_ago_is_not_answered(shop: Shop) -> None:
    shop.start("1")
    shop.clock.passes(600)

    shop.worker().step()

    assert not shop.shown.answers


def test_without_a_model_states_are_kept_all_the_same(shop: Shop) -> None:
    shop.models = None
    shop.start("1")

    assert shop.worker().step() == 1
    assert not shop.shown.answers


class Knows:
    """Knows what every commit changes."""

    def __init__(self, change: Change | None) -> None:
        self.known = change
        self.asked: list[str] = []

    def change(
        self, repo: str, sha: str, *, pull: int | None, base_sha: str | None
    ) -> Change | None:
        del repo, pull, base_sha
        self.asked.append(sha)
        return self.known


def test_a_change_that_is_found_refines_the_answer(shop: Shop) -> None:
    change = Change(lines_added=40.0, paths=("src/a.py",))
    source = Knows(change)
    finder = ChangeFinder(shop.ledger, {"github": source}, shop.clock)
    worker = shop.worker(changes=finder)
    shop.start("1")
    worker.step()
    shop.clock.passes(2)
    finder.close()
    worker.step()

    assert source.asked == ["c1"]
    assert [fact.change for fact in shop.ledger if isinstance(fact, ChangeSeen)] == [
        change
    ]
    assert shop.shown.answers == [("1", False), ("1", True)]
    first, refined = read_journal(JournalTable(shop.ledger))
    column = made_bundle().catalog.column("change.lines_added")
    assert first.vector()[column] != first.vector()[column]
    assert refined.vector()[column] == 40
    assert (first.is_first_shown, refined.is_first_shown) == (True, False)


def test_a_change_nobody_knows_leaves_the_answer_as_it_is(shop: Shop) -> None:
    finder = ChangeFinder(shop.ledger, {"github": Knows(None)}, shop.clock)
    finder.find(
        Build(BuildKey("github", "acme/shop", "ci.yml", "1"), commit_sha="c1"),
        lambda _: None,
    )
    finder.close()

    assert not list(shop.ledger)


def test_a_green_attempt_says_that_the_red_one_before_was_flaky(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    shop.finish("1", Outcome.FAILED)
    worker.step()
    shop.finish("1", Outcome.PASSED, attempt=2)

    worker.step()

    causes = [fact for fact in shop.ledger if isinstance(fact, CauseSettled)]
    assert [(fact.key.attempt, fact.cause) for fact in causes] == [(1, Cause.FLAKY)]


def test_a_refined_answer_is_given_once_whatever_happens_afterwards(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    worker.step()
    worker.close()
    shop.clock.passes(1)
    # A clean restart in between loses nothing.
    worker = shop.worker("two")
    worker.step()
    key = BuildKey("github", "acme/shop", "ci.yml", "1")
    change = Change(lines_added=3.0)
    shop.receive(ChangeSeen(key, change, occurred_at=shop.clock.now))
    worker.step()
    shop.clock.passes(LEASE_SECONDS + 1)
    shop.worker("three").step()
    early = NOON - timedelta(days=1)
    old = BuildKey("github", "acme/shop", "ci.yml", "old")
    shop.ledger.append([BuildStarted(Build(old), occurred_at=early)])

    shop.worker("three").step()

    assert shop.shown.answers == [("1", False), ("1", True)]


def test_what_was_kept_is_shown_though_another_answer_failed(shop: Shop) -> None:
    keeper = AnswerKeeper(shop.ledger, shop.shown)
    shop.start("1")
    shop.worker().step()
    (said,) = shop.shown.predictions
    other = replace(said, key=replace(said.key, build_id="2"))
    broken = replace(said, key=replace(said.key, build_id="3" * 3_000))

    with pytest.raises(BadInput):
        keeper.keep([(broken, False), (other, False)], NOON, lambda _: None)

    assert [build_id for build_id, _ in shop.shown.answers] == ["1", "2"]


def test_the_highest_attempt_there_may_be_takes_no_time(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    shop.finish("1", Outcome.FAILED, attempt=7)
    shop.finish("1", Outcome.PASSED, attempt=2**31 - 1)

    worker.step()

    causes = [fact for fact in shop.ledger if isinstance(fact, CauseSettled)]
    assert [fact.key.attempt for fact in causes] == [7]
