"""What a change is, and how large it is beside the repository's others."""

from bisect import bisect_left
from math import inf, isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakcast.features.change import (
    CHANGE_FEATURES,
    SIZES_REMEMBERED,
    SizeDistribution,
    change_features,
    change_size,
)
from breakcast.history.events import Build, Change
from tests.features.timeline import Timeline, key_of

NAMES = [feature.name.partition(".")[2] for feature in CHANGE_FEATURES]


def facts_of(change: Change | None = None, **about: object) -> dict[str, float]:
    """Name the features of a change."""
    values = change_features(Build(key_of("1"), change=change, **about))  # type: ignore[arg-type]
    return dict(zip(NAMES, values, strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 9).map(round).map(float), max_size=600), st.floats(0, 9))
def test_the_percentile_is_of_the_last_256_sizes(
    sizes: list[float], size: float
) -> None:
    known = SizeDistribution()
    for one in sizes:
        known.learn(one, now=0.0)
    last = sorted(sizes[-SIZES_REMEMBERED:])

    percentile = known.percentile(size)

    if last:
        assert percentile == bisect_left(last, size) / len(last)
    else:
        assert isnan(percentile)


def test_a_size_is_in_lines_or_else_in_files() -> None:
    assert change_size(Change(lines_deleted=2.0, files_added=9.0)) == 2
    assert change_size(Change(files_added=9.0, files_deleted=1.0)) == 10
    assert isnan(change_size(Change(paths=("a",))))
    assert isnan(change_size(None))


def test_what_is_not_known_is_not_zero() -> None:
    facts = facts_of(Change(files_added=0.0))

    assert facts["files_added"] == facts["files"] == 0
    unknown = {"files_modified", "lines_added", "lines", "paths", "test_paths"}
    assert all(isnan(facts[name]) for name in unknown)


def test_paths_are_told_by_kind() -> None:
    paths = ("tests/test_a.py", "docs/a.MD", ".github/ci.yml", "go.sum", "src/a.c")

    facts = facts_of(Change(paths=paths))

    kinds = ("test_paths", "docs_paths", "ci_paths", "dependency_paths")
    assert facts["paths"] == 5
    assert [facts[kind] for kind in kinds] == [0.2] * 4


@pytest.mark.parametrize(
    ("event", "flag"),
    [
        ("push", "is_push"),
        ("pull_request_target", "is_pull_request"),
        ("merge_request_event", "is_pull_request"),
        ("schedule", "is_scheduled"),
        ("cron", "is_scheduled"),
    ],
)
def test_an_event_raises_one_flag(event: str, flag: str) -> None:
    facts = facts_of(event=event)

    flags = {name for name in NAMES if name.startswith("is_") and facts[name] == 1}
    assert flags == {flag}


def test_a_number_too_large_for_a_row_is_infinite_without_a_warning() -> None:
    asked = Timeline().asked(0, change=Change(lines_added=1e300))

    assert asked["change.lines_added"] == inf
