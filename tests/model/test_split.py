"""The past teaches and the newest builds judge; what lies between is left out."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breakcast.errors import BadInput
from breakcast.model.split import (
    is_known_before,
    is_known_by,
    is_labelled,
    is_last_fraction,
    retrain_times,
)
from tests.model.made_table import NEVER, make_table

calmly = settings(deadline=None, derandomize=True)
PER_CENT = st.integers(1, 99)
REPOS = st.lists(st.integers(0, 5), max_size=60)


@pytest.mark.parametrize(
    ("builds", "tested"), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2), (10, 2)]
)
def test_the_newest_fifth_is_marked_rounded_up(builds: int, tested: int) -> None:
    table = make_table([0] * builds)

    marked = is_last_fraction(table, np.ones(builds, bool), 0.2)

    assert marked.tolist() == [False] * (builds - tested) + [True] * tested


@calmly
@given(repo=REPOS, per_cent=PER_CENT)
@example(repo=[0] * 10, per_cent=80)
def test_each_repository_is_cut_on_its_own(repo: list[int], per_cent: int) -> None:
    """In whole numbers, for .8 of ten builds are eight, whatever floats say."""
    table = make_table(repo)

    marked = is_last_fraction(table, np.ones(len(repo), bool), per_cent / 100)

    by_repo: dict[int, list[bool]] = defaultdict(list)
    for build, mark in zip(repo, marked, strict=True):
        by_repo[build].append(bool(mark))
    for marks in by_repo.values():
        before = len(marks) * (100 - per_cent) // 100
        assert marks == [False] * before + [True] * (len(marks) - before)


@calmly
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40))
def test_builds_that_do_not_count_are_passed_over(
    builds: list[tuple[int, bool]],
) -> None:
    """The cut is the one that the counted builds alone would have had."""
    counted = [repo for repo, counts in builds if counts]
    of = np.array([counts for _, counts in builds], bool)
    table = make_table([repo for repo, _ in builds])

    marked = is_last_fraction(table, of, 0.3)

    alone = is_last_fraction(make_table(counted), np.ones(len(counted), bool), 0.3)
    assert marked[of].tolist() == alone.tolist()
    assert not marked[~of].any()


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 20.0, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(BadInput) as refused:
        is_last_fraction(make_table([0]), np.ones(1, bool), fraction)

    assert str(refused.value) == (
        f"the fraction is {fraction!r}; it must lie between 0 and 1, both excluded"
    )


def test_a_build_still_running_when_its_repository_is_judged_does_not_teach() -> None:
    """The gap between teaching and judging is one label delay wide."""
    table = make_table([0] * 4, started_at=[0, 1, 2, 3], known_at=[0.5, 3, 4, 3.5])
    judged = np.array([False, False, False, True])

    teaching = is_known_before(table, ~judged, judged)

    # The second became known in the very moment the judged build started.
    assert teaching.tolist() == [True, False, False, False]


def test_each_repository_has_a_gap_of_its_own() -> None:
    table = make_table([0, 1, 0, 1], known_at=[2.5, 2.5, 2.7, 9])
    judged = np.array([False, False, True, True])

    assert is_known_before(table, ~judged, judged).tolist() == [False, True] + 2 * [
        False
    ]


def test_a_repository_that_is_not_judged_teaches_whole() -> None:
    table = make_table([0, 1, 1], known_at=[9, 9, 9])
    judged = np.array([True, False, False])

    assert is_known_before(table, ~judged, judged).tolist() == [False, True, True]


def test_a_build_without_a_label_never_teaches() -> None:
    table = make_table([0, 0, 0], failed=[NEVER, 1, 0])
    judged = np.array([False, False, True])

    assert is_labelled(table).tolist() == [False, True, True]
    assert is_known_before(table, ~judged, judged).tolist() == [False, True, False]
    assert is_known_by(table, 1e9).tolist() == [False, True, True]


def test_what_becomes_known_at_as_of_is_not_known_by_then() -> None:
    table = make_table([0, 0, 0], known_at=[1, 2, 3])

    assert is_known_by(table, 2 * 3600.0).tolist() == [True, False, False]


@calmly
@given(st.lists(st.integers(0, 50), min_size=1, max_size=80), st.integers(1, 20))
def test_each_model_answers_for_as_many_builds(
    starts: list[int], retrains: int
) -> None:
    started_at = np.array(starts, float)

    since = retrain_times(started_at, retrains)

    assert since[0] == started_at.min()
    assert (np.diff(since) > 0).all()
    assert np.isin(since, started_at).all()
    if len(set(starts)) == len(starts):
        sizes = np.diff([*np.searchsorted(np.sort(started_at), since), len(starts)])
        assert sizes.max() - sizes.min() <= 1


def test_no_more_often_than_builds_start_is_trained_anew() -> None:
    assert retrain_times(np.array([7.0, 7.0, 7.0]), 12).tolist() == [7.0]


def test_without_a_test_build_nothing_is_ever_trained_anew() -> None:
    assert retrain_times(np.empty(0), 12).tolist() == []
