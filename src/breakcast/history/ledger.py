"""
The ledger: every fact we were told, kept once and for good.

Facts are only ever added, whole calls at a time: once `append` returns they are
on disk; if it does not return, all of them are there or none.

Facts that are received, rather than imported, get the time of their receipt when
they are written. Whoever writes them, every one of these times is later than the
one before: in the order they were added they became known.
"""

import tempfile
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Engine, func, select, update

from breakcast.history.events import KIND_ORDER, BuildKey, BuildStarted, Event
from breakcast.history.ledgerengine import ledger_engine, ledger_url, told, writing
from breakcast.history.ledgerrows import (
    Appended,
    EventRow,
    Tally,
    event_of,
    insert_new,
    insert_rows,
    microseconds,
    moment_of,
    row_of,
)
from breakcast.history.ledgerschema import CLOCK, EVENTS, create, prepare

_READ_ROWS = 2_000
_LAST = 2**63 - 1


Guard: TypeAlias = Callable[[Connection], None]
"""Raises, within a transaction, if what it is about is another's to write."""


class News(NamedTuple):
    """Facts added of one organisation: the oldest known-at, the last position."""

    oldest: datetime
    position: int


class Receipt(NamedTuple):
    """
    Facts as they came in, to be kept together with what else was said.

    Attributes:
        facts: The facts, without a time of receipt.
        at: When they came in, UTC.
        also: Writes what belongs to them, in the same transaction; if it gives
            False, the facts are not written, and it has written nothing.
    """

    facts: Sequence[Event]
    at: datetime
    also: Callable[[Connection], bool] = lambda _: True


class Ledger:
    """
    The store of all facts; opened with `Ledger.open` or `Ledger.temporary`.

    Safe to share between threads. Several processes may use one ledger; on
    SQLite they write in turn, and an import holds that turn until it ends.

    >>> from datetime import UTC, datetime
    >>> from breakcast.history.events import Build, BuildKey
    >>> build = Build(BuildKey("github", "acme/shop", "ci.yml", "8812"))
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> started = BuildStarted(occurred_at=noon, build=build)
    >>> with Ledger.temporary() as ledger:
    ...     ledger.append([started, started])
    ...     ledger.organisations()
    ...     list(ledger.events("acme")) == [started]
    Appended(new=1, identical=1, conflicting=0, conflicts=())
    {'acme': 1}
    True
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._waiting: deque[_Submission] = deque()

    @classmethod
    def open(cls, place: str | Path) -> Self:
        """
        Open the ledger, making it first where there is none.

        Args:
            place: A file for SQLite (its folder is made too), or a database URL.

        Raises:
            LedgerError: If it cannot be opened, is of another version (older:
                `breakcast ledger migrate` renews it), or is the database of
                something else.
        """
        engine = ledger_engine(ledger_url(place))
        try:
            prepare(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator[Self]:
        """Give an empty ledger on disk, which is gone when the block ends."""
        with tempfile.TemporaryDirectory(prefix="breakcast-") as folder:
            url = ledger_url(Path(folder) / "ledger.db")
            engine = ledger_engine(url, is_durable=False)
            create(engine)
            with cls(engine) as ledger:
                yield ledger

    def append(self, events: Iterable[Event]) -> Appended:
        """
        Add facts, all or none; once this returns they are on disk.

        Calls from many threads at once are written together, one commit for all:
        whoever holds the turn writes for those who wait. A call that fails does
        not take the others with it.

        Returns:
            How many were new, known already, or in conflict with what is held.

        Raises:
            LedgerError: If the database fails; nothing of this call is kept.
        """
        submission = _Submission([row_of(event) for event in events])
        outcome = self._settled([submission])[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def receive(self, receipts: Sequence[Receipt]) -> list[int | Exception]:
        """
        Add facts that have just come in, each receipt all or nothing.

        Returns:
            For each receipt how many of its facts were new, or why it failed.
        """
        outcomes = self._settled([_Submission(receipt=receipt) for receipt in receipts])
        return [one if isinstance(one, Exception) else one.new for one in outcomes]

    def append_all(self, batches: Iterable[Iterable[Event]]) -> Appended:
        """
        Add facts batch by batch in one transaction: all batches or none.

        Memory holds one batch. Other writers wait until the last one is in.

        Raises:
            LedgerError: If the database fails; nothing is kept then, nor if
                `batches` itself raises, whose error passes through.
        """
        tally = Tally()
        with self._turn, writing(self._engine) as connection:
            for batch in batches:
                insert_rows(connection, [row_of(event) for event in batch], tally)
        return tally.appended()

    def receive_together(
        self, facts: Sequence[Event], at: datetime, guard: Guard = lambda _: None
    ) -> int:
        """
        Add facts that have just come in, all or none: how many are new.

        Args:
            facts: The facts, without a time of receipt.
            at: When they came in, UTC.
            guard: Raises if they are another's to add.

        Raises:
            LedgerError: If they could not be kept, or whatever the guard raises.
        """

        def passes(connection: Connection) -> bool:
            guard(connection)
            return True

        (outcome,) = self.receive([Receipt(facts, at, passes)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def events(
        self,
        organisation: str,
        after: int = 0,
        until: int = _LAST,
        *,
        known_after: datetime | None = None,
    ) -> Generator[Event, None, None]:
        """
        Read an organisation's facts in fold order, as of the first one read.

        Fold order is by known-at, then kind (questions before answers), then the
        order of arrival. Memory holds 2,000 facts.

        Args:
            organisation: Whose.
            after: Only those added after this position …
            until: … and no later than this one.
            known_after: Only those that became known after this time.
        """
        known = () if known_after is None else (microseconds(known_after),)
        query = (
            select(EVENTS.c.payload)
            .where(
                EVENTS.c.organisation == organisation,
                EVENTS.c.id > after,
                EVENTS.c.id <= until,
                *(EVENTS.c.known_at > at for at in known),
            )
            .order_by(EVENTS.c.known_at, EVENTS.c.kind, EVENTS.c.id)
        )
        if after:
            # By position: SQLite would go through all of the organisation's facts.
            query = query.with_hint(EVENTS, "NOT INDEXED", "sqlite")
        with told(self._engine.url), self._engine.connect() as connection:
            found = connection.execution_options(yield_per=_READ_ROWS).scalars(query)
            # PostgreSQL keeps a cursor open: it is not left to the garbage collector.
            with closing(found) as payloads:
                for payload in payloads:
                    yield event_of(payload)

    def __iter__(self) -> Iterator[Event]:
        """Read all facts: organisation by organisation, each in fold order."""
        return self.until(_LAST)

    def until(self, position: int) -> Iterator[Event]:
        """Read the facts added up to a position, in the order of `__iter__`."""
        for organisation in self.organisations(position):
            yield from self.events(organisation, until=position)

    def organisations(self, until: int = _LAST) -> dict[str, int]:
        """
        Count builds by organisation, in the order of their names.

        Args:
            until: Only those added no later than at this position.
        """
        query = (
            select(EVENTS.c.organisation, func.count())
            .where(EVENTS.c.kind == KIND_ORDER[BuildStarted], EVENTS.c.id <= until)
            .group_by(EVENTS.c.organisation)
        )
        with told(self._engine.url), self._engine.connect() as connection:
            # Here, as a database may sort in the manner of some language.
            return dict(sorted(connection.execute(query).all()))

    def news(self, after: int) -> dict[str, News]:
        """Tell, by organisation, what was added after a position."""
        query = (
            select(
                EVENTS.c.organisation,
                func.min(EVENTS.c.known_at),
                func.max(EVENTS.c.id),
            )
            .where(EVENTS.c.id > after)
            .group_by(EVENTS.c.organisation)
        )
        with told(self._engine.url), self._engine.connect() as connection:
            return {
                organisation: News(moment_of(oldest), position)
                for organisation, oldest, position in connection.execute(query)
            }

    @property
    def engine(self) -> Engine:
        """The connections, for another table of the same database."""
        return self._engine

    @property
    def url(self) -> str:
        """Where this ledger lies, for another process to open it; holds secrets."""
        return self._engine.url.render_as_string(hide_password=False)

    def position(self) -> int:
        """Read the position of the fact added last; 0 in an empty ledger."""
        query = select(func.max(EVENTS.c.id))
        with told(self._engine.url), self._engine.connect() as connection:
            return connection.scalar(query) or 0

    def close(self) -> None:
        """Close all connections; a closed ledger is not used again."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _settled(self, submissions: list["_Submission"]) -> list[Appended | Exception]:
        """Have these written, by this thread or by the one whose turn it is."""
        self._waiting.extend(submissions)
        while any(submission.outcome is None for submission in submissions):
            with self._turn:
                if any(submission.outcome is None for submission in submissions):
                    self._settle_waiting()
        return [one.outcome for one in submissions if one.outcome is not None]

    def _settle_waiting(self) -> None:
        """Write for all who wait; called by whoever holds the turn."""
        # They leave the queue when all is done: if this thread is interrupted,
        # the next to hold the turn finds who is not settled yet.
        count = len(self._waiting)
        waiting = (self._waiting[place] for place in range(count))
        together = [call for call in waiting if call.outcome is None]
        while together:
            spoiler = self._settle(together)
            if spoiler is None:
                break
            # The rest is written again without it.
            together.remove(spoiler)
        for _ in range(count):
            self._waiting.popleft()

    def _settle(self, submissions: list["_Submission"]) -> "_Submission | None":
        """Write in one transaction; if one call fails, give that one."""
        tallies = [Tally() for _ in submissions]
        at: _Submission | None = None
        try:
            with writing(self._engine) as connection:
                clock = _Clock(connection)
                for at, tally in zip(submissions, tallies, strict=True):
                    at.write(connection, clock, tally)
                clock.keep()
                at = None
        except BaseException as error:
            if not isinstance(error, Exception):
                raise
            # At its begin or its end no single call is at fault.
            for submission in submissions if at is None else [at]:
                submission.outcome = error
            return at
        for submission, tally in zip(submissions, tallies, strict=True):
            submission.outcome = tally.appended()
        return None


def is_held(connection: Connection, key: BuildKey, kind: type[Event]) -> bool:
    """Tell, within a transaction, whether a fact of an attempt is held already."""
    query = select(EVENTS.c.id).where(*_of(key), EVENTS.c.kind == KIND_ORDER[kind])
    return connection.scalar(query) is not None


def _of(key: BuildKey) -> tuple[ColumnElement[bool], ...]:
    return (
        EVENTS.c.source == key.source,
        EVENTS.c.repo == key.repo,
        EVENTS.c.pipeline == key.pipeline,
        EVENTS.c.build_id == key.build_id,
        EVENTS.c.attempt == key.attempt,
    )


class _Submission:
    """What one call adds, and what became of it: counts, an error, or nothing yet."""

    def __init__(
        self, rows: Sequence[EventRow] = (), receipt: Receipt | None = None
    ) -> None:
        self.outcome: Appended | Exception | None = None
        self._rows = list(rows)
        self._receipt = receipt

    def write(self, connection: Connection, clock: "_Clock", tally: Tally) -> None:
        receipt = self._receipt
        if receipt is None:
            insert_rows(connection, self._rows, tally)
        elif receipt.also(connection) and receipt.facts:
            rows = [
                row_of(replace(fact, received_at=clock.next(receipt.at)))
                for fact in receipt.facts
            ]
            tally.new += insert_new(connection, EVENTS, rows)


class _Clock:
    """The time of the last receipt, in whichever process; moved within one turn."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: int | None = None
        self._last = 0

    def next(self, at: datetime) -> datetime:
        """Give this time or, if others were received since, one just after theirs."""
        if self._kept is None:
            self._kept = self._connection.scalars(select(CLOCK.c.last)).one()
            self._last = self._kept
        self._last = max(microseconds(at), self._last + 1)
        return moment_of(self._last)

    def keep(self) -> None:
        if self._last != (self._kept or 0):
            self._connection.execute(update(CLOCK).values(last=self._last))
