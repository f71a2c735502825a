"""The promotion log: one winner for each entry, nothing changed, nothing guessed."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from breakcast.blobs import FolderBlobs
from breakcast.errors import RegistryError
from breakcast.model.promotions import Promotion, PromotionLog

AT = datetime(2026, 4, 1, 8, tzinfo=UTC)
PREFIX = "predictor/prod/promotions"


@pytest.fixture
def log(tmp_path: Path) -> PromotionLog:
    return PromotionLog(FolderBlobs(tmp_path), PREFIX)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / PREFIX


def test_an_empty_log_has_no_newest(log: PromotionLog) -> None:
    assert log.newest() is None


def test_the_highest_entry_is_the_newest(log: PromotionLog) -> None:
    for seq in range(1, 12):
        log.append(_entry(seq))

    assert log.newest() == _entry(11)
    assert log.entry(3) == _entry(3)


def test_an_entry_is_named_by_its_number_and_readable(
    log: PromotionLog, folder: Path
) -> None:
    log.append(_entry(42))

    assert [path.name for path in folder.iterdir()] == ["00000042.json"]
    entry = msgspec.json.decode((folder / "00000042.json").read_bytes())
    assert list(entry) == [
        *("seq", "at", "action", "champion", "challenger", "manifests"),
        *("actor", "reason", "verdict"),
    ]
    assert entry["at"] == "2026-04-01T08:00:00Z"


def test_who_comes_second_is_told_who_was_first(log: PromotionLog) -> None:
    log.append(_entry(1, actor="ada"))

    with pytest.raises(RegistryError, match=r"ada was faster: .* v1\.0 \(why\)"):
        log.append(_entry(1, actor="grace"))
    assert log.newest() == _entry(1, actor="ada")


def test_a_put_that_is_tried_again_finds_itself(log: PromotionLog) -> None:
    log.append(_entry(1))

    assert log.append(_entry(1)) == log.newest()


def test_of_eight_processes_one_wins_each_entry(
    tmp_path: Path, log: PromotionLog
) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(8, mp_context=spawn) as pool:
        won = list(pool.map(_race, [tmp_path] * 8, [f"racer {n}" for n in range(8)]))

    for seq in range(1, 21):
        (winner,) = [racer for racer, seqs in enumerate(won) if seq in seqs]
        assert log.entry(seq).actor == f"racer {winner}"
    assert log.newest() == log.entry(20)


@pytest.mark.parametrize(
    "name", ["00000009.json#3", "9.json", "00000009.json.bak", "000000009.json", "x/y"]
)
def test_other_names_are_no_entries(log: PromotionLog, folder: Path, name: str) -> None:
    log.append(_entry(1))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")

    assert log.newest() == _entry(1)


@pytest.mark.parametrize("blob", [b"", b"{}", b"\xff", b'{"seq": 2}'])
def test_an_entry_that_cannot_be_read_is_never_passed_over(
    log: PromotionLog, folder: Path, blob: bytes
) -> None:
    """Falling back on the one before could bring back what was rolled back."""
    log.append(_entry(1))
    (folder / "00000002.json").write_bytes(blob)

    with pytest.raises(RegistryError, match=r"00000002\.json is no promotion"):
        log.newest()


def test_an_entry_under_another_number_is_refused(
    log: PromotionLog, folder: Path
) -> None:
    log.append(_entry(1))
    (folder / "00000001.json").rename(folder / "00000007.json")

    with pytest.raises(RegistryError, match="says seq 1, its name 7"):
        log.newest()


def test_a_missing_entry_is_told(log: PromotionLog) -> None:
    log.append(_entry(2))

    with pytest.raises(RegistryError, match=r"00000001\.json is missing; entries are"):
        log.entry(1)


def _entry(seq: int, actor: str = "ada") -> Promotion:
    return Promotion(
        seq=seq,
        at=AT,
        action="promote",
        champion="v1.0",
        challenger=None,
        manifests={"v1.0": "0" * 64},
        actor=actor,
        reason="why",
    )


def _race(folder: Path, actor: str) -> set[int]:
    log = PromotionLog(FolderBlobs(folder), PREFIX)
    won = set()
    for seq in range(1, 21):
        try:
            log.append(_entry(seq, actor))
        except RegistryError:
            continue
        won.add(seq)
    return won
