"""The walk up from the parent: what is known of the builds this one descends from."""

from math import isnan

import msgspec
import pytest

from breakcast.features.columns import catalog_of
from breakcast.features.lineage import STEPS
from breakcast.history.events import BuildFinished, BuildStarted, Event
from tests.features.timeline import GREEN, NEITHER, RED, Timeline


def test_without_a_parent_nothing_is_known() -> None:
    asked = Timeline().build("1", 0, 10, RED).asked(20)

    assert asked["lineage.has_parent"] == 0
    assert isnan(asked["lineage.failed"])


def test_a_parent_never_heard_of_is_none() -> None:
    assert Timeline().asked(20, parent_build_id="x")["lineage.has_parent"] == 0


def test_an_unfinished_parent_is_passed_over() -> None:
    story = Timeline().build("1", 0, 10, RED)
    story.build("2", 5, parent_build_id="1")

    asked = story.asked(20, parent_build_id="2")

    assert asked["lineage.depth"] == 2
    assert asked["lineage.unfinished"] == 1
    assert asked["lineage.failed"] == 1
    assert asked["lineage.duration_minutes"] == 10
    assert asked["lineage.children_known"] == 0


def test_a_cancelled_parent_is_passed_over() -> None:
    story = Timeline().build("1", 0, 10, RED)
    story.build("2", 11, 12, NEITHER, parent_build_id="1")

    assert story.asked(20, parent_build_id="2")["lineage.depth"] == 2


def test_siblings_that_are_known_count() -> None:
    story = Timeline().build("1", 0, 10)
    for name, outcome in (("2", RED), ("3", GREEN)):
        story.build(name, 11, 20, outcome, parent_build_id="1")
    story.build("4", 12, parent_build_id="1")

    asked = story.asked(30, parent_build_id="1")

    facts = ("parent_children", "siblings_known", "siblings_red", "children_red")
    assert [asked[f"lineage.{fact}"] for fact in facts] == [3, 2, 1, 1]
    assert asked["lineage.parent_hours"] == 0.5


def test_the_line_is_read_from_the_nearest_back() -> None:
    story = Timeline()
    for n, outcome in enumerate((GREEN, RED, GREEN, RED, RED)):
        story.build(str(n), n * 10, n * 10 + 5, outcome, parent_build_id=str(n - 1))

    asked = story.asked(60, parent_build_id="4")

    facts = ("failed", "second_failed", "third_failed", "red_run", "flips")
    assert [asked[f"lineage.{fact}"] for fact in facts] == [1, 1, 0, 2, 3]
    assert asked["lineage.red_ratio"] == pytest.approx(3 / 5)
    near = (1 + 0.6 + 0.6**3) / (1 + 0.6 + 0.6**2 + 0.6**3 + 0.6**4)
    assert asked["lineage.red_ratio_near"] == pytest.approx(near)


def test_a_walk_ends_after_64_steps() -> None:
    story = Timeline().build("0", 0, 1, RED)
    for n in range(1, STEPS + 1):
        story.build(str(n), n, parent_build_id=str(n - 1))

    near, far = (story.asked(90, parent_build_id=str(n)) for n in (STEPS - 1, STEPS))

    assert near["lineage.depth"] == STEPS
    assert isnan(far["lineage.depth"])
    assert far["lineage.unfinished"] == STEPS


def test_a_line_that_bites_its_tail_ends() -> None:
    story = Timeline().build("1", 0, parent_build_id="2")
    story.build("2", 1, parent_build_id="1")

    assert story.asked(5, parent_build_id="2")["lineage.unfinished"] == STEPS


def test_a_rerun_is_no_further_child_and_its_outcome_the_builds() -> None:
    story = Timeline().build("1", 0, 10).build("2", 11, 20, RED, parent_build_id="1")
    again = Timeline().build("2", 21, 30, GREEN, parent_build_id="1").events
    story.events += [_second_attempt(event) for event in again]

    child, sibling = (story.asked(40, parent_build_id=parent) for parent in "21")

    assert child["lineage.failed"] == 0
    assert sibling["lineage.parent_children"] == 1
    assert sibling["lineage.siblings_red"] == 1


def _second_attempt(event: Event) -> Event:
    key = msgspec.structs.replace(event.key, attempt=2)
    if isinstance(event, BuildStarted):
        build = msgspec.structs.replace(event.build, key=key)
        return msgspec.structs.replace(event, build=build)
    assert isinstance(event, BuildFinished)
    return msgspec.structs.replace(event, key=key)


def test_results_are_the_nearest_known_ancestors_or_the_branchs_last() -> None:
    story = Timeline().build("1", 0, 10, results={"tests": 3.0}, branch="main")
    story.build("2", 1, 9, results={"tests": 7.0}, branch="fix")
    catalog = catalog_of(results=("tests",))

    of_parent = story.asked(20, catalog=catalog, parent_build_id="1", branch="fix")
    of_branch = story.asked(20, catalog=catalog, branch="fix")

    assert of_parent["previous.tests"] == 3
    assert of_branch["previous.tests"] == 7
