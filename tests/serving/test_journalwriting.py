"""The journal: every answer kept in the background, or counted as lost."""

import threading
from pathlib import Path

import msgspec
import pytest

from breakcast.errors import LedgerError
from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger
from breakcast.serving import journalwriting
from breakcast.serving.journal import JournalEntry, entry_of, read_journal
from breakcast.serving.journalwriting import JournalWriter
from tests.serving.served import wait_for
from tests.serving.test_records import PREDICTION


def kept(place: Path) -> list[JournalEntry]:
    with Ledger.open(place) as ledger:
        return list(read_journal(JournalTable(ledger)))


def test_answers_are_kept_in_order_and_the_first_of_an_attempt_is_known(
    tmp_path: Path,
) -> None:
    place = tmp_path / "ledger.db"
    one, other, nameless = (
        msgspec.structs.replace(PREDICTION, commit_sha=commit)
        for commit in ("c0ffee", "beef", None)
    )
    said = [one, other, one, nameless, nameless]
    writer = JournalWriter(lambda: Ledger.open(place), dropped=lambda _: None)
    for prediction in said:
        writer(prediction)
    writer.close()

    entries = kept(place)

    assert [entry.is_first_shown for entry in entries] == [
        True,
        True,
        False,
        True,
        False,
    ]
    expected = [entry_of(prediction) for prediction in said]
    assert [
        msgspec.structs.replace(entry, is_first_shown=True) for entry in entries
    ] == expected


def test_where_there_is_no_ledger_nothing_is_kept_and_nothing_lost() -> None:
    lost: list[int] = []
    writer = JournalWriter(lambda: None, dropped=lost.append)
    writer(PREDICTION)
    writer.close()

    assert lost == []


def test_a_ledger_that_is_away_for_a_while_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "ledger.db"
    tries: list[int] = []

    def opened() -> Ledger:
        tries.append(1)
        if len(tries) < 3:
            message = "away"
            raise LedgerError(message)
        return Ledger.open(place)

    lost: list[int] = []
    monkeypatch.setattr(journalwriting, "RETRY_SECONDS", 0.01)
    writer = JournalWriter(opened, dropped=lost.append)
    writer(PREDICTION)
    wait_for(lambda: len(tries) >= 3, "the third try")
    writer.close()

    assert len(kept(place)) == 1
    assert lost == []


def test_a_ledger_that_stays_away_costs_the_answers_and_they_are_counted() -> None:
    def away() -> Ledger:
        message = "away"
        raise LedgerError(message)

    lost: list[int] = []
    writer = JournalWriter(away, dropped=lost.append)
    for _ in range(3):
        writer(PREDICTION)
    writer.close()

    assert sum(lost) == 3


def test_more_than_can_be_written_is_dropped_at_once_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journalwriting, "MOST_WAITING", 5)
    may_open = threading.Event()

    def slow() -> Ledger:
        may_open.wait()
        return Ledger.open(tmp_path / "ledger.db")

    lost: list[int] = []
    writer = JournalWriter(slow, dropped=lost.append)
    for _ in range(1_000):
        writer(PREDICTION)
    dropped = sum(lost)
    may_open.set()
    writer.close()

    assert dropped >= 1_000 - 5 - journalwriting.MOST_AT_ONCE
    assert len(kept(tmp_path / "ledger.db")) == 1_000 - sum(lost)
