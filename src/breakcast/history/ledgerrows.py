"""Facts as rows of the ledger: written once, compared where they come twice."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec
from sqlalchemy import Connection, Dialect, Table, insert, select

from breakcast.errors import LedgerError, Unstorable
from breakcast.history.conflicts import Conflict, conflict_between
from breakcast.history.events import KIND_ORDER, BuildKey, Event
from breakcast.history.ledgerschema import EVENTS

KEPT_CONFLICTS = 1_000
"""How many conflicts are told about one by one; they are all counted."""

LONGEST_IDENTITY_BYTES = 2_500
"""Most bytes (UTF-8) of a build's four names together; PostgreSQL indexes 2,704."""

HIGHEST_ATTEMPT = 2**31 - 1
"""The last attempt of a build that the ledger has a number for."""

Identity = tuple[str, str, str, str, int, int]
"""What there is one fact of: source, repo, pipeline, build id, attempt, kind."""

EventRow = tuple[str, str, str, str, int, int, str, int, bytes]
"""A fact's identity, then its organisation, known-at and payload."""

_IDENTITY = [column.name for column in EVENTS.c][1:7]
# Each is a parameter of the query for what is held; SQLite takes 32,766 of them,
# PostgreSQL 65,535.
_INSERTED_ROWS = 10_000
_LONGEST_SHOWN = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)


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
    """Counts what becomes of facts while they are written."""

    new: int = 0
    identical: int = 0
    conflicting: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    def compare(self, kept: bytes, refused: bytes) -> None:
        """Count a fact that was there already, given both payloads."""
        conflict = None
        if kept != refused:
            conflict = conflict_between(event_of(kept), event_of(refused))
        if conflict is None:
            self.identical += 1
            return
        self.conflicting += 1
        if len(self.conflicts) < KEPT_CONFLICTS:
            self.conflicts.append(conflict)

    def appended(self) -> Appended:
        """Give the counts as they stand."""
        return Appended(
            self.new, self.identical, self.conflicting, tuple(self.conflicts)
        )


def row_of(event: Event) -> EventRow:
    """
    Write a fact as a row.

    Raises:
        Unstorable: If a name or number in it is none that every database keeps.
    """
    key = event.key
    refuse_unstorable(key)
    try:
        payload = _ENCODER.encode(event)
    except UnicodeEncodeError as error:
        message = (
            f"a fact of build {key.build_id!r} holds the character "
            f"{error.object[error.start]!r}, which is half of one; leave it out"
        )
        raise Unstorable(message) from None
    return (
        key.source,
        key.repo,
        key.pipeline,
        key.build_id,
        key.attempt,
        KIND_ORDER[type(event)],
        key.organisation,
        microseconds(event.known_at),
        payload,
    )


def refuse_unstorable(key: BuildKey) -> None:
    """
    Refuse a build whose identity is none that every database keeps.

    SQLite would take more than PostgreSQL does, and the history could not move.

    Raises:
        Unstorable: If its names are too long, or hold the character zero; if its
            attempt is no number from 1 to 2147483647.
    """
    names = key.source + key.repo + key.pipeline + key.build_id
    size = len(names) if names.isascii() else len(names.encode(errors="replace"))
    repo = key.repo[:_LONGEST_SHOWN]
    if size > LONGEST_IDENTITY_BYTES:
        message = (
            f"source, repository, pipeline and build id of a build of {repo!r} take "
            f"{size} bytes together; at most {LONGEST_IDENTITY_BYTES} are kept"
        )
        raise Unstorable(message)
    if "\0" in names:
        message = f"a name of a build of {repo!r} holds '\\x00'; leave it out"
        raise Unstorable(message)
    if not 1 <= key.attempt <= HIGHEST_ATTEMPT:
        message = (
            f"attempt {key.attempt} of a build of {repo!r} is none; attempts are "
            f"whole numbers from 1 to {HIGHEST_ATTEMPT}"
        )
        raise Unstorable(message)


def microseconds(at: datetime) -> int:
    """
    Write a time as the database keeps it: whole microseconds since 1970.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (at - _EPOCH) // _MICROSECOND


def moment_of(stored: int) -> datetime:
    """Read a time as the database keeps it, in UTC."""
    return _EPOCH + stored * _MICROSECOND


def event_of(payload: bytes) -> Event:
    """
    Read a fact from a row's payload.

    Raises:
        LedgerError: If it is none that this code knows.
    """
    try:
        return _DECODER.decode(payload)
    except msgspec.MsgspecError as error:
        message = (
            f"a fact of {len(payload)} bytes in the ledger cannot be read: {error}; "
            "restore the ledger, or use the breakcast that wrote it"
        )
        raise LedgerError(message) from error


def insert_rows(connection: Connection, rows: list[EventRow], tally: Tally) -> None:
    """
    Insert rows in order, and count what becomes of each.

    The connection's transaction must be the only one that writes: the rows written
    here are then the last ones there are.
    """
    for start in range(0, len(rows), _INSERTED_ROWS):
        _insert_some(connection, rows[start : start + _INSERTED_ROWS], tally)


def insert_new(
    connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]
) -> int:
    """
    Insert rows in order, but for those whose identity is there already.

    Args:
        connection: Within a transaction.
        table: Any of the ledger's.
        rows: A value for every column that the database does not number itself.

    Returns:
        How many were inserted.
    """
    columns = _columns(table)
    statement, is_positional = _insert_statement(connection.dialect, table)
    # Straight to the driver: SQLAlchemy's own handling of each row's parameters
    # takes as long as SQLite takes to store the row.
    if is_positional:
        return connection.exec_driver_sql(statement, list(rows)).rowcount
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    return connection.exec_driver_sql(statement, named).rowcount


def _insert_some(connection: Connection, rows: list[EventRow], tally: Tally) -> None:
    added = insert_new(connection, EVENTS, rows)
    if added == len(rows):
        tally.new += added
        return
    kept = _held(connection, rows)
    before = _position_before(connection, added)
    fresh = {identity for identity, (position, _) in kept.items() if position > before}
    for row in rows:
        if row[:6] in fresh:
            fresh.remove(row[:6])
            tally.new += 1
        else:
            _, payload = kept[row[:6]]
            tally.compare(payload, row[-1])


def _position_before(connection: Connection, added: int) -> int:
    """Read the last position there was before so many rows were added."""
    query = select(EVENTS.c.id).order_by(EVENTS.c.id.desc()).offset(added).limit(1)
    return connection.scalar(query) or 0


def _held(
    connection: Connection, rows: list[EventRow]
) -> dict[Identity, tuple[int, bytes]]:
    """Read the position and payload the ledger holds for each row's identity."""
    # Asked pipeline by pipeline: SQLite searches its index for an IN over one
    # column, but reads all of it for an IN over several.
    builds = defaultdict(set)
    for source, repo, pipeline, build_id, *_ in rows:
        builds[source, repo, pipeline].add(build_id)
    columns = EVENTS.c
    held: dict[Identity, tuple[int, bytes]] = {}
    for (source, repo, pipeline), build_ids in builds.items():
        query = select(
            columns.id, columns.payload, *(columns[name] for name in _IDENTITY)
        ).where(
            columns.source == source,
            columns.repo == repo,
            columns.pipeline == pipeline,
            columns.build_id.in_(build_ids),
        )
        for position, payload, *identity in connection.execute(query):
            held[tuple(identity)] = (position, payload)
    return held


@cache
def _columns(table: Table) -> list[str]:
    return [column.name for column in table.c if column.autoincrement is not True]


@cache
def _insert_statement(dialect: Dialect, table: Table) -> tuple[str, bool]:
    """
    Write an insert that passes over facts whose identity is there already.

    Returns:
        SQL in the driver's own style, and whether its parameters go by position.
    """
    # Inline: a dialect may otherwise ask for the new position to be returned.
    statement = insert(table).inline()
    compiled = statement.compile(dialect=dialect, column_keys=_columns(table))
    return f"{compiled} ON CONFLICT DO NOTHING", bool(compiled.positional)
