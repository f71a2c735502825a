"""Parquet files are read by their types, and refused where those do not do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from breakcast.errors import BuildsFileError
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Change,
    Outcome,
)
from tests.history.made_builds import NOW, events_of, places, read


def write_parquet(folder: Path, select: str) -> Path:
    path = folder / "builds.parquet"
    with duckdb.connect() as connection:
        connection.sql(select).write_parquet(str(path))
    return path


def test_parquet_types_are_read_as_meant(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path,
        """
        SELECT 'acme/shop' AS repo, 8812::BIGINT AS build_id,
            TIMESTAMPTZ '2026-01-01 13:00:00+01' AS started_at,
            TIMESTAMP '2026-01-01 12:10:00.250' AS finished_at,
            'failed' AS outcome, 8811.0::DOUBLE AS parent_build_id,
            2::SMALLINT AS attempt, true AS is_bot, NULL AS branch,
            '12' AS lines_added, 3::DECIMAL(4, 1) AS lines_deleted,
            'nan'::DOUBLE AS "signal.gone", 1.5::FLOAT AS "signal.churn",
            [1] AS ignored
        """,
    )
    builds = read_builds(path, now=NOW)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    key = BuildKey("file", "acme/shop", "default", "8812", 2)
    assert events_of(builds) == [
        BuildStarted(
            occurred_at=noon,
            build=Build(
                key=key,
                parent_build_id="8811",
                is_bot=True,
                change=Change(lines_added=12, lines_deleted=3),
                signals={"churn": 1.5},
            ),
        ),
        BuildFinished(
            occurred_at=noon + timedelta(minutes=10, milliseconds=250),
            key=key,
            outcome=Outcome.FAILED,
        ),
    ]
    assert builds.rows_total == 1
    assert builds.report.unknown_columns == ("ignored",)


def test_parquet_refusals_are_numbered_as_if_below_a_header(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path,
        """
        SELECT 'acme/shop' AS repo, n AS build_id, 'passed' AS outcome,
            '2026-01-01' AS started_at,
            (CASE WHEN n = 700 THEN 'inf' ELSE n::VARCHAR END)::DOUBLE AS "signal.x"
        FROM range(1000) t(n) ORDER BY n
        """,
    )
    builds = read(path)
    assert places(builds) == [(702, "signal.x", "inf")]


@pytest.mark.parametrize(
    ("column", "kind", "value", "wanted"),
    [
        ("started_at", "BIGINT", "1767268800", "a timestamp, or ISO 8601 text"),
        ("repo", "VARCHAR[]", "['a']", "text"),
        ("files_added", "TIMESTAMP", "'2026-01-01'", "numbers"),
        ("outcome", "STRUCT(a INTEGER)", "{'a': 1}", "text"),
    ],
)
def test_a_column_of_a_wrong_type_is_refused(
    tmp_path: Path, column: str, kind: str, value: str, wanted: str
) -> None:
    columns = {
        "repo": "'acme/shop'",
        "build_id": "'1'",
        "started_at": "'2026-01-01'",
        "outcome": "'passed'",
        column: f"{value}::{kind}",
    }
    cells = ", ".join(f"{cell} AS {name}" for name, cell in columns.items())
    path = write_parquet(tmp_path, f"SELECT {cells}")
    with pytest.raises(BuildsFileError) as refused:
        read_builds(path)
    assert f"column {column} of {path} is of type {kind}" in str(refused.value)
    assert f"it must be {wanted}" in str(refused.value)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_parquet_is_refused(tmp_path: Path, kept: float) -> None:
    path = write_parquet(
        tmp_path,
        "SELECT 'a/b' repo, n build_id, '2026-01-01' started_at, 'passed' outcome "
        "FROM range(10000) t(n)",
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(BuildsFileError, match="cannot be read as Parquet"):
        read_builds(path)


def test_damage_inside_a_parquet_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path,
        "SELECT 'a/b' repo, hash(n)::VARCHAR build_id, '2026-01-01' started_at, "
        "'passed' outcome FROM range(10000) t(n)",
    )
    damaged = bytearray(path.read_bytes())
    damaged[1_000:60_000] = bytes(59_000)
    path.write_bytes(damaged)
    with pytest.raises(BuildsFileError, match="cannot be read as Parquet"):
        read(path)


def test_a_parquet_without_rows_is_refused(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path,
        "SELECT '' repo, '' build_id, '' started_at, '' outcome WHERE false",
    )
    with pytest.raises(BuildsFileError, match="holds column names but no rows"):
        read(path)


@pytest.mark.parametrize("name", ["a'b.parquet", "a[1]*.parquet", "x=1/b.parquet"])
def test_a_parquet_may_have_any_name(tmp_path: Path, name: str) -> None:
    plain = write_parquet(
        tmp_path,
        "SELECT 'a/b' repo, 1 build_id, '2026-01-01' started_at, 'passed' outcome",
    )
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    plain.rename(path)
    builds = read(path)
    assert builds.report.accepted == 1
    assert builds.report.unknown_columns == ()
