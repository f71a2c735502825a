"""
Attempts that were shown an answer, and what became of them: one row each.

The functions work within a transaction of the one who has the turn to write: the
journal is read there, too, and grows in the order of its positions.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, and_, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from breakcast.history.events import (
    KIND_ORDER,
    BuildFinished,
    BuildStarted,
    Outcome,
)
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import told
from breakcast.history.ledgerrows import event_of, microseconds, moment_of
from breakcast.history.ledgerschema import ANSWERED, CLOCK, EVENTS, JOURNAL


class Settled(IntEnum):
    """What became of an attempt: how it ended, or that it had when we were asked."""

    PASSED = 0
    FAILED = 1
    NONE = 2
    KNOWN_BEFORE = 3


_SETTLED: Final = {
    Outcome.PASSED: Settled.PASSED,
    Outcome.FAILED: Settled.FAILED,
    Outcome.NONE: Settled.NONE,
}
_KEY = ("source", "repo", "pipeline", "build_id", "attempt")


class Answered(NamedTuple):
    """
    One answer, as its outcome is joined to it.

    `said` is its position in the journal; `build_id` is None while the build has none.
    """

    said: int
    source: str
    repo: str
    pipeline: str
    build_id: str | None
    attempt: int
    organisation: str
    commit_sha: str | None
    as_of: datetime
    version: str
    probability: float
    abstained: bool
    parrot: float | None = None
    challenger: str | None = None
    challenger_probability: float | None = None


class Judged(NamedTuple):
    """An answer and what became of it; `outcome` is None while nothing is known."""

    answer: Answered
    outcome: Settled | None
    known_at: datetime | None


def said_after(
    connection: Connection, position: int, limit: int
) -> list[tuple[int, bytes]]:
    """Read answers of the journal, in the order they were given."""
    query = (
        select(JOURNAL.c.id, JOURNAL.c.payload)
        .where(JOURNAL.c.id > position)
        .order_by(JOURNAL.c.id)
        .limit(limit)
    )
    return [(said, payload) for said, payload in connection.execute(query)]


def first_said(connection: Connection, since: datetime) -> int:
    """Give the position of the first answer from a time on; of the next, if none is."""
    columns = ANSWERED.c
    first = select(func.min(columns.said)).where(columns.as_of >= microseconds(since))
    last = select(func.coalesce(func.max(columns.said), 0))
    found = connection.execute(first).scalar_one_or_none()
    return int(found or connection.execute(last).scalar_one() + 1)


def said_first(
    connection: Connection, position: int, limit: int
) -> list[tuple[int, bytes]]:
    """Read answers that were the first ones of their attempts, as the journal has."""
    query = (
        select(JOURNAL.c.id, JOURNAL.c.payload)
        .join(ANSWERED, ANSWERED.c.said == JOURNAL.c.id)
        .where(JOURNAL.c.id > position)
        .order_by(JOURNAL.c.id)
        .limit(limit)
    )
    return [(said, payload) for said, payload in connection.execute(query)]


def add_answers(connection: Connection, answers: Sequence[Answered]) -> None:
    """Add answers in the order they were given; of an attempt's, the first counts."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(ANSWERED).on_conflict_do_nothing()
    if answers:
        connection.execute(
            statement,
            [one._asdict() | {"as_of": microseconds(one.as_of)} for one in answers],
        )


def name_answers(connection: Connection, since: datetime) -> int:
    """
    Give answers without a build id that of the first attempt that started after them.

    Args:
        connection: Of a transaction.
        since: Only answers given then or later are looked at.

    Returns:
        How many found theirs.
    """
    columns = ANSWERED.c
    query = (
        select(ANSWERED)
        .where(
            columns.build_id.is_(None),
            columns.outcome.is_(None),
            columns.as_of >= microseconds(since),
        )
        .order_by(columns.said)
    )
    unnamed = [_answered(row) for row in connection.execute(query)]
    named = 0
    for organisation in sorted({one.organisation for one in unnamed}):
        own = [one for one in unnamed if one.organisation == organisation]
        starts = _starts(connection, organisation, min(one.as_of for one in own))
        for answer in own:
            for start in starts:
                if _is_of(answer, start):
                    _name(connection, answer, start.key.build_id)
                    named += 1
                    break
    return named


def settle_answers(connection: Connection, since: datetime) -> int:
    """
    Join outcomes to the answers that have none yet.

    Args:
        connection: Of a transaction.
        since: Only answers given then or later are looked at.

    Returns:
        How many were joined.
    """
    columns, events = ANSWERED.c, EVENTS.c
    same = [columns[name] == events[name] for name in _KEY]
    query = select(columns.said, columns.as_of, events.payload).join(
        EVENTS, and_(*same, events.kind == KIND_ORDER[BuildFinished])
    )
    query = query.where(columns.outcome.is_(None), columns.as_of >= microseconds(since))
    settled = 0
    for said, as_of, payload in connection.execute(query).all():
        fact = event_of(payload)
        if isinstance(fact, BuildFinished):
            known_at = microseconds(fact.known_at)
            # Asked when the outcome was known: that is no forecast.
            is_late = known_at <= as_of
            outcome = Settled.KNOWN_BEFORE if is_late else _SETTLED[fact.outcome]
            connection.execute(
                update(ANSWERED)
                .where(columns.said == said)
                .values(outcome=int(outcome), known_at=known_at)
            )
            settled += 1
    return settled


def judged_since(ledger: Ledger, since: datetime, until: datetime) -> list[Judged]:
    """
    Read answers that were given, or whose outcomes became known, within a time.

    Returns:
        In the order their outcomes became known; those without one last.

    Raises:
        LedgerError: If the database fails.
    """
    columns = ANSWERED.c
    low, high = microseconds(since), microseconds(until)
    query = select(ANSWERED).where(
        columns.as_of.between(low, high) | columns.known_at.between(low, high)
    )
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        found = [_judged(row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (one.known_at or until, one.answer.said))


def newest_judged(ledger: Ledger, version: str, limit: int) -> list[Judged]:
    """
    Read the newest red or green answers of a version, in the order they became so.

    Raises:
        LedgerError: If the database fails.
    """
    columns = ANSWERED.c
    query = (
        select(ANSWERED)
        .where(
            columns.version == version,
            columns.outcome.in_([Settled.PASSED, Settled.FAILED]),
        )
        .order_by(columns.known_at.desc(), columns.said.desc())
        .limit(limit)
    )
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        return [_judged(row) for row in connection.execute(query)][::-1]


def shadowed_since(
    ledger: Ledger, champion: str, challenger: str, since: datetime
) -> list[Judged]:
    """
    Read red or green answers given since a time that a challenger was scored beside.

    Returns:
        In the order their outcomes became known.

    Raises:
        LedgerError: If the database fails.
    """
    columns = ANSWERED.c
    query = (
        select(ANSWERED)
        .where(
            columns.as_of >= microseconds(since),
            columns.version == champion,
            columns.challenger == challenger,
            columns.challenger_probability.is_not(None),
            columns.outcome.in_([Settled.PASSED, Settled.FAILED]),
        )
        .order_by(columns.known_at, columns.said)
    )
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        return [_judged(row) for row in connection.execute(query)]


def newest_receipt(ledger: Ledger) -> datetime | None:
    """
    Say when a fact was last received; None if none ever was.

    Raises:
        LedgerError: If the database fails.
    """
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        last = connection.execute(select(CLOCK.c.last)).scalar_one()
    return moment_of(last) if last else None


def outcomes_since(ledger: Ledger, since: datetime) -> int:
    """
    Count builds whose end became known after a time, answered or not.

    Raises:
        LedgerError: If the database fails.
    """
    columns = EVENTS.c
    organisations = select(columns.organisation).distinct()
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        # One organisation after another: that is how the index lies.
        counted = select(func.count()).where(
            columns.organisation.in_(list(connection.scalars(organisations))),
            columns.known_at > microseconds(since),
            columns.kind == KIND_ORDER[BuildFinished],
        )
        return int(connection.execute(counted).scalar_one())


def _starts(
    connection: Connection, organisation: str, since: datetime
) -> list[BuildStarted]:
    columns = EVENTS.c
    query = (
        select(columns.payload)
        .where(
            columns.organisation == organisation,
            columns.known_at >= microseconds(since),
            columns.kind == KIND_ORDER[BuildStarted],
        )
        .order_by(columns.known_at, columns.id)
    )
    facts = map(event_of, connection.scalars(query))
    return [fact for fact in facts if isinstance(fact, BuildStarted)]


def _is_of(answer: Answered, start: BuildStarted) -> bool:
    key, build = start.key, start.build
    asked = (answer.source, answer.repo, answer.pipeline, answer.attempt)
    return (
        (key.source, key.repo, key.pipeline, key.attempt) == asked
        and build.commit_sha == answer.commit_sha
        and start.known_at >= answer.as_of
    )


def _name(connection: Connection, answer: Answered, build_id: str) -> None:
    """Give an answer its build, unless that was shown an earlier one."""
    columns = ANSWERED.c
    own = columns.said == answer.said
    theirs = and_(
        *(
            columns[name] == getattr(answer, name)
            for name in _KEY
            if name != "build_id"
        ),
        columns.build_id == build_id,
    )
    other = connection.execute(select(columns.said).where(theirs)).scalar_one_or_none()
    if other is not None and other < answer.said:
        connection.execute(delete(ANSWERED).where(own))
        return
    if other is not None:
        connection.execute(delete(ANSWERED).where(columns.said == other))
    connection.execute(update(ANSWERED).where(own).values(build_id=build_id))


def _answered(row: Iterable[object]) -> Answered:
    values = list(row)[: len(Answered._fields)]
    return Answered(*values)._replace(as_of=moment_of(values[8]))  # type: ignore[arg-type]


def _judged(row: Iterable[object]) -> Judged:
    *_, outcome, known_at = values = list(row)
    return Judged(
        _answered(values),
        None if outcome is None else Settled(int(outcome)),  # type: ignore[call-overload]
        None if known_at is None else moment_of(known_at),  # type: ignore[arg-type]
    )
