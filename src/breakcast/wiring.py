"""Which parts are used: the one place that turns settings into things that run."""

import multiprocessing
import secrets
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from breakcast.adapters.gitlog import change_in
from breakcast.blobs import blob_store
from breakcast.errors import RegistryError
from breakcast.features.state import FeatureState
from breakcast.history.buildsfile import BuildsFile, read_builds
from breakcast.history.events import Build
from breakcast.history.identity import KEY_BYTES, KEY_FILE, AuthorIdentity
from breakcast.history.importing import ImportSummary, import_builds
from breakcast.history.ledger import Ledger
from breakcast.model.bundlewriting import write_bundle
from breakcast.model.judge import Step, Terms, read_table
from breakcast.model.registry import Registry
from breakcast.model.train import train
from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Predictor
from breakcast.settings import Settings

__all__ = [
    "author_of",
    "change_in",
    "import_file",
    "now",
    "open_builds",
    "open_ledger",
    "open_registry",
    "predict_now",
    "terms_of",
    "train_model",
    "workers",
]

WORTH_A_POOL = 5_000
"""Below so many builds, starting processes takes longer than they save."""


def now() -> datetime:
    """Tell the time, in UTC: for what is said about *when*, never for a feature."""
    return datetime.now(UTC)


def open_builds(
    path: Path, settings: Settings, *, assume_minutes: float, is_kept: bool = True
) -> BuildsFile:
    """
    Open a builds file; authors are hashed with this home's key, or dropped.

    Where there is no key yet, one is made and kept, unless `is_kept` is false.
    """
    identity = _identity(settings, is_kept=is_kept)
    return read_builds(
        path, assume_minutes=assume_minutes, identity=identity, now=now()
    )


def author_of(name: str | None, settings: Settings) -> str | None:
    """Hash an author's name as the ledger does; None if authors do not count."""
    identity = _identity(settings) if name is not None else None
    return identity(name) if identity is not None and name is not None else None


def terms_of(settings: Settings, **chosen: Any) -> Terms:  # noqa: ANN401 - as Terms takes
    """Say what is judged against what, by these settings."""
    return Terms(
        target_accuracy=settings.target_accuracy,
        missed_budget=settings.missed_budget,
        price_a_minute=settings.price_a_minute,
        **chosen,
    )


def open_ledger(settings: Settings) -> Ledger:
    """Open the ledger these settings name; it is made where there is none."""
    return Ledger.open(settings.ledger_place)


def import_file(
    path: Path,
    settings: Settings,
    *,
    assume_minutes: float = 30.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[ImportSummary, int]:
    """Import a builds file; what came of it, and the ledger's position after it."""
    builds = open_builds(path, settings, assume_minutes=assume_minutes)
    with open_ledger(settings) as ledger:
        return import_builds(ledger, builds, progress=progress), ledger.position()


def open_registry(settings: Settings) -> Registry:
    """Open the registry these settings name; it need not hold anything yet."""
    return Registry(blob_store(settings.registry_place))


def train_model(settings: Settings, step: Step = lambda _what, _done, _of: None) -> str:
    """Train on the ledger and publish the bundle; its version."""
    with open_ledger(settings) as ledger:
        position = ledger.position()
        with workers(settings, sum(ledger.organisations().values())) as pool:
            table = read_table(ledger, executor=pool, step=step)
            parts = train(
                table,
                terms_of(settings),
                ledger_position=position,
                created_at=now(),
                executor=pool,
                step=step,
            )
    with tempfile.TemporaryDirectory(prefix="breakcast-") as folder:
        bundle = Path(folder) / "bundle"
        write_bundle(parts, bundle)
        return open_registry(settings).publish(bundle)


def predict_now(build: Build, settings: Settings) -> Prediction:
    """
    Forecast a build that starts now, by the champion, from the ledger.

    Raises:
        RegistryError: If there is no champion yet.
    """
    champion = open_registry(settings).load_champion()
    if champion is None:
        message = (
            f"the registry at {settings.registry_place} has no champion; "
            "`breakcast train` makes a version, `breakcast promote` lets it answer"
        )
        raise RegistryError(message)
    state = FeatureState(champion.catalog)
    with open_ledger(settings) as ledger:
        for event in ledger.events(build.key.organisation):
            state.observe(event)
    return Predictor(champion).predict(state, build, now())


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


def _identity(settings: Settings, *, is_kept: bool = True) -> AuthorIdentity | None:
    if not settings.use_authors:
        return None
    if is_kept or (settings.home / KEY_FILE).exists():
        return AuthorIdentity.load(settings.home)
    return AuthorIdentity(secrets.token_bytes(KEY_BYTES))
