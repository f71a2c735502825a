"""Settings become a worker: what it follows, where it publishes, how it ends."""

import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import msgspec

from breakcast import wiring
from breakcast.adapters.github.source import GitHubHistory
from breakcast.errors import LedgerError
from breakcast.live.answers import AnswerKeeper
from breakcast.live.changes import ChangeFinder
from breakcast.live.polling import Poll
from breakcast.live.publishing import Publisher
from breakcast.live.worker import Worker
from breakcast.serving.logs import configure_logs
from breakcast.serving.prediction import Prediction
from breakcast.settings import Settings
from breakcast.wiring.backfill import change_source, github_client
from breakcast.wiring.promotions import Promotions
from breakcast.wiring.watching import Watching

IDLE_SECONDS = 0.2
"""How long a worker waits that has nothing to do."""
RETRY_SECONDS = 2.0
"""How long a worker waits after the ledger has failed."""

_LOG = logging.getLogger("breakcast.worker")


def work(settings: Settings, *, once: bool = False) -> None:
    """
    Follow the ledger until a signal says to end.

    Args:
        settings: What to follow, and how.
        once: End when nothing is new.

    Raises:
        LedgerError: If the ledger cannot be opened.
    """
    configure_logs(logs_access=False)
    with ExitStack() as stack:
        ending = stack.enter_context(_told_to_end())
        ledger = stack.enter_context(wiring.open_ledger(settings))
        sources = {}
        if settings.git_mirrors or settings.github_token or settings.github_app_id:
            sources["github"] = stack.enter_context(change_source(settings))
        changes = ChangeFinder(ledger, sources, wiring.now)
        stack.callback(changes.close)
        publisher = None
        if settings.store is not None:
            store = stack.enter_context(closing(wiring.open_store(settings.store)))
            publisher = Publisher(store)
        worker = Worker(
            ledger,
            _name(),
            keeper=AnswerKeeper(ledger, PrintedAnswers()),
            models=Promotions(settings),
            publisher=publisher,
            changes=changes,
            now=wiring.now,
        )
        if settings.github_token or settings.github_app_id:
            client = stack.enter_context(github_client(settings))
            source = GitHubHistory(client, wiring.identity_of(settings))
            poll = Poll(
                ledger,
                source,
                owns=worker.owns,
                now=wiring.now,
                seconds=settings.reconcile_seconds,
            )
            stack.enter_context(poll)
        stack.enter_context(_renewing(worker))
        if not once:
            stack.enter_context(Watching(settings, lambda: worker.leads))
        _follow(worker, ending, once=once)


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Give what is set once a signal says to end."""
    ending = threading.Event()
    former = {
        number: signal.signal(number, lambda *_: ending.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield ending
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


class PrintedAnswers:
    """Prints answers, a line of JSON each."""

    def show(self, prediction: Prediction, *, is_refined: bool) -> None:
        """Print an answer."""
        key = prediction.key
        line = {
            "repo": key.repo,
            "pipeline": key.pipeline,
            "build_id": key.build_id,
            "attempt": key.attempt,
            "commit_sha": prediction.commit_sha,
            "refined": is_refined,
            **msgspec.to_builtins(prediction.answer),
        }
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()


def _follow(worker: Worker, ending: threading.Event, *, once: bool) -> None:
    _LOG.info("following the ledger")
    while not ending.is_set():
        try:
            count = worker.step()
        except LedgerError as error:
            if once:
                raise
            _LOG.error("the ledger cannot be followed, trying again: %s", error)
            ending.wait(RETRY_SECONDS)
            continue
        if not count:
            if once:
                break
            ending.wait(IDLE_SECONDS)
    worker.close()
    _LOG.info("ended")


@contextmanager
def _renewing(worker: Worker) -> Iterator[None]:
    """Renew a worker's leases in a thread: a step may take longer than they hold."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(IDLE_SECONDS):
            try:
                worker.renew()
            except LedgerError as error:
                _LOG.error("leases cannot be renewed, trying again: %s", error)
                ended.wait(RETRY_SECONDS)

    thread = threading.Thread(target=renew, name="renew", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _name() -> str:
    """Name this worker unlike any other, and so that people can find it."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
