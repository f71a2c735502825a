"""A ledger becomes a model: the terms of judgement, the processes, the registry."""

import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from breakcast import wiring
from breakcast.errors import LedgerError, RegistryError
from breakcast.history.ledger import Ledger
from breakcast.model.bundle import load_bundle
from breakcast.model.bundlewriting import write_bundle
from breakcast.model.estimator import Recipe
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


def rebuild_model(
    settings: Settings,
    version: str,
    step: Step = lambda _what, _done, _of: None,
) -> dict[str, bool]:
    """
    Make a version once more, from the ledger and what its manifest says.

    Returns:
        By file whether it came out byte for byte as it is in the registry.

    Raises:
        RegistryError: If there is no such version, or it does not say how it was made.
        LedgerError: If the ledger fails, or does not reach as far.
    """
    manifest = wiring.open_registry(settings).load(version).manifest
    if not manifest.terms:
        message = f"{version} does not say what it was judged against: it is too old"
        raise RegistryError(message)
    with wiring.open_ledger(settings) as ledger:
        position = ledger.position()
        if position < manifest.ledger_position:
            message = (
                f"{version} was made of {manifest.ledger_position} facts, this ledger "
                f"has {position}; name the ledger it was made of"
            )
            raise LedgerError(message)
        with executor_for(ledger, settings, None) as pool:
            table = read_table(
                ledger, until=manifest.ledger_position, executor=pool, step=step
            )
            parts = train(
                table,
                msgspec.convert(manifest.terms, Terms),
                ledger_position=manifest.ledger_position,
                created_at=manifest.created_at,
                taught_before=manifest.taught_before,
                recipe=msgspec.convert(manifest.recipe, Recipe),
                executor=pool,
                step=step,
            )
    with tempfile.TemporaryDirectory(prefix="breakcast-") as folder:
        bundle = Path(folder) / "bundle"
        write_bundle(parts, bundle)
        made = load_bundle(bundle).manifest
    return {name: made.files[name] == seal for name, seal in manifest.files.items()}


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
