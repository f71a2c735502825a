"""A ledger becomes a model: the terms of judgement, the processes, the registry."""

import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from breakcast import wiring
from breakcast.history.ledger import Ledger
from breakcast.model.bundlewriting import write_bundle
from breakcast.model.judge import Step, Terms, read_table
from breakcast.model.train import train
from breakcast.settings import Settings
from breakcast.wiring.machines import dask_executor

WORTH_A_POOL = 5_000
"""Below so many builds, starting processes takes longer than they save."""


def terms_of(settings: Settings, **chosen: Any) -> Terms:  # noqa: ANN401 - as Terms takes
    """Say what is judged against what, by these settings."""
    return Terms(
        target_accuracy=settings.target_accuracy,
        missed_budget=settings.missed_budget,
        price_a_minute=settings.price_a_minute,
        **chosen,
    )


def train_model(
    settings: Settings,
    step: Step = lambda _what, _done, _of: None,
    *,
    dask: str | None = None,
) -> str:
    """
    Train on the ledger and publish the bundle; its version.

    Args:
        settings: Which ledger, which registry, how many processes.
        step: Told how far it is.
        dask: The scheduler whose workers do it, rather than processes of our own.
    """
    with wiring.open_ledger(settings) as ledger:
        position = ledger.position()
        with executor_for(ledger, settings, dask) as pool:
            table = read_table(ledger, executor=pool, step=step)
            parts = train(
                table,
                terms_of(settings),
                ledger_position=position,
                created_at=wiring.now(),
                executor=pool,
                step=step,
            )
    with tempfile.TemporaryDirectory(prefix="breakcast-") as folder:
        bundle = Path(folder) / "bundle"
        write_bundle(parts, bundle)
        return wiring.open_registry(settings).publish(bundle)


def executor_for(
    ledger: Ledger, settings: Settings, dask: str | None
) -> AbstractContextManager[Executor | None]:
    """
    Give what replays and trains side by side.

    Args:
        ledger: What there is to work on.
        settings: How many processes.
        dask: A Dask scheduler's address; None for processes of our own.

    Raises:
        BadInput: If the address is none, or Dask is not installed.
        ClusterError: If the cluster cannot be reached, or not see the ledger.
    """
    if dask is None:
        return workers(settings, sum(ledger.organisations().values()))
    return dask_executor(dask, ledger)


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
