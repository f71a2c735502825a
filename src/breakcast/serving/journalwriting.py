"""
Journal entries on their way to the ledger's database: in the background, bounded.

An answer never waits for a disk. Where entries come faster than they can be
written, or the database is away for long, entries are dropped, and counted.
"""

import logging
import queue
import threading
from collections.abc import Callable

from breakcast.errors import LedgerError
from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger
from breakcast.serving.journal import entry_of, row_of
from breakcast.serving.prediction import Prediction

MOST_WAITING = 10_000
"""Entries kept in memory; about 1.5 kB each."""
MOST_AT_ONCE = 500
LINGER_SECONDS = 0.5
"""How long a batch is gathered."""
RETRY_SECONDS = 5.0
CLOSING_SECONDS = 5.0

_LOG = logging.getLogger("breakcast.journal")


class JournalWriter:
    """
    Writes predictions into the journal; an observer of the predictor.

    Args:
        open_ledger: Opens the ledger whose journal it is, when the first answer is to
            be kept; gives None while there is none: then nothing is kept. It is
            closed with this.
        dropped: Is told how many entries were lost.
    """

    def __init__(
        self,
        open_ledger: Callable[[], Ledger | None],
        dropped: Callable[[int], None],
    ) -> None:
        self._open_ledger = open_ledger
        self._ledger: Ledger | None = None
        self._dropped = dropped
        self._waiting: queue.Queue[Prediction] = queue.Queue(MOST_WAITING)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def __call__(self, prediction: Prediction) -> None:
        """Take a prediction; never waits."""
        try:
            self._waiting.put_nowait(prediction)
        except queue.Full:
            self._dropped(1)

    def close(self) -> None:
        """Write what is waiting, within a few seconds; the rest is dropped."""
        self._closing.set()
        self._thread.join(CLOSING_SECONDS)
        if lost := self._waiting.qsize():
            self._dropped(lost)
            _LOG.error("%d journal entries were lost at the end", lost)
        if self._ledger is not None:
            self._ledger.close()

    def _run(self) -> None:
        batch: list[Prediction] = []
        while not (self._closing.is_set() and not batch and self._waiting.empty()):
            self._gather(batch)
            if batch and self._is_written(batch):
                batch = []

    def _gather(self, batch: list[Prediction]) -> None:
        """Wait for an entry, then take what else is there by the end of the linger."""
        if not batch:
            try:
                batch.append(self._waiting.get(timeout=LINGER_SECONDS))
            except queue.Empty:
                return
            self._closing.wait(LINGER_SECONDS)
        while len(batch) < MOST_AT_ONCE and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())

    def _is_written(self, batch: list[Prediction]) -> bool:
        try:
            self._ledger = self._ledger or self._open_ledger()
            if self._ledger is not None:
                rows = [row_of(entry_of(prediction)) for prediction in batch]
                JournalTable(self._ledger).add(rows)
        except LedgerError as error:
            _LOG.error("the journal could not be written, trying again: %s", error)
            if self._closing.wait(RETRY_SECONDS):
                self._dropped(len(batch))
                return True
            return False
        return True
