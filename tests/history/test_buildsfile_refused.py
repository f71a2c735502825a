"""A file that cannot be read is refused whole, with what would be right."""

import gzip
from pathlib import Path

import pytest

from breakcast.errors import BuildsFileError
from breakcast.history.buildsfile import read_builds
from tests.history.made_builds import HEADER, PLAIN, events_of, read, write_csv


@pytest.mark.parametrize("name", ["builds.csv", "builds.csv.gz", "builds.parquet"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BuildsFileError, match=f"{name} does not exist"):
        read_builds(tmp_path / name)


def test_a_directory_is_no_builds_file(tmp_path: Path) -> None:
    with pytest.raises(BuildsFileError, match="is a directory"):
        read_builds(tmp_path)


def test_another_ending_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "builds.xlsx"
    path.touch()
    with pytest.raises(BuildsFileError, match=r"does not end as a \.csv, \.csv\.gz or"):
        read_builds(path)


@pytest.mark.parametrize("name", ["empty.csv", "empty.csv.gz", "empty.parquet"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    with pytest.raises(BuildsFileError, match=r"is empty|cannot be read as Parquet"):
        read_builds(path)


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildsFileError, match="holds column names but no rows"):
        read(write_csv(tmp_path))


def test_missing_columns_are_named_beside_those_present(tmp_path: Path) -> None:
    path = write_csv(tmp_path, "acme/shop,1", header="repo,id")
    with pytest.raises(BuildsFileError) as refused:
        read_builds(path)
    assert "has no column build_id, started_at, outcome" in str(refused.value)
    assert "it has 'repo', 'id'" in str(refused.value)


def test_another_separator_shows_as_one_column(tmp_path: Path) -> None:
    path = write_csv(tmp_path, PLAIN.replace(",", ";"), header=HEADER.replace(",", ";"))
    with pytest.raises(
        BuildsFileError, match=r"has 'repo;build_id.*separated by commas"
    ):
        read_builds(path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("signal." + "x" * 1_024, "has 1031 characters"), ("signal.\x1b", "'\\\\x1b'")],
)
def test_a_hostile_column_name_is_refused(
    tmp_path: Path, name: str, reason: str
) -> None:
    path = write_csv(tmp_path, PLAIN + ",1", header=f"{HEADER},{name}")
    with pytest.raises(BuildsFileError, match=reason) as refused:
        read_builds(path)
    assert str(refused.value).isprintable()


def test_a_file_of_bytes_is_refused_in_a_message_one_can_read(tmp_path: Path) -> None:
    path = tmp_path / "builds.csv"
    path.write_bytes(bytes(range(128)) * 10_000)
    with pytest.raises(BuildsFileError) as refused:
        read_builds(path)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 2_000


def test_a_column_given_twice_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path, PLAIN + ",failed", header=HEADER + ",outcome")
    with pytest.raises(BuildsFileError, match="has column outcome more than once"):
        read_builds(path)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "builds.csv"
    path.write_bytes(f"{HEADER},branch\n{PLAIN},früh\n".encode("latin-1"))
    with pytest.raises(BuildsFileError, match="is not UTF-8: byte 0xfc at or after"):
        read(path)


def test_utf16_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "builds.csv"
    path.write_text(f"{HEADER}\n{PLAIN}\n", encoding="utf-16")
    with pytest.raises(BuildsFileError, match="is not UTF-8: byte 0xff"):
        read(path)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "builds.csv"
    path.write_text(f"{HEADER}\r\n{PLAIN}\r\n", encoding="utf-8-sig")
    assert read(path).report.accepted == 1


def test_gzipped_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "builds.CSV.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n{PLAIN}\n".encode()))
    assert read(path).report.accepted == 1


def test_gzipped_text_that_breaks_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "builds.csv.gz"
    lines = "\n".join(f"acme/shop,{n},2026-01-01,passed" for n in range(10_000))
    path.write_bytes(gzip.compress(f"{HEADER}\n{lines}\n".encode())[:-2_000])
    with pytest.raises(BuildsFileError, match="cannot be read to its end"):
        read(path)


def test_text_that_is_not_gzipped_is_no_gz_file(tmp_path: Path) -> None:
    path = tmp_path / "builds.csv.gz"
    path.write_text(f"{HEADER}\n{PLAIN}\n", encoding="utf-8")
    with pytest.raises(BuildsFileError, match="cannot be read to its end"):
        read_builds(path)


def test_a_file_is_read_once(tmp_path: Path) -> None:
    builds = read_builds(write_csv(tmp_path, PLAIN))
    events_of(builds)
    with pytest.raises(BuildsFileError, match="was read already; open it again"):
        events_of(builds)
