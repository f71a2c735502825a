"""Deliveries on their way to disk: many at once, by one thread, each one awaited."""

import asyncio
import queue
import threading
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from breakcast.errors import NotReady
from breakcast.history.inbox import Delivery, Inbox
from breakcast.history.ledger import Ledger

MOST_WAITING = 5_000
"""Deliveries that wait for the disk; more are refused, to be delivered again."""
MOST_AT_ONCE = 500

CLOSING_SECONDS = 5.0


class _Waiting(NamedTuple):
    delivery: Delivery
    at: datetime
    loop: asyncio.AbstractEventLoop
    taken: "asyncio.Future[bool]"


class InboxWriter:
    """
    Writes deliveries into the inbox of a ledger.

    While one commit is on its way to disk, what comes in waits for the next one: a
    commit takes milliseconds, however many deliveries are in it.

    Args:
        open_ledger: Opens the ledger, when the first delivery comes; it is closed
            with this.
    """

    def __init__(self, open_ledger: Callable[[], Ledger]) -> None:
        self._open_ledger = open_ledger
        self._ledger: Ledger | None = None
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)
        self._thread.start()

    async def take(self, delivery: Delivery, at: datetime) -> bool:
        """
        Keep a delivery that came in at a time; once this returns it is on disk.

        Returns:
            Whether it is new.

        Raises:
            LedgerError: If it could not be kept.
            NotReady: If too many are waiting.
        """
        loop = asyncio.get_running_loop()
        taken: asyncio.Future[bool] = loop.create_future()
        try:
            self._waiting.put_nowait(_Waiting(delivery, at, loop, taken))
        except queue.Full:
            message = f"{MOST_WAITING} deliveries wait for the disk; deliver it again"
            raise NotReady(message) from None
        return await taken

    def close(self) -> None:
        """Write what is waiting, and end."""
        self._waiting.put(None)
        self._thread.join(CLOSING_SECONDS)

    def _run(self) -> None:
        is_closing = False
        while not is_closing:
            batch = [self._waiting.get()]
            while len(batch) < MOST_AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            is_closing = None in batch
            self._write([one for one in batch if one is not None])
        if self._ledger is not None:
            self._ledger.close()

    def _write(self, batch: list[_Waiting]) -> None:
        outcomes: list[bool | Exception]
        try:
            self._ledger = self._ledger or self._open_ledger()
            inbox = Inbox(self._ledger)
            outcomes = inbox.take([(one.delivery, one.at) for one in batch])
        except Exception as error:  # noqa: BLE001 - died unseen, it would keep all that come waiting
            outcomes = [error] * len(batch)
        settled: dict[
            asyncio.AbstractEventLoop, list[tuple[_Waiting, bool | Exception]]
        ] = {}
        for one, outcome in zip(batch, outcomes, strict=True):
            settled.setdefault(one.loop, []).append((one, outcome))
        for loop, told in settled.items():
            loop.call_soon_threadsafe(_tell, told)


def _tell(told: list[tuple[_Waiting, bool | Exception]]) -> None:
    for one, outcome in told:
        # Who asked may have gone away meanwhile.
        if one.taken.done():
            continue
        if isinstance(outcome, Exception):
            one.taken.set_exception(outcome)
        else:
            one.taken.set_result(outcome)
