"""Facts as rows of the ledger: written once, compared where they come twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypedDict

import msgspec
from sqlalchemy import Connection, Dialect, Insert, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from breakcast.history.conflicts import Conflict, conflict_between
from breakcast.history.events import KIND_ORDER, Event
from breakcast.history.ledgerschema import EVENTS

KEPT_CONFLICTS = 1_000
"""How many conflicts are told about one by one; they are all counted."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_COMPARED_ROWS = 500
_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
_IDENTITY = ("source", "repo", "pipeline", "build_id", "attempt", "kind")


class EventRow(TypedDict):
    """One row of the events table, without its position."""

    kind: int
    organisation: str
    source: str
    repo: str
    pipeline: str
    build_id: str
    attempt: int
    known_at: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Appended:
    """
    What became of the facts handed to the ledger.

    Attributes:
        new: Facts that were written.
        identical: Facts the ledger held already; nothing was done.
        conflicting: Facts that disagree with the one it holds, which stays.
        conflicts: The first 1,000 of those.
    """

    new: int = 0
    identical: int = 0
    conflicting: int = 0
    conflicts: tuple[Conflict, ...] = ()


@dataclass(slots=True)
class Tally:
    """Counts what became of facts while they are written."""

    new: int = 0
    identical: int = 0
    conflicting: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    def compare(self, kept: Event, refused: Event) -> None:
        """Count a fact that was there already."""
        conflict = conflict_between(kept, refused)
        if conflict is None:
            self.identical += 1
            return
        self.conflicting += 1
        if len(self.conflicts) < KEPT_CONFLICTS:
            self.conflicts.append(conflict)

    def appended(self) -> Appended:
        """Give the final counts."""
        return Appended(
            self.new, self.identical, self.conflicting, tuple(self.conflicts)
        )


def row_of(event: Event) -> EventRow:
    """Write an event as a row."""
    key = event.key
    return {
        "kind": KIND_ORDER[type(event)],
        "organisation": key.organisation,
        "source": key.source,
        "repo": key.repo,
        "pipeline": key.pipeline,
        "build_id": key.build_id,
        "attempt": key.attempt,
        "known_at": (event.known_at - _EPOCH) // _MICROSECOND,
        "payload": _ENCODER.encode(event),
    }


def event_of(payload: bytes) -> Event:
    """Read an event from a row's payload."""
    return _DECODER.decode(payload)


def insert_statement(dialect: Dialect) -> Insert:
    """An insert that passes over facts whose attempt and kind are there already."""
    identity = [EVENTS.c[name] for name in _IDENTITY]
    if dialect.name == "postgresql":
        return postgresql.insert(EVENTS).on_conflict_do_nothing(index_elements=identity)
    return sqlite.insert(EVENTS).on_conflict_do_nothing(index_elements=identity)


def insert_rows(connection: Connection, rows: Sequence[EventRow], tally: Tally) -> None:
    """
    Insert rows in order, and count what became of each.

    The connection's transaction must be the only one that writes: rows past the
    position seen first are then the ones written here.
    """
    if not rows:
        return
    before = connection.scalar(select(func.max(EVENTS.c.id))) or 0
    inserted = connection.execute(insert_statement(connection.dialect), rows)
    if inserted.rowcount == len(rows):
        tally.new += len(rows)
        return
    for start in range(0, len(rows), _COMPARED_ROWS):
        _compare(connection, rows[start : start + _COMPARED_ROWS], before, tally)


def _compare(
    connection: Connection, rows: Sequence[EventRow], before: int, tally: Tally
) -> None:
    """Tell rows that were written from those that were there already."""
    columns = [EVENTS.c[name] for name in _IDENTITY]
    wanted = {_identity(row) for row in rows}
    held = connection.execute(
        select(EVENTS.c.id, EVENTS.c.payload, *columns).where(
            tuple_(*columns).in_(wanted)
        )
    )
    kept = {
        tuple(identity): (position, payload) for position, payload, *identity in held
    }
    seen = set()
    for row in rows:
        identity = _identity(row)
        position, payload = kept[identity]
        if position > before and payload is not None and identity not in seen:
            tally.new += 1
        else:
            tally.compare(event_of(payload), event_of(row["payload"]))
        seen.add(identity)


def _identity(row: EventRow) -> tuple[str | int, ...]:
    return (
        row["source"],
        row["repo"],
        row["pipeline"],
        row["build_id"],
        row["attempt"],
        row["kind"],
    )
