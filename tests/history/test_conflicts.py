"""Two versions of a fact are compared by their substance."""

from datetime import timedelta
from math import nan

import msgspec

from breakcast.history.conflicts import conflict_between
from breakcast.history.events import BuildStarted
from tests.history.made_builds import NOON, started


def with_signals(**signals: float) -> BuildStarted:
    fact = started()
    return msgspec.structs.replace(
        fact, build=msgspec.structs.replace(fact.build, signals=signals)
    )


def test_when_a_fact_reached_us_is_not_its_substance() -> None:
    again = started(received_at=NOON + timedelta(days=1))
    assert conflict_between(started(), again) is None


def test_the_order_of_signals_does_not_matter() -> None:
    assert conflict_between(with_signals(a=1, b=2), with_signals(b=2, a=1)) is None


def test_not_a_number_equals_itself() -> None:
    assert conflict_between(with_signals(a=nan), with_signals(a=nan)) is None


def test_each_field_that_differs_is_named() -> None:
    conflict = conflict_between(with_signals(a=1, b=2), with_signals(b=3, c=4))
    assert conflict is not None
    assert [(d.field, d.kept, d.refused) for d in conflict.differences] == [
        ("build.signals.a", 1, None),
        ("build.signals.b", 2, 3),
        ("build.signals.c", None, 4),
    ]


def test_a_conflict_reads_as_a_line() -> None:
    conflict = conflict_between(started(branch="main"), started(branch="dev"))
    assert str(conflict) == (
        "started of acme/shop ci build 1 attempt 1 (file): "
        "build.branch is 'main', was told to be 'dev'"
    )
