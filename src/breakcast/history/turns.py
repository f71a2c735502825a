"""
A turn: what only one at a time may do, wherever it runs.

Who holds it renews it while at work. A holder that is killed loses it when it runs
out; one that was only asleep for too long finds that another has it, and is refused
what it was about to write.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final, Self

from sqlalchemy import ColumnElement, Connection, insert, select, update

from breakcast.errors import Fenced, LedgerError
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import writing
from breakcast.history.ledgerrows import microseconds, moment_of
from breakcast.history.ledgerschema import TURNS

HELD_SECONDS: Final = 60.0
"""How long a turn is held without being renewed: so long the dead keep it."""
_ASK_SECONDS = 0.5
_NOBODY = ""
_LOG = logging.getLogger("breakcast.turn")


class Turn(AbstractContextManager["Turn"]):
    """
    A turn to do something; a context in which nobody else has it.

    Args:
        ledger: Open for as long as this is used.
        name: What is to be done.
        now: Tells the time, UTC.
        held_seconds: How long it is held without being renewed.
        patience_seconds: How long to wait for another's turn to end; a little longer
            than a dead holder keeps it, if None.

    Raises:
        LedgerError: On entering, if another keeps it for longer than that; or if the
            database fails.

    >>> from datetime import UTC
    >>> with Ledger.temporary() as ledger:
    ...     with Turn(ledger, "renewal", lambda: datetime.now(UTC)) as turn:
    ...         turn.epoch
    1
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        now: Callable[[], datetime],
        *,
        held_seconds: float = HELD_SECONDS,
        patience_seconds: float | None = None,
    ) -> None:
        self._engine = ledger.engine
        self._name = name
        self._now = now
        self._held_seconds = held_seconds
        self._patience = (
            1.5 * held_seconds if patience_seconds is None else patience_seconds
        )
        self._holder = secrets.token_hex(8)
        self._ended = threading.Event()
        self._renewing = threading.Thread(
            target=self._renew, name=f"turn-{name}", daemon=True
        )
        self.epoch = 0
        """Grows by one with each new holder."""

    def __enter__(self) -> Self:
        deadline = time.monotonic() + self._patience
        while (until := self._take()) is not None:
            if time.monotonic() >= deadline:
                message = (
                    f"another process has the turn to do the {self._name}, until "
                    f"{until:%Y-%m-%d %H:%M:%S} UTC if it does not renew it; wait for "
                    "it to end"
                )
                raise LedgerError(message)
            self._ended.wait(_ASK_SECONDS)
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._renewing.join()
        with writing(self._engine) as connection:
            connection.execute(
                update(TURNS)
                .where(*self._is_mine())
                .values(holder=_NOBODY, expires_at=0)
            )

    def check(self, connection: Connection) -> None:
        """
        Refuse to go on, within a transaction, if another has the turn by now.

        Raises:
            Fenced: If that is so.
        """
        if connection.execute(select(TURNS).where(*self._is_mine())).first() is None:
            message = (
                f"the turn to do the {self._name} is another process's by now; this "
                "one slept for too long: what it was about to write is not written"
            )
            raise Fenced(message)

    def _take(self) -> datetime | None:
        """Take the turn; or tell until when it is another's."""
        columns = TURNS.c
        with writing(self._engine) as connection:
            now = self._now()
            query = select(TURNS).where(columns.name == self._name)
            found = connection.execute(query).one_or_none()
            if found is not None and found.expires_at > microseconds(now):
                return moment_of(found.expires_at)
            self.epoch = found.epoch + 1 if found is not None else 1
            held = {
                "holder": self._holder,
                "epoch": self.epoch,
                "expires_at": self._expiry(now),
            }
            if found is None:
                connection.execute(insert(TURNS).values(name=self._name, **held))
            else:
                connection.execute(
                    update(TURNS).where(columns.name == self._name).values(**held)
                )
        return None

    def _renew(self) -> None:
        while not self._ended.wait(self._held_seconds / 4):
            try:
                with writing(self._engine) as connection:
                    connection.execute(
                        update(TURNS)
                        .where(*self._is_mine())
                        .values(expires_at=self._expiry(self._now()))
                    )
            except LedgerError as error:
                # `check` tells, before anything is written, whether it went too far.
                _LOG.warning("the turn could not be renewed just now: %s", error)

    def _expiry(self, now: datetime) -> int:
        return microseconds(now + timedelta(seconds=self._held_seconds))

    def _is_mine(self) -> tuple[ColumnElement[bool], ...]:
        return (TURNS.c.name == self._name, TURNS.c.holder == self._holder)
