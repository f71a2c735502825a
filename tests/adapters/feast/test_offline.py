"""Feast's point-in-time join over the history: what was known just before, no more."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from breakcast.adapters.feast.messages import MICROSECOND, stamp_of
from breakcast.adapters.feast.repository import Repository, SetUp
from breakcast.features.columns import catalog_of
from breakcast.features.store import StoredRecord
from tests.adapters.feast.servers import apply, run_feast

ELSEWHERE = Path(__file__).parent / "elsewhere"
NOON = datetime(2026, 5, 4, 12, 0, 0, 123_456, UTC)
TRACK = "tracks\x1facme"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("offline")
    repository = apply(folder, catalog_of(), SetUp.DEVELOPMENT)
    with repository.history.of("acme") as history:
        for hours, record in ((0, b"first"), (1, b"second"), (2, b"")):
            stamp = stamp_of(NOON + timedelta(hours=hours))
            history.add({"tracks": {"acme": StoredRecord(stamp, record)}})
            large = record * 2_000
            history.add({"neighbourhoods": {"acme": StoredRecord(stamp, large)}})
    late = repository.history.path / "late.parquet"
    duckdb.sql(
        "SELECT 'tracks\x1flate' AS record_key, 'bGF0ZQ==' AS record, "
        "TIMESTAMPTZ '2026-05-04 12:00:00Z' AS event_timestamp, "
        "TIMESTAMPTZ '2026-05-04 15:00:00Z' AS created"
    ).write_parquet(str(late))
    return repository


def as_of(
    repository: Repository, asked: list[tuple[str, datetime]]
) -> list[str | None]:
    """Read records in Feast's environment, on a machine far from Greenwich."""
    words = json.dumps([(key, at.isoformat()) for key, at in asked])
    ended = run_feast(
        *(str(ELSEWHERE / "point_in_time.py"), str(repository.folder), words),
        folder=repository.folder,
        variables={"TZ": "America/New_York"},
    )
    assert ended.returncode == 0, ended.stderr
    texts: list[str | None] = json.loads(ended.stdout.splitlines()[-1])
    return texts


def test_a_record_is_read_as_known_just_before(repository: Repository) -> None:
    hour = timedelta(hours=1)
    asked = {
        NOON - hour: None,
        # What becomes known at the very as-of is not known, though Feast joins it.
        NOON: None,
        NOON + MICROSECOND: "first",
        NOON + hour: "first",
        NOON + hour + MICROSECOND: "second",
        NOON + 2 * hour: "second",
        # It has been dropped since, and stays so: nothing ages out of a join.
        NOON + 2 * hour + MICROSECOND: "",
        NOON + timedelta(days=5_000): "",
    }

    assert as_of(repository, [(TRACK, at) for at in asked]) == list(asked.values())


def test_each_of_many_questions_is_answered(repository: Repository) -> None:
    """Two builds may start at one moment, and ask about what nobody knows."""
    later = NOON + MICROSECOND
    asked = [(TRACK, later), ("tracks\x1fnone", later), (TRACK, later)]

    assert as_of(repository, asked) == ["first", None, "first"]


def test_a_large_record_is_read_as_a_small_one_is(repository: Repository) -> None:
    hours = [MICROSECOND + timedelta(hours=hour) for hour in range(3)]
    asked = [("neighbourhoods\x1facme", NOON + hour) for hour in hours]

    assert as_of(repository, asked) == ["first" * 2_000, "second" * 2_000, ""]


def test_what_was_made_later_is_not_read_before(repository: Repository) -> None:
    at = datetime(2026, 5, 4, 15, tzinfo=UTC)
    asked = [("tracks\x1flate", at), ("tracks\x1flate", at + MICROSECOND)]

    assert as_of(repository, asked) == [None, "late"]


def test_the_engine_we_never_use_loses_answers(repository: Repository) -> None:
    """Dask is Feast's default; once it loses none, this fails."""
    script = str(ELSEWHERE / "engines_compared.py")
    ended = run_feast(script, str(repository.folder), folder=repository.folder)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == {
        "duckdb": [2, 1],
        "dask": [1, 0],
    }
