"""A bad row is refused alone, with its place and what would be right."""

from pathlib import Path

import pytest

from breakcast.history.buildsfile import read_builds
from tests.history.made_builds import (
    HEADER,
    PLAIN,
    events_of,
    places,
    read,
    write_csv,
)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("repo", "", "is empty"),
        ("repo", "/shop", "has no organisation"),
        ("build_id", " ", "is empty"),
        ("started_at", "", "is empty"),
        ("started_at", "yesterday", "is no time; write ISO 8601"),
        ("started_at", "1767268800", "is no time"),
        ("started_at", "20260101", "is no time"),
        ("started_at", "2026-13-01T00:00:00Z", "is no time"),
        ("started_at", "0001-01-01T00:00:00+14:00", "is no time"),
        ("started_at", "1989-12-31T23:59:59Z", "is before 1990"),
        ("started_at", "2026-06-02T00:00:01Z", "is in the future"),
        ("finished_at", "2026-01-01T11:59:59Z", "is before the build started"),
        ("finished_at", "soon", "is no time"),
        ("outcome", "in_progress", "nothing if still running"),
        ("outcome", "green", "write passed, failed, none"),
        ("attempt", "0", "write a whole number from 1 on"),
        ("attempt", "1.5", "write a whole number from 1 on"),
        ("attempt", "99999999999", "write a whole number from 1 on"),
        ("attempt", "first", "is no number"),
        ("is_bot", "perhaps", "write true, false, 1, 0 or nothing"),
        ("files_added", "-1", "is below zero"),
        ("lines_added", "many", "is no number"),
        ("lines_deleted", "inf", "is not finite"),
        ("duration_seconds", "-5", "is below zero"),
        ("duration_seconds", "1e300", "would end the build in the future"),
        ("duration_seconds", "1e9", "would end the build in the future"),
        ("signal.churn", "12 lines", "is no number"),
        ("signal.churn", "-Infinity", "is not finite"),
        ("result.tests", "ten", "is no number"),
        ("branch", "b" * 1025, "has 1025 characters; at most 1024"),
        ("branch", "main\x1b[31m", "holds the control character '\\x1b'"),
        ("pipeline", "c\x00i", "holds the control character '\\x00'"),
        ("event", "pu\u2028sh", "holds the control character"),
        ("changed_paths", "a.py;b\x07.py", "holds the control character"),
    ],
)
def test_a_bad_cell_is_refused_with_its_place_and_remedy(
    tmp_path: Path, column: str, value: str, reason: str
) -> None:
    columns = {
        "repo": "acme/shop",
        "build_id": "1",
        "started_at": "2026-01-01T12:00:00Z",
        "outcome": "passed",
        column: value,
    }
    bad = ",".join(f'"{cell}"' for cell in columns.values())
    good = dict(columns, **{column: ""}) | {
        "repo": "acme/shop",
        "build_id": "2",
        "started_at": "2026-01-01T12:00:00Z",
        "outcome": "passed",
    }
    path = write_csv(
        tmp_path, ",".join(good.values()), bad, header=",".join(columns.keys())
    )
    builds = read(path)
    assert builds.report.accepted == 1
    (refusal,) = builds.report.refusals
    assert (refusal.line, refusal.column) == (3, column)
    assert refusal.value in value
    assert reason in refusal.reason
    assert str(refusal).isprintable()


def test_names_with_uncommon_characters_are_taken(tmp_path: Path) -> None:
    names = ["früh/ling", "日本語", "a\u00a0b", "👩\u200d💻", "-rf", "=1+1", 'a\'b""c']
    rows = [f'{PLAIN},"{name}"' for name in names]
    builds = read(write_csv(tmp_path, *rows, header=HEADER + ",branch"))
    assert builds.report.refused == 0


def test_a_number_too_long_to_be_one_is_no_number(tmp_path: Path) -> None:
    path = write_csv(tmp_path, f"{PLAIN},{'9' * 400}", header=HEADER + ",signal.x")
    assert places(read(path)) == [(2, "signal.x", "9" * 200)]


def test_a_day_ahead_is_not_yet_the_future(tmp_path: Path) -> None:
    path = write_csv(tmp_path, "a/b,1,2026-06-01T23:59:59Z,passed")
    assert read(path).report.accepted == 1


def test_without_a_clock_no_time_is_in_the_future(tmp_path: Path) -> None:
    builds = read_builds(write_csv(tmp_path, "a/b,1,2999-01-01T00:00:00Z,passed"))
    assert len(events_of(builds)) == 2


def test_the_end_of_the_calendar_is_refused_even_without_a_clock(
    tmp_path: Path,
) -> None:
    builds = read_builds(write_csv(tmp_path, "a/b,1,9999-12-31T23:59:59Z,passed"))
    assert events_of(builds) == []
    assert places(builds) == [(2, "started_at", "9999-12-31T23:59:59Z")]


def test_rows_with_too_many_or_too_few_fields_are_refused(tmp_path: Path) -> None:
    builds = read(write_csv(tmp_path, "acme/shop,1", PLAIN, PLAIN + ",more"))
    assert places(builds) == [(2, "", "2 fields"), (4, "", "5 fields")]
    assert builds.report.accepted == 1


def test_lines_are_counted_through_quoted_line_breaks(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path,
        PLAIN + ',"two\nlines\nor three"',
        "",
        "acme/shop,2,never,passed,x",
        header=HEADER + ",comment",
    )
    assert places(read(path)) == [(6, "started_at", "never")]


def test_a_stray_quote_costs_its_row_alone(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path, 'acme/"shop",1,2026-01-01,passed', '"acme"/x,2,a,b', PLAIN
    )
    builds = read(path)
    assert builds.report.accepted == 2
    assert [refusal.line for refusal in builds.report.refusals] == [3]


def test_a_quote_that_never_closes_is_told_about(tmp_path: Path) -> None:
    builds = read(write_csv(tmp_path, PLAIN, '"acme/shop,2,2026-01-01,passed'))
    assert builds.report.accepted == 1
    (refusal,) = builds.report.refusals
    assert refusal.line == 3


def test_only_the_first_thousand_refusals_are_kept_and_all_are_counted(
    tmp_path: Path,
) -> None:
    builds = read(write_csv(tmp_path, *["acme/shop,1,never,passed"] * 1_200))
    assert builds.report.refused == builds.report.rows == 1_200
    assert len(builds.report.refusals) == 1_000


def test_rows_out_of_order_in_time_are_all_taken(tmp_path: Path) -> None:
    builds = read(
        write_csv(
            tmp_path,
            "acme/shop,2,2026-02-01T00:00:00Z,passed",
            "acme/shop,1,2026-01-01T00:00:00Z,failed",
        )
    )
    assert builds.report.accepted == 2
