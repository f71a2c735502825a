"""Which parts are used: the one place that turns settings into things that run."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from breakcast.history.buildsfile import BuildsFile, read_builds
from breakcast.history.identity import AuthorIdentity
from breakcast.history.ledger import Ledger
from breakcast.settings import Settings

WORTH_A_POOL = 5_000
"""Below so many builds, starting processes takes longer than they save."""


def now() -> datetime:
    """Tell the time, in UTC: for what is said about *when*, never for a feature."""
    return datetime.now(UTC)


def open_builds(path: Path, settings: Settings, *, assume_minutes: float) -> BuildsFile:
    """Open a builds file; authors are hashed with this home's key, or dropped."""
    identity = AuthorIdentity.load(settings.home) if settings.use_authors else None
    return read_builds(
        path, assume_minutes=assume_minutes, identity=identity, now=now()
    )


def open_ledger(settings: Settings) -> Ledger:
    """Open the ledger these settings name; it is made where there is none."""
    return Ledger.open(settings.ledger_place)


@contextmanager
def workers(settings: Settings, builds: int) -> Iterator[Executor | None]:
    """Give a pool of processes, or None where a history is too small to need one."""
    if settings.workers == 1 or builds < WORTH_A_POOL:
        yield None
        return
    # Spawned, not forked: a fork would share the database's connection and locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(settings.workers, mp_context=context) as pool:
        yield pool
