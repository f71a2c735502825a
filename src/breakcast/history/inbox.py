"""
Deliveries of webhooks, taken once: their facts and notes, or nothing at all.

A provider names each delivery and keeps the name when it delivers again. The name
is kept in the transaction that keeps the facts: what was taken is taken for good.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from breakcast.history.events import Event
from breakcast.history.ledger import Ledger, Receipt
from breakcast.history.ledgerengine import told, writing
from breakcast.history.ledgerrows import insert_new, microseconds
from breakcast.history.ledgerschema import DELIVERIES, NOTES


class Note(NamedTuple):
    """
    What a webhook says beside facts, for whoever works on a fact later.

    Attributes:
        repo: `owner/name`.
        subject: What it is about: a commit, or an attempt of a run.
        name: What it says of it; a later note of the same name replaces it.
        payload: The rest, as its writer likes.
    """

    repo: str
    subject: str
    name: str
    payload: bytes


class Delivery(NamedTuple):
    """
    One delivery of a webhook, verified and read.

    Attributes:
        source: The provider.
        id: The provider's name for it, the same if it is delivered again.
        event: What kind it is.
        facts: What it states, without a time of receipt.
        notes: What else it says.
    """

    source: str
    id: str
    event: str
    facts: tuple[Event, ...] = ()
    notes: tuple[Note, ...] = ()


class Inbox:
    """
    Takes deliveries into a ledger.

    Args:
        ledger: Open for as long as this is used.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> delivery = Delivery("github", "72d3162e", "push")
    >>> with Ledger.temporary() as ledger:
    ...     Inbox(ledger).take([(delivery, noon), (delivery, noon)])
    [True, False]
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def take(
        self, deliveries: Sequence[tuple[Delivery, datetime]]
    ) -> list[bool | Exception]:
        """
        Take deliveries, each with the time it came in; in order, one commit for all.

        Returns:
            For each: True if it is new, False if it was taken before, or why it
            could not be kept. Whatever is not an error is on disk.
        """
        kept = [_Kept(delivery, at) for delivery, at in deliveries]
        receipts = [
            Receipt(one.delivery.facts, one.at, one.keep_what_is_said) for one in kept
        ]
        outcomes = self._ledger.receive(receipts)
        return [
            outcome if isinstance(outcome, Exception) else one.is_new
            for one, outcome in zip(kept, outcomes, strict=True)
        ]

    def forget(self, before: datetime) -> int:
        """
        Forget the names of deliveries that came in before a time: how many.

        One that comes again is taken again then, and its facts are there already.

        Raises:
            LedgerError: If the database fails.
        """
        old = DELIVERIES.c.received_at < microseconds(before)
        with writing(self._ledger.engine) as connection:
            return connection.execute(delete(DELIVERIES).where(old)).rowcount

    def notes(self, source: str, repo: str, subject: str) -> dict[str, bytes]:
        """
        Read what was said of a commit or a run: payloads by their notes' names.

        Raises:
            LedgerError: If the database fails.
        """
        columns = NOTES.c
        query = select(columns.name, columns.payload).where(
            columns.source == source,
            columns.repo == repo,
            columns.subject == subject,
        )
        engine = self._ledger.engine
        with told(engine.url), engine.connect() as connection:
            return dict(sorted(connection.execute(query).all()))


def note_once(connection: Connection, source: str, note: Note) -> bool:
    """Keep a note, within a transaction, unless it is there; whether it was not."""
    return insert_new(connection, NOTES, [(source, *note)]) == 1


class _Kept:
    """A delivery on its way, and whether it is new."""

    def __init__(self, delivery: Delivery, at: datetime) -> None:
        self.delivery = delivery
        self.at = at
        self.is_new = False

    def keep_what_is_said(self, connection: Connection) -> bool:
        source, name, event, _, notes = self.delivery
        taken = (source, name, event, microseconds(self.at))
        self.is_new = insert_new(connection, DELIVERIES, [taken]) == 1
        if self.is_new and notes:
            columns = NOTES.c
            for note in notes:
                connection.execute(
                    delete(NOTES).where(
                        columns.source == source,
                        columns.repo == note.repo,
                        columns.subject == note.subject,
                        columns.name == note.name,
                    )
                )
            insert_new(connection, NOTES, [(source, *note) for note in notes])
        return self.is_new
