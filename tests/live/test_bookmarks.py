"""Bookmarks say what is left, whatever interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakcast.errors import BadInput
from breakcast.history.events import BuildFinished, BuildKey, Outcome
from breakcast.live.bookmarks import Bookmarks
from breakcast.live.source import Detail, Window

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 20


def day(since: int, until: int) -> Window:
    return Window(START + timedelta(days=since), START + timedelta(days=until))


def detail(number: int, attempts: int) -> Detail:
    key = BuildKey("github", "acme/shop", "ci.yml", str(number), attempts)
    return Detail(BuildFinished(occurred_at=START, key=key, outcome=Outcome.FAILED))


@contextmanager
def opened(
    folder: Path, *, position: int = 0, ledger: str = "ours", repo: str = "acme/shop"
) -> Iterator[Bookmarks]:
    with Bookmarks.open(
        folder / "b.db", ledger=ledger, position=position, source="github", repo=repo
    ) as marks:
        yield marks


_DAYS = st.tuples(st.integers(0, DAYS - 1), st.integers(1, DAYS)).filter(
    lambda pair: pair[0] < pair[1]
)


# A file each: the disk may take its time.
@settings(deadline=None, max_examples=50)
@given(done=st.lists(_DAYS, max_size=8))
def test_gaps_are_what_is_not_done(
    tmp_path_factory: pytest.TempPathFactory, done: list[tuple[int, int]]
) -> None:
    with opened(tmp_path_factory.mktemp("marks")) as marks:
        for since, until in done:
            marks.set(day(since, until), [], position=1)
        gaps = marks.gaps(day(0, DAYS))

    left = {
        one
        for one in range(DAYS)
        if not any(since <= one < until for since, until in done)
    }
    assert [
        one
        for gap in reversed(gaps)
        for one in range((gap.since - START).days, (gap.until - START).days)
    ] == sorted(left)


def test_they_are_kept_for_each_repository_and_ledger(tmp_path: Path) -> None:
    with opened(tmp_path) as marks:
        marks.set(day(0, 9), [detail(1, 1)], position=5)

    with opened(tmp_path, position=5) as marks:
        assert marks.gaps(day(0, 9)) == []
        assert marks.count_waiting() == 1
    with opened(tmp_path, position=5, repo="acme/other") as marks:
        assert (marks.gaps(day(0, 9)), marks.count_waiting()) == ([day(0, 9)], 0)
    with opened(tmp_path, ledger="another") as marks:
        assert (marks.gaps(day(0, 9)), marks.count_waiting()) == ([day(0, 9)], 0)


def test_a_ledger_that_is_behind_its_bookmarks_is_another_one(tmp_path: Path) -> None:
    with opened(tmp_path) as marks:
        marks.set(day(0, 9), [detail(1, 1)], position=5)

    with opened(tmp_path, position=4) as marks:
        assert (marks.gaps(day(0, 9)), marks.count_waiting()) == ([day(0, 9)], 0)


def test_a_build_that_was_asked_about_is_asked_again_only_if_it_was_re_run(
    tmp_path: Path,
) -> None:
    once, twice = detail(1, 1), detail(1, 2)
    with opened(tmp_path) as marks:
        marks.set(None, [once], position=1)
        marks.set_read([once], position=2)
        marks.set(None, [once], position=3)
        assert marks.waiting(9) == []

        marks.set(None, [twice], position=4)
        assert marks.waiting(9) == [twice]
        # Read meanwhile, with one attempt: the second is still to be read.
        marks.set_read([once], position=5)
        assert marks.waiting(9) == [twice]


def test_re_run_builds_come_first_then_the_newest(tmp_path: Path) -> None:
    builds = [detail(9, 1), detail(10, 1)]
    with opened(tmp_path) as marks:
        marks.set(None, [*builds, detail(2, 2)], position=1)

        assert [one.build_id for one in marks.waiting(9)] == ["2", "10", "9"]
        assert [one.build_id for one in marks.waiting(1)] == ["2"]


def test_a_file_that_holds_something_else_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.db").write_bytes(b"no database" * 100)

    with (
        pytest.raises(BadInput, match=r"b\.db cannot be used.*remove the file"),
        opened(tmp_path),
    ):
        pass
