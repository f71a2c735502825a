"""Cursors, windows and reports are kept, each in its place."""

from datetime import UTC, datetime, timedelta

from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import writing
from breakcast.history.watched import (
    Kept,
    Reports,
    cursor_at,
    move_cursor,
    put_window,
    window_in,
    windows_since,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_a_cursor_is_nowhere_until_it_is_moved(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        assert cursor_at(connection, "one") is None
        move_cursor(connection, "one", 7)
        move_cursor(connection, "other", 3)
        move_cursor(connection, "one", 9)

        assert (cursor_at(connection, "one"), cursor_at(connection, "other")) == (9, 3)


def test_windows_are_read_in_the_order_of_time(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        for starts_at in (20, 10, 30):
            put_window(connection, "one", starts_at, str(starts_at).encode())
        put_window(connection, "other", 20, b"other")
        put_window(connection, "one", 20, b"anew")

        assert window_in(connection, "one", 20) == b"anew"
        assert window_in(connection, "one", 40) is None

    assert windows_since(ledger, "one", 20) == [b"anew", b"30"]


def test_reports_of_a_kind_are_read_the_newest_first(ledger: Ledger) -> None:
    one, other = Reports(ledger, "one"), Reports(ledger, "other")
    assert one.last() is None
    for minute in (2, 1, 3):
        at = NOON + timedelta(minutes=minute)
        one.add(at, str(minute).encode())
    other.add(NOON, b"other")
    one.add(NOON + timedelta(minutes=3), b"anew")

    later = NOON + timedelta(minutes=2)
    assert one.last() == Kept(NOON + timedelta(minutes=3), b"anew")
    assert [kept.payload for kept in one.since(later)] == [b"anew", b"2"]


def test_old_reports_of_the_kind_are_forgotten(ledger: Ledger) -> None:
    one, other = Reports(ledger, "one"), Reports(ledger, "other")
    other.add(NOON, b"other")
    one.add(NOON, b"old")

    one.add(NOON + timedelta(days=2), b"new", forget=NOON + timedelta(days=1))

    assert [kept.payload for kept in one.since(NOON)] == [b"new"]
    assert other.last() is not None
