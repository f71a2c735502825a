"""Memory keeps its bound, the lightest goes first, and rows stay the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakcast.features.columns import catalog_of
from breakcast.features.memory import Limits
from breakcast.features.shelf import FORGET_AFTER_SECONDS
from breakcast.features.state import FeatureState
from breakcast.history.events import Build, BuildStarted, Change
from breakcast.history.replay import replay
from tests.features.timeline import DAY, GREEN, RED, Timeline, at, key_of

CATALOG = catalog_of(("sloc",), ("tests",), code_state=("sloc",))
FEW = Limits(
    tracks=9, tallies=7, nodes=5, commits=3, boards=3, repositories=2, pending=4
)


def crowded(count: int) -> Timeline:
    """Let so many builds overlap, in more repositories and branches than are kept."""
    story = Timeline()
    for n in range(count):
        story.build(
            str(n),
            n * 3,
            n * 3 + 11 if n % 5 else None,
            RED if n % 3 else GREEN,
            repo=f"acme/r{n % 4}",
            branch=f"b{n % 5}",
            author=f"a{n % 7}",
            commit_sha=f"c{n // 2}",
            parent_build_id=str(n - 4),
            change=Change(lines_added=float(n), paths=(f"d{n % 6}/{n % 10}.py",)),
            signals={"sloc": 1e4 + n},
            results={"tests": float(n)},
        )
    return story


def test_no_shelf_holds_more_than_its_limit() -> None:
    state = FeatureState(CATALOG, FEW)
    for event in replay(crowded(120).events):
        state.observe(event)
        for shelf in state.memory.shelves.values():
            assert len(shelf) <= shelf.limit


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 180))
def test_what_was_dropped_stays_dropped_after_loading(cut: int) -> None:
    events = list(replay(crowded(90).events))
    whole, resumed = FeatureState(CATALOG, FEW), FeatureState(CATALOG, FEW)
    for number, event in enumerate(events):
        if number == cut:
            resumed = FeatureState.load(resumed.save(), CATALOG, FEW)
        if isinstance(event, BuildStarted):
            row = resumed.row(event.build, event.known_at)
            assert row.tobytes() == whole.row(event.build, event.known_at).tobytes()
        whole.observe(event)
        resumed.observe(event)

    assert resumed.save() == whole.save()


def test_the_branch_untouched_for_longest_is_forgotten_first() -> None:
    story = Timeline()
    for n, branch in enumerate(("old", "older", "old", "new")):
        story.build(str(n), n * 60, n * 60 + 5, RED, branch=branch)
    # A build teaches organisation, repository, pipeline, event and its branch.
    state = FeatureState(CATALOG, Limits(tracks=6))
    for event in replay(story.events):
        state.observe(event)

    last_failed = CATALOG.column("branch.last_failed")
    rows = {
        branch: state.row(Build(key_of("asked"), branch=branch), at(300))
        for branch in ("old", "older", "new")
    }

    assert rows["old"][last_failed] == rows["new"][last_failed] == 1
    assert rows["older"][last_failed] != 1


@pytest.mark.parametrize("months", [23, 25])
def test_a_record_is_forgotten_after_two_years(months: int) -> None:
    assert FORGET_AFTER_SECONDS == 24 * 30 * DAY * 60
    later = months * 30 * DAY
    story = Timeline().build("1", 0, 5, RED, branch="old")
    for n in range(600):
        story.build(f"n{n}", later + n, later + n + 0.5, repo="acme/other")

    asked = story.asked(later + 700, branch="old")

    assert (asked["branch.last_failed"] == 1) == (months == 23)
    assert asked["organisation.known_ever"] == 601
