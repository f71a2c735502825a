"""Facts that became known before others were learnt are learnt in their place."""

from datetime import timedelta

from breakcast.features.packing import packed
from breakcast.features.state import FeatureState
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Outcome,
)
from breakcast.live.worker import LEASE_SECONDS
from tests.live.shop import NOON, Shop
from tests.serving.made_servers import made_bundle


def test_a_late_fact_is_learnt_in_its_place(shop: Shop) -> None:
    worker = shop.worker()
    for number in range(30):
        shop.start(str(number))
        shop.clock.passes(10)
        shop.finish(str(number), Outcome.FAILED)
        worker.step()
    key = BuildKey("github", "acme/other", "ci.yml", "late")
    at = NOON + timedelta(seconds=35)
    shop.ledger.append(
        [
            BuildStarted(Build(key, branch="main"), occurred_at=at),
            BuildFinished(key, Outcome.FAILED, occurred_at=at + timedelta(seconds=9)),
        ]
    )

    worker.step()

    assert shop.is_as_replayed()
    assert len(shop.shown.answers) == 30


def test_a_late_fact_is_learnt_from_the_last_snapshot_before_it(shop: Shop) -> None:
    for number in range(30):
        shop.start(str(number))
        shop.clock.passes(10)
        shop.finish(str(number), Outcome.FAILED)
        if number % 5 == 0:
            worker = shop.worker()
            worker.step()
            worker.close()
    at = NOON + timedelta(seconds=215)
    key = BuildKey("github", "acme/other", "ci.yml", "late")
    shop.ledger.append([BuildStarted(Build(key, branch="main"), occurred_at=at)])

    shop.worker("late").step()

    assert shop.is_as_replayed()


def test_what_a_late_fact_changes_is_newer_than_what_any_worker_published(
    shop: Shop,
) -> None:
    first = shop.worker("one")
    shop.start("1")
    shop.finish("1", Outcome.FAILED)
    first.step()
    first.close()
    name = "acme\x1facme/shop"
    before = shop.store.read({"tracks": [name]})["tracks"][name]
    key = BuildKey("github", "acme/shop", "ci.yml", "late")
    early = NOON - timedelta(hours=1)
    shop.ledger.append([BuildStarted(Build(key), occurred_at=early)])
    shop.clock.passes(1)

    shop.worker("two").step()

    after = shop.store.read({"tracks": [name]})["tracks"][name]
    assert after.record != before.record
    assert after.stamp > before.stamp
    assert shop.is_as_replayed()


def test_late_facts_around_a_killed_worker_are_published(shop: Shop) -> None:
    def late(number: int) -> None:
        key = BuildKey("github", "acme/shop", "ci.yml", f"late{number}")
        build = Build(key, branch="old")
        at = NOON - timedelta(minutes=number)
        shop.ledger.append([BuildStarted(build, occurred_at=at)])

    first = shop.worker("one")
    shop.start("1")
    shop.finish("1", Outcome.FAILED)
    first.step()
    late(1)
    shop.clock.passes(2)
    first.step()
    late(2)
    shop.clock.passes(LEASE_SECONDS + 1)

    shop.worker("two").step()

    assert shop.is_as_replayed()


def test_a_start_that_comes_after_its_end_moves_what_the_end_taught(shop: Shop) -> None:
    shop.finish("0", Outcome.FAILED)
    first = shop.worker("one")
    first.step()
    first.close()
    shop.clock.passes(10)
    at = shop.clock.now
    worker = shop.worker("two")
    shop.clock.passes(10)
    shop.finish("1", Outcome.FAILED)
    worker.step()
    key = BuildKey("github", "acme/shop", "ci.yml", "1")
    shop.ledger.append([BuildStarted(Build(key, branch="main"), occurred_at=at)])
    shop.clock.passes(2)

    worker.step()

    nowhere = "acme\x1facme/shop\x1fci.yml\x1fbranch\x1f"
    state = FeatureState(made_bundle().catalog)
    for fact in shop.ledger.events("acme"):
        state.observe(fact)
    state.settle()
    held = shop.store.read({"tracks": [nowhere]})["tracks"][nowhere].record
    assert held == packed(state.memory.tracks[nowhere.removeprefix("acme\x1f")])
    assert shop.is_as_replayed()
