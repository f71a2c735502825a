"""The reconciling poll, again and again, beside a worker's loop."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Self

from breakcast.errors import BreakcastError
from breakcast.history.events import BuildKey, Event
from breakcast.history.held import repositories
from breakcast.history.ledger import Ledger
from breakcast.live.reconcile import reconcile
from breakcast.live.source import RecentSource

CLOSING_SECONDS = 15.0

_LOG = logging.getLogger("breakcast.reconcile")


class Poll:
    """
    Polls a provider for what its webhooks missed, in a thread.

    Args:
        ledger: What is known; open for as long as this runs.
        source: The provider.
        owns: Tells whether an organisation is this worker's.
        now: Tells the time.
        seconds: How long to wait between polls.
    """

    def __init__(
        self,
        ledger: Ledger,
        source: RecentSource,
        *,
        owns: Callable[[str], bool],
        now: Callable[[], datetime],
        seconds: float,
    ) -> None:
        self._ledger = ledger
        self._source = source
        self._owns = owns
        self._now = now
        self._seconds = seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poll", daemon=True)

    def __enter__(self) -> Self:
        """Start to poll."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, as soon as a poll under way allows."""
        self._closing.set()
        self._thread.join(CLOSING_SECONDS)

    def poll(self) -> int:
        """
        Poll once: how many facts were missing.

        Raises:
            LedgerError: If the ledger fails.
        """
        known = repositories(self._ledger, self._source.name)
        own = [
            repo
            for repo in known
            if self._owns(BuildKey(self._source.name, repo, "", "").organisation)
        ]
        found = reconcile(
            self._ledger, self._source, own, self._receive, now=self._now()
        )
        return found.found

    def _run(self) -> None:
        while not self._closing.wait(self._seconds):
            try:
                self.poll()
            except BreakcastError as error:
                _LOG.error("the poll failed, and goes on: %s", error)
            except Exception:  # noqa: BLE001 - died unseen, what webhooks miss would stay missing
                _LOG.exception("the poll failed, and goes on")

    def _receive(self, facts: Sequence[Event]) -> None:
        self._ledger.receive_together(facts, self._now())
