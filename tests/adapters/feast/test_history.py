"""The records' history, as Parquet."""

from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from breakcast.adapters.feast.history import LARGE_BYTES, HistoryFolder
from breakcast.errors import StoreError
from breakcast.features.store import StoredRecord

NOON = 1_777_896_000_000_001


def versions(folder: HistoryFolder) -> list[tuple[str, str, int, int]]:
    return (
        duckdb.read_parquet(f"{folder.path}/*.parquet")
        .project("record_key, record, epoch_us(event_timestamp), epoch_us(created)")
        .fetchall()
    )


@pytest.fixture
def folder(tmp_path: Path) -> HistoryFolder:
    folder = HistoryFolder(tmp_path / "history")
    folder.create()
    return folder


def test_every_version_is_kept_in_order_of_keys_and_times(
    folder: HistoryFolder,
) -> None:
    with folder.of("acme") as history:
        history.add({"tracks": {"acme\x1fb": StoredRecord(NOON, b"one")}})
        history.add(
            {
                "tracks": {"acme\x1fb": StoredRecord(NOON + 1, b"")},
                "nodes": {"acme\x1fa": StoredRecord(NOON + 1, b"\xff")},
            }
        )

    assert history.versions == 3
    assert versions(folder) == [
        ("nodes\x1facme\x1fa", "/w==", NOON + 1, NOON + 1),
        ("tracks\x1facme\x1fb", "b25l", NOON, NOON),
        ("tracks\x1facme\x1fb", "", NOON + 1, NOON + 1),
    ]


def test_its_times_are_told_as_utc(folder: HistoryFolder) -> None:
    """Where no zone is told, Feast takes that of the machine."""
    with folder.of("acme") as history:
        history.add({"tracks": {"acme": StoredRecord(NOON, b"one")}})

    kept = duckdb.read_parquet(f"{folder.path}/*.parquet")
    assert dict(zip(kept.columns, map(str, kept.types), strict=True)) == {
        "record_key": "VARCHAR",
        "record": "VARCHAR",
        "event_timestamp": "TIMESTAMP WITH TIME ZONE",
        "created": "TIMESTAMP WITH TIME ZONE",
    }


def test_an_organisation_is_written_anew_beside_the_others(
    folder: HistoryFolder,
) -> None:
    for organisation, stamp in (("acme", 1), ("umbrella", 2), ("acme", 3)):
        with folder.of(organisation) as history:
            history.add({"tracks": {organisation: StoredRecord(stamp, b"x")}})

    assert sorted(row[0::2] for row in versions(folder)) == [
        ("tracks\x1facme", 3),
        ("tracks\x1fumbrella", 2),
    ]


@pytest.mark.parametrize("organisation", ["", "..", "a" * 300, "ä\x00\n", "*?[x]"])
def test_an_organisation_may_be_called_anything(
    folder: HistoryFolder, organisation: str
) -> None:
    with folder.of(organisation) as history:
        history.add({"tracks": {organisation: StoredRecord(1, b"x")}})

    assert len(versions(folder)) == 1
    assert [path.suffix for path in folder.path.iterdir()] == [".parquet"] * 2


def test_what_breaks_off_leaves_what_there_was(folder: HistoryFolder) -> None:
    with folder.of("acme") as history:
        history.add({"tracks": {"acme": StoredRecord(1, b"old")}})
    before = {path: path.read_bytes() for path in folder.path.iterdir()}

    with ExitStack() as stack:
        stack.enter_context(pytest.raises(KeyboardInterrupt))
        history = stack.enter_context(folder.of("acme"))
        history.add({"tracks": {"acme": StoredRecord(2, b"new")}})
        raise KeyboardInterrupt

    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_more_versions_than_memory_holds_are_all_kept(folder: HistoryFolder) -> None:
    with folder.of("acme") as history:
        for start in range(0, 120_000, 1_000):
            history.add(
                {
                    "tallies": {
                        f"acme\x1f{i}": StoredRecord(i, b"x")
                        for i in range(start, start + 1_000)
                    }
                }
            )

    assert history.versions == 120_000
    assert len(versions(folder)) == 120_000


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file")

    with pytest.raises(StoreError, match=r"history .* cannot be written"):
        HistoryFolder(tmp_path / "history").create()


def test_large_records_are_referred_to_and_read_by_what_refers_to_them(
    folder: HistoryFolder,
) -> None:
    large = {stamp: bytes([stamp]) * (LARGE_BYTES + 1) for stamp in range(1, 6)}
    with folder.of("acme") as history:
        for stamp, record in large.items():
            history.add({"neighbourhoods": {"acme": StoredRecord(stamp, record)}})
        history.add({"tracks": {"acme": StoredRecord(3, bytes(LARGE_BYTES))}})

    key = "neighbourhoods\x1facme"
    kept = versions(folder)
    assert [row[:3] for row in kept[:-1]] == [
        (key, f"@{stamp}", stamp) for stamp in large
    ]
    assert len(kept[-1][1]) > LARGE_BYTES
    assert folder.large([(key, 2), (key, 5)]) == {
        (key, 2): large[2],
        (key, 5): large[5],
    }
    assert folder.large([]) == {}
    with pytest.raises(StoreError, match="lacks 1 records that the history refers to"):
        folder.large([(key, 2), (key, 9)])


def test_large_records_that_are_not_there_are_told(folder: HistoryFolder) -> None:
    with pytest.raises(StoreError, match=r"large records in .* cannot be read"):
        folder.large([("neighbourhoods\x1facme", 1)])
