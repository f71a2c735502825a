"""Workers share the organisations, and what one loses another takes over."""

from datetime import timedelta

from sqlalchemy import update

from breakcast.features.records import shard_key
from breakcast.features.store import PULSES, shard_of
from breakcast.history.events import (
    Outcome,
)
from breakcast.history.inbox import Delivery, Inbox
from breakcast.history.ledgerschema import EVENTS
from breakcast.live.worker import LEASE_SECONDS
from tests.live.shop import Shop
from tests.serving.made_servers import made_bundle


def test_a_worker_that_starts_anew_goes_on_where_it_was(shop: Shop) -> None:
    first = shop.worker("one")
    for number in range(10):
        shop.start(str(number))
        shop.finish(str(number), Outcome.FAILED)
    first.step()
    first.close()
    shop.clock.passes(1)

    second = shop.worker("two")
    shop.start("10")
    second.step()

    assert shop.shown.answers == [(str(number), False) for number in range(11)]
    assert shop.is_as_replayed()


def test_a_worker_that_dies_is_replaced_when_its_lease_ends(shop: Shop) -> None:
    shop.worker("dead").step()
    other = shop.worker("other")
    shop.start("1")
    other.step()
    assert not shop.shown.answers

    shop.clock.passes(LEASE_SECONDS + 1)
    other.step()

    assert shop.shown.answers == [("1", False)]


def test_a_worker_whose_lease_is_over_can_write_nothing(shop: Shop) -> None:
    zombie = shop.worker("zombie")
    shop.start("1")
    zombie.step()
    # It sleeps for so long that another takes over.
    shop.clock.passes(LEASE_SECONDS + 1)
    shop.worker("heir").step()
    shop.clock.now -= timedelta(seconds=LEASE_SECONDS + 1)
    shop.start("2")

    zombie.step()

    assert shop.shown.answers == [("1", False)]


def test_two_workers_share_the_organisations(shop: Shop) -> None:
    workers = [shop.worker(name) for name in ("one", "two")]
    organisations = [f"org{number}" for number in range(12)]
    for _ in range(4):
        for worker in workers:
            worker.step()
        shop.clock.passes(4)
    for organisation in organisations:
        shop.start("1", repo=f"{organisation}/shop")

    counts = [worker.step() for worker in workers]

    assert sum(counts) == 12
    assert counts[1] == sum(shard_of(name) % 2 for name in organisations)
    assert sorted(shop.shown.answers) == [("1", False)] * 12


def test_what_cannot_be_read_keeps_no_other_organisation_waiting(shop: Shop) -> None:
    worker = shop.worker()
    worker.step()
    shop.start("1", repo="broken/shop")
    with shop.ledger.engine.begin() as connection:
        connection.execute(update(EVENTS).values(payload=b"\xc1"))
    shop.start("2")
    shop.clock.passes(2)

    assert worker.step() == 1

    assert shop.shown.answers == [("2", False)]
    names = [
        shard_key(shard_of(one), made_bundle().catalog) for one in ("acme", "broken")
    ]
    pulses = shop.store.read({PULSES: names})[PULSES]
    assert pulses[names[0]].stamp > pulses[names[1]].stamp


def test_a_lost_shard_is_lost_for_all_its_organisations(shop: Shop) -> None:
    same = next(
        name
        for name in (f"org{number}" for number in range(1_000))
        if shard_of(name) == shard_of("acme")
    )
    zombie = shop.worker("zombie")
    for repo in ("acme/shop", f"{same}/shop"):
        shop.start("1", repo=repo)
    zombie.step()
    shop.clock.passes(LEASE_SECONDS + 1)
    shop.worker("heir").step()
    shop.clock.now -= timedelta(seconds=LEASE_SECONDS + 1)
    for repo in ("acme/shop", f"{same}/shop"):
        shop.start("2", repo=repo)

    assert zombie.step() == 0
    zombie.close()

    assert len(shop.shown.answers) == 2


def test_leases_are_renewed_while_a_step_takes_long(shop: Shop) -> None:
    worker, other = shop.worker("one"), shop.worker("other")
    worker.step()
    for _ in range(5):
        shop.clock.passes(LEASE_SECONDS / 2)
        worker.renew()
        other.step()
    shop.start("1", repo="org1/shop")

    worker.step()
    other.step()

    assert shop.shown.answers == [("1", False)]


def test_old_deliveries_are_forgotten_by_one_of_them(shop: Shop) -> None:
    inbox = Inbox(shop.ledger)
    worker = shop.worker()
    worker.step()
    old, new = Delivery("github", "old", "push"), Delivery("github", "new", "push")
    inbox.take([(old, shop.clock.now)])
    shop.clock.passes(40 * 86_400)
    inbox.take([(new, shop.clock.now)])

    worker.step()

    assert inbox.take([(old, shop.clock.now), (new, shop.clock.now)]) == [True, False]
