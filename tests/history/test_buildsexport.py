"""What an import took in comes out again, and in again, equal."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakcast.errors import BadInput, BuildsFileError
from breakcast.history.buildsexport import WrittenBuilds, write_builds
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Cause,
    CauseSettled,
    Change,
    Event,
    Outcome,
)
from breakcast.history.identity import AuthorIdentity
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from tests.history.made_builds import NOON, events_of, finished, many_builds, started

FORMATS = ["csv", "csv.gz", "parquet"]
IDENTITY = AuthorIdentity(bytes(32))

_characters = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
_names = st.text(_characters, min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)
_repos = _names.filter(lambda name: not name.startswith("/"))
_paths = _names.filter(lambda name: ";" not in name)
_counts = st.none() | st.floats(0, 1e12)
_numbers = st.dictionaries(
    _names, st.floats(allow_nan=False, allow_infinity=False), max_size=4
)
_times = st.datetimes(
    datetime(1990, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
_changes = st.builds(
    Change,
    *[_counts] * 5,
    st.lists(_paths, max_size=3).map(tuple),
).filter(lambda change: change != Change())
_builds = st.builds(
    Build,
    key=st.builds(BuildKey, _names, _repos, _names, _names, st.integers(1, 2**31 - 1)),
    branch=st.none() | _names,
    event=st.none() | _names,
    commit_sha=st.none() | _names,
    parent_build_id=st.none() | _names,
    author=st.none() | _names.map(IDENTITY),
    is_bot=st.none() | st.booleans(),
    change=st.none() | _changes,
    signals=_numbers,
)


@st.composite
def _histories(draw: st.DrawFn) -> list[Event]:
    facts: list[Event] = []
    keys = draw(st.lists(_builds, max_size=5, unique_by=lambda build: build.key))
    for build in keys:
        at = draw(_times)
        facts.append(BuildStarted(occurred_at=at, build=build))
        if draw(st.booleans()):
            minutes = draw(st.none() | st.floats(0, 1e5))
            is_assumed = minutes is None
            facts.append(
                BuildFinished(
                    occurred_at=at + timedelta(minutes=30 if is_assumed else minutes),
                    key=build.key,
                    outcome=draw(st.sampled_from(Outcome)),
                    results=draw(_numbers),
                    is_assumed=is_assumed,
                )
            )
    return facts


@pytest.mark.parametrize("ending", FORMATS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=_histories())
def test_exported_and_imported_again_facts_are_equal(
    ending: str, history: list[Event]
) -> None:
    with TemporaryDirectory() as folder, Ledger.temporary() as first:
        path = Path(folder) / f"builds.{ending}"
        first.append(history)
        write_builds(path, first)
        if not history:
            with pytest.raises(BuildsFileError, match="no rows"):
                events_of(read_builds(path))
            return
        with Ledger.temporary() as second:
            summary = import_builds(second, read_builds(path, identity=IDENTITY))
            assert summary.found.refusals == ()
            assert list(second) == list(first)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_name_may_begin_like_a_comment(tmp_path: Path, ending: str) -> None:
    """DuckDB, left to guess, took such a line for one and dropped the row."""
    path = tmp_path / f"builds.{ending}"
    facts = [started(repo="acme"), started("2", repo="acme"), started(repo="#")]
    write_builds(path, facts)
    assert events_of(read_builds(path)) == facts


def test_what_a_builds_file_cannot_hold_is_counted(tmp_path: Path) -> None:
    settled = CauseSettled(occurred_at=NOON, key=started().key, cause=Cause.FLAKY)
    facts = [started(), finished(), settled, finished("of an unknown start")]
    written = write_builds(tmp_path / "builds.csv", facts)
    assert written == WrittenBuilds(builds=1, left_out=2)


def test_when_a_fact_reached_us_is_not_written(tmp_path: Path) -> None:
    told_late = started(received_at=NOON + timedelta(days=1))
    write_builds(tmp_path / "builds.csv", [told_late])
    assert events_of(read_builds(tmp_path / "builds.csv")) == [started()]


def test_an_outcome_known_before_its_start_finds_it(tmp_path: Path) -> None:
    write_builds(tmp_path / "builds.csv", [finished(), started()])
    assert events_of(read_builds(tmp_path / "builds.csv")) == [started(), finished()]


def test_a_guessed_finish_is_not_written_as_a_fact(tmp_path: Path) -> None:
    guessed = BuildFinished(
        occurred_at=NOON + timedelta(minutes=30),
        key=started().key,
        outcome=Outcome.PASSED,
        is_assumed=True,
    )
    write_builds(tmp_path / "builds.csv", [started(), guessed])
    _, again = events_of(read_builds(tmp_path / "builds.csv", assume_minutes=5))
    assert again.occurred_at == NOON + timedelta(minutes=5)


def test_a_path_with_a_semicolon_is_left_out(tmp_path: Path) -> None:
    build = Build(started().key, change=Change(paths=("a;b.py", "c.py")))
    write_builds(tmp_path / "b.csv", [BuildStarted(occurred_at=NOON, build=build)])
    (again,) = events_of(read_builds(tmp_path / "b.csv"))
    assert isinstance(again, BuildStarted)
    assert again.build.change == Change(paths=("c.py",))


def test_an_iterator_is_refused_for_it_can_be_read_only_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="hand over a list or a Ledger"):
        write_builds(tmp_path / "builds.csv", iter(many_builds(1)))


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildsFileError, match=r"must end in \.csv, \.csv\.gz or"):
        write_builds(tmp_path / "builds.json", [])


def test_a_folder_that_is_not_there_is_told_about(tmp_path: Path) -> None:
    with pytest.raises(BuildsFileError, match="cannot be written"):
        write_builds(tmp_path / "away" / "builds.csv", [])


@pytest.mark.parametrize("ending", FORMATS)
def test_a_failed_export_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"builds.{ending}"
    path.write_bytes(b"old")

    class Failing(list[Event]):
        def __iter__(self) -> "Failing":
            raise BuildsFileError

    with pytest.raises(BuildsFileError):
        write_builds(path, Failing())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_its_owner_reads_an_export(tmp_path: Path) -> None:
    write_builds(tmp_path / "builds.csv", [started()])
    assert stat.S_IMODE((tmp_path / "builds.csv").stat().st_mode) == 0o600
