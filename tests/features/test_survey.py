"""What a catalog is read off: names anywhere, code state off the first third only."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from breakcast.features.code_state import code_state_signals
from breakcast.features.survey import LOOKED_AT, catalog_for
from breakcast.history.events import Build, BuildStarted, Event
from tests.features.timeline import RED, Timeline, at, key_of

RNG = np.random.default_rng(4)
DRIFTING = 1e5 + np.cumsum(RNG.normal(0, 40, 3 * LOOKED_AT))
ERRATIC = RNG.lognormal(3, 1, 3 * LOOKED_AT)


def starts(count: int, signals: Callable[[int], dict[str, float]]) -> Iterator[Event]:
    """Start so many builds, one a minute."""
    for number in range(count):
        build = Build(key_of(str(number)), signals=signals(number))
        yield BuildStarted(build, occurred_at=at(number))


def test_signals_and_results_come_by_name_in_alphabetical_order() -> None:
    story = Timeline().build("1", 0, 5, RED, signals={"b": 1.0}, results={"z": 1.0})
    story.build("2", 9, 12, signals={"a": 1.0}, results={"y": 0.0})

    catalog = catalog_for(story.events)

    assert catalog.names[-4:] == ("previous.y", "previous.z", "signal.a", "signal.b")


def test_a_signal_that_drifts_describes_the_code() -> None:
    found = catalog_for(
        starts(900, lambda at: {"sloc": DRIFTING[at], "churn": ERRATIC[at]})
    )

    assert found.code_state == ("sloc",)


def test_nothing_beyond_the_first_third_is_looked_at() -> None:
    def turned(number: int) -> dict[str, float]:
        return {"sloc": (DRIFTING if number < 300 else ERRATIC)[number]}

    assert catalog_for(starts(900, turned)).code_state == ("sloc",)


def test_a_signal_that_comes_late_is_not_looked_at() -> None:
    def late(number: int) -> dict[str, float]:
        return {"sloc": DRIFTING[number]} if number >= 400 else {}

    assert catalog_for(starts(900, late)).code_state == ()


def test_at_most_a_thousand_builds_are_looked_at() -> None:
    def turned(number: int) -> dict[str, float]:
        series = DRIFTING if number < LOOKED_AT else ERRATIC
        return {"sloc": series[number % len(series)]}

    assert catalog_for(starts(6 * LOOKED_AT, turned)).code_state == ("sloc",)


def test_too_few_builds_tell_nothing_of_a_signal() -> None:
    assert code_state_signals({"sloc": [DRIFTING[:119]]}) == ()
    assert code_state_signals({"sloc": [DRIFTING[:120]]}) == ("sloc",)


@pytest.mark.parametrize("value", [0.0, -7.5, 1e12])
def test_a_constant_tells_nothing(value: float) -> None:
    assert code_state_signals({"sloc": [[value] * 500]}) == ()


def test_most_repositories_decide() -> None:
    lines = [DRIFTING[:300], DRIFTING[300:600], ERRATIC[:300]]

    assert code_state_signals({"sloc": lines}) == ("sloc",)
    assert code_state_signals({"sloc": [*lines, ERRATIC, ERRATIC]}) == ()
