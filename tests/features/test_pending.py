"""Builds in flight are counted in, counted out, and lost after a day."""

import pytest

from breakcast.features.memory import Limits
from breakcast.features.state import FeatureState
from breakcast.history.events import Build, BuildStarted, Change
from tests.features.timeline import (
    DAY,
    GREEN,
    NEITHER,
    PLAIN,
    RED,
    Timeline,
    at,
    key_of,
)


def test_a_build_is_in_flight_until_it_finishes() -> None:
    story = Timeline().build("1", 0, 30).build("2", 10)

    assert story.asked(40)["pipeline.in_flight"] == 1


def test_a_cancelled_build_is_no_longer_in_flight() -> None:
    story = Timeline().build("1", 0, 30, NEITHER)

    assert story.asked(40)["pipeline.in_flight"] == 0


@pytest.mark.parametrize(("minute", "in_flight"), [(DAY - 1, 1), (DAY, 0)])
def test_a_build_is_lost_to_the_minute_without_any_other_fact(
    minute: int, in_flight: int
) -> None:
    asked = Timeline().build("1", 0, branch="main").asked(minute, branch="main")

    of = ("organisation", "repository", "pipeline", "branch", "event", "trunk")
    assert [asked[f"{kind}.in_flight"] for kind in of] == [in_flight] * 6


def test_a_lost_build_leaves_only_its_own_records() -> None:
    story = Timeline().build("1", 0, branch="fix").build("2", DAY - 5, branch="main")

    asked = story.asked(DAY + 5, branch="main")

    assert asked["branch.in_flight"] == 1
    assert asked["pipeline.in_flight"] == 1


def test_a_lost_build_that_finishes_after_all_still_teaches() -> None:
    story = Timeline().build("1", 0, 3 * DAY, RED, author="9f").build("2", 2 * DAY)

    asked = story.asked(3 * DAY + 5, author="9f")

    assert asked["author.last_failed"] == 1
    assert asked["author.duration_minutes"] == 3 * DAY
    assert asked["pipeline.in_flight"] == 0


def test_a_build_lost_for_years_in_a_quiet_organisation_is_counted_out() -> None:
    story = Timeline().build("1", 0, repo="acme/old")
    for number in range(1_100):
        minute = 900 * DAY + number
        story.build(f"n{number}", minute, minute + 0.5)

    assert story.asked(903 * DAY)["organisation.in_flight"] == 0


def test_more_builds_in_flight_than_are_kept_are_counted_out() -> None:
    state = FeatureState(PLAIN, Limits(pending=5))
    for number in range(20):
        build = Build(key_of(str(number)))
        state.observe(BuildStarted(build, occurred_at=at(number)))

    row = state.row(Build(key_of("asked")), at(30))

    assert row[PLAIN.column("pipeline.in_flight")] == 5


def test_a_change_seen_twice_counts_once_among_the_sizes() -> None:
    small, large = Change(lines_added=1.0), Change(lines_added=9.0)
    story = Timeline().build("1", 0, change=small).build("2", 1, change=large)
    story.seen("1", 2, small)

    asked = story.asked(5, change=Change(lines_added=5.0))

    assert asked["headline.change_size"] == 0.5


def test_a_change_seen_later_teaches_its_paths() -> None:
    change = Change(lines_added=9.0, paths=("src/a.py",))
    story = Timeline().build("1", 0, 30, RED).seen("1", 2, change)

    asked = story.asked(40, change=Change(paths=("src/a.py", "src/b.py")))

    assert asked["path.new"] == 0.5
    assert asked["path.last_failed"] == 0.5
    assert asked["directory.new"] == 0


def test_a_finish_whose_start_was_never_seen_still_teaches() -> None:
    whole = Timeline().build("1", 0, 10, RED).events
    story = Timeline(whole[1:]).build("2", 20, 30, GREEN)

    asked = story.asked(40)

    assert asked["pipeline.known_ever"] == 2
    assert asked["pipeline.in_flight"] == 0
