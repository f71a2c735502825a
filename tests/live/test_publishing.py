"""What is published is whole, or the store is found out."""

from datetime import timedelta

from breakcast.features.columns import catalog_of
from breakcast.history.events import (
    Build,
    BuildKey,
    Outcome,
)
from breakcast.serving.storedrows import StoredRows
from tests.live.shop import Away, Shop
from tests.serving.made_servers import made_bundle


def test_a_store_that_lost_its_records_is_filled_again(
    shop: Shop,
) -> None:
    worker = shop.worker()
    shop.start("1")
    shop.finish("1", Outcome.FAILED)
    worker.step()
    with shop.store._connection() as connection:  # noqa: SLF001 - as a restarted Redis does
        connection.execute("DELETE FROM records")
    shop.clock.passes(2)

    worker.step()

    assert shop.is_as_replayed()


def test_a_store_that_lost_its_records_between_pulses_is_filled_again(
    shop: Shop,
) -> None:
    worker = shop.worker()
    shop.start("1")
    shop.start("2", repo="acme/other")
    worker.step()
    with shop.store._connection() as connection:  # noqa: SLF001 - as a restarted Redis does
        connection.execute("DELETE FROM records")
    shop.clock.passes(0.1)
    shop.finish("1", Outcome.FAILED)
    worker.step()
    assert not shop.is_as_replayed()
    shop.clock.passes(2)

    worker.step()

    assert shop.is_as_replayed()


def test_what_could_not_be_published_is_published_later(shop: Shop) -> None:
    away = Away(shop.store)
    worker = shop.worker(store=away)
    shop.start("1")
    worker.step()
    shop.clock.passes(5)
    shop.finish("1", Outcome.FAILED)
    worker.step()
    away.is_away = False
    shop.clock.passes(5)

    worker.step()

    assert shop.shown.answers == [("1", False)]
    assert shop.is_as_replayed()


def test_a_state_is_not_kept_before_its_records_are(shop: Shop) -> None:
    away = Away(shop.store)
    away.is_away = False
    worker = shop.worker(store=away)
    shop.start("1")
    worker.step()
    shop.clock.passes(2)
    away.is_away = True
    shop.finish("1", Outcome.FAILED)
    worker.step()
    worker.close()
    away.is_away = False
    shop.clock.passes(2)

    shop.worker("two").step()

    assert shop.is_as_replayed()


def test_a_store_that_was_set_back_is_filled_again(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    worker.step()
    connection = shop.store._connection()  # noqa: SLF001 - as a backup does
    copy = connection.execute("SELECT * FROM records").fetchall()
    shop.clock.passes(2)
    shop.finish("1", Outcome.FAILED)
    worker.step()
    connection.execute("DELETE FROM records")
    connection.executemany("INSERT INTO records VALUES (?, ?, ?)", copy)
    shop.clock.passes(2)

    worker.step()

    assert shop.is_as_replayed()


def test_rows_of_a_catalog_that_no_worker_publishes_are_out_of_reach(
    shop: Shop,
) -> None:
    shop.start("1")
    shop.worker().step()
    other = catalog_of(signals=("sloc",), code_state=("sloc",))
    rows = StoredRows(shop.store, timedelta(seconds=30), waits=False)
    rows.follow([other, made_bundle().catalog])
    build = Build(BuildKey("github", "acme/shop", "ci.yml", "asked"))

    assert rows.row(build, other.hash, shop.clock.now) is None
    assert rows.row(build, made_bundle().catalog.hash, shop.clock.now) is not None
    shop.clock.passes(60)
    known = rows.row(build, made_bundle().catalog.hash, shop.clock.now)
    assert known is not None
    assert known.is_stale
