"""The journal's rows lie in the ledger's database, whichever that is."""

from datetime import timedelta

from breakcast.history.journaltable import JournalTable, SaidRow
from breakcast.history.ledger import Ledger
from tests.history.made_builds import NOON


def said(sha: str | None, payload: bytes, attempt: int = 1) -> SaidRow:
    return SaidRow("github", "acme/shop", "ci", sha, attempt, NOON, payload)


def test_what_was_said_comes_back_in_order_and_only_the_first_counts(
    ledger: Ledger,
) -> None:
    table = JournalTable(ledger)
    table.add([said("c0ffee", b"\x00first"), said("c0ffee", b"again")])
    table.add([said("beef", b"other"), said("c0ffee", b"rerun", attempt=2)])
    table.add([said(None, b"no commit"), said(None, b"no commit again")])

    rows = list(table.rows())

    assert [(payload, counts) for _, payload, counts in rows] == [
        (b"\x00first", True),
        (b"again", False),
        (b"other", True),
        (b"rerun", True),
        (b"no commit", True),
        (b"no commit again", False),
    ]
    positions = [position for position, _, _ in rows]
    assert positions == sorted(set(positions))
    assert list(table.rows(after=positions[3])) == rows[4:]


def test_more_answers_than_are_read_at_once_come_back(ledger: Ledger) -> None:
    table = JournalTable(ledger)
    early = said("1", b"early")._replace(as_of=NOON - timedelta(days=9_999))
    table.add([early, *(said(str(n), str(n).encode()) for n in range(5_000))])

    assert [payload for _, payload, _ in table.rows()][:3] == [b"early", b"0", b"1"]
    assert len(list(table.rows())) == 5_001


def test_no_answers_add_nothing(ledger: Ledger) -> None:
    JournalTable(ledger).add([])
    assert list(JournalTable(ledger).rows()) == []
