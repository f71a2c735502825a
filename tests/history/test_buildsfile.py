"""Rows of a builds file become facts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from breakcast.errors import BadInput
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Change,
    Outcome,
)
from tests.history.made_builds import HEADER, NOW, PLAIN, events_of, read, write_csv


def test_a_row_with_all_columns_becomes_a_start_and_a_finish(tmp_path: Path) -> None:
    columns = {
        "repo": "acme/shop",
        "build_id": "8812",
        "started_at": "2026-01-01T12:00:00Z",
        "outcome": "failure",
        "source": "github",
        "finished_at": "2026-01-01T12:10:00.250Z",
        "pipeline": "ci.yml",
        "attempt": "2",
        "branch": "main",
        "event": "push",
        "commit_sha": "c0ffee",
        "parent_build_id": "8811",
        "author": "ada",
        "is_bot": "false",
        "files_added": "1",
        "files_modified": "0",
        "files_deleted": "",
        "lines_added": "12",
        "lines_deleted": "3",
        "changed_paths": "a.py;b/c.py",
        "duration_seconds": "600",
        "signal.churn": "0.5",
        "signal.team": "",
        "result.tests": "10",
    }
    path = write_csv(
        tmp_path, ",".join(columns.values()), header=",".join(columns.keys())
    )
    builds = read_builds(path, identity=str.upper, now=NOW)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    key = BuildKey("github", "acme/shop", "ci.yml", "8812", 2)
    assert events_of(builds) == [
        BuildStarted(
            occurred_at=noon,
            build=Build(
                key=key,
                branch="main",
                event="push",
                commit_sha="c0ffee",
                parent_build_id="8811",
                author="ADA",
                is_bot=False,
                change=Change(1.0, 0.0, None, 12.0, 3.0, ("a.py", "b/c.py")),
                signals={"churn": 0.5},
            ),
        ),
        BuildFinished(
            occurred_at=noon + timedelta(minutes=10, milliseconds=250),
            key=key,
            outcome=Outcome.FAILED,
            results={"tests": 10.0},
        ),
    ]
    assert builds.report.signals == ("churn", "team")
    assert builds.report.results == ("tests",)


def test_the_required_columns_are_enough(tmp_path: Path) -> None:
    start, finish = events_of(read_builds(write_csv(tmp_path, PLAIN)))
    assert start == BuildStarted(
        occurred_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
        build=Build(BuildKey("file", "acme/shop", "default", "1", 1)),
    )
    assert isinstance(finish, BuildFinished)


def test_unknown_columns_are_told_about_and_ignored(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path, PLAIN + ",x,y,1", header=HEADER + ",weather,signal.,Signal.churn"
    )
    builds = read(path)
    assert builds.report.unknown_columns == ("weather", "signal.", "Signal.churn")
    assert builds.report.accepted == 1
    assert builds.report.signals == ()


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path,
        "passed,1,7,2026-01-01T12:00:00Z,acme/shop",
        header="outcome,signal.x,build_id,started_at,repo",
    )
    start, _ = events_of(read_builds(path))
    assert start.key.build_id == "7"


def test_without_a_finish_the_duration_counts(tmp_path: Path) -> None:
    path = write_csv(tmp_path, PLAIN + ",90", header=HEADER + ",duration_seconds")
    _, finish = events_of(read_builds(path))
    assert finish.occurred_at == datetime(2026, 1, 1, 12, 1, 30, tzinfo=UTC)
    assert isinstance(finish, BuildFinished)
    assert not finish.is_assumed


def test_without_a_duration_either_the_finish_is_assumed_and_counted(
    tmp_path: Path,
) -> None:
    builds = read_builds(write_csv(tmp_path, PLAIN), assume_minutes=45)
    _, finish = events_of(builds)
    assert finish.occurred_at == datetime(2026, 1, 1, 12, 45, tzinfo=UTC)
    assert isinstance(finish, BuildFinished)
    assert finish.is_assumed
    assert builds.report.assumed_finishes == 1


@pytest.mark.parametrize("minutes", [-1, float("nan"), float("inf"), 1e9])
def test_an_impossible_assumption_is_refused(tmp_path: Path, minutes: float) -> None:
    with pytest.raises(BadInput, match="assume_minutes is"):
        read_builds(write_csv(tmp_path, PLAIN), assume_minutes=minutes)


def test_a_build_without_an_outcome_has_started_only(tmp_path: Path) -> None:
    builds = read_builds(write_csv(tmp_path, "acme/shop,1,2026-01-01T12:00Z,"))
    (only,) = events_of(builds)
    assert isinstance(only, BuildStarted)
    assert builds.report.accepted == 1
    assert builds.report.outcomes == {}


def test_outcomes_are_counted_and_none_is_one(tmp_path: Path) -> None:
    rows = [
        f"acme/shop,{number},2026-01-01T12:00:00Z,{word}"
        for number, word in enumerate(["SUCCESS", "timed_out", "cancelled", "none"])
    ]
    assert read(write_csv(tmp_path, *rows)).report.outcomes == {
        Outcome.PASSED: 1,
        Outcome.FAILED: 1,
        Outcome.NONE: 2,
    }


def test_without_an_identity_authors_are_left_out(tmp_path: Path) -> None:
    path = write_csv(tmp_path, PLAIN + ",ada", header=HEADER + ",author")
    start, _ = events_of(read_builds(path))
    assert isinstance(start, BuildStarted)
    assert start.build.author is None


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31t09:30:00", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31 09:30", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        (
            "2026-01-31 09:30:00.5+02:00",
            datetime(2026, 1, 31, 7, 30, 0, 500_000, tzinfo=UTC),
        ),
        ("2026-01-31T09:30:00-0800", datetime(2026, 1, 31, 17, 30, tzinfo=UTC)),
        (
            "2026-01-31T09:30:00.123456789Z",
            datetime(2026, 1, 31, 9, 30, 0, 123_456, tzinfo=UTC),
        ),
        ("  2026-01-31  ", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc(tmp_path: Path, text: str, utc: datetime) -> None:
    start, _ = events_of(read_builds(write_csv(tmp_path, f"a/b,1,{text},passed")))
    assert start.occurred_at == utc
    assert start.occurred_at.tzinfo is UTC


@pytest.mark.parametrize("unknown", ["", "NaN", "null", "NA", " "])
def test_an_unknown_number_is_left_out(tmp_path: Path, unknown: str) -> None:
    path = write_csv(
        tmp_path,
        f"{PLAIN},{unknown},{unknown},{unknown},{unknown}",
        header=HEADER + ",signal.x,result.y,files_added,attempt",
    )
    start, finish = events_of(read_builds(path))
    assert isinstance(start, BuildStarted)
    assert isinstance(finish, BuildFinished)
    assert (start.build.signals, finish.results) == ({}, {})
    assert start.build.change is None
    assert start.key.attempt == 1
