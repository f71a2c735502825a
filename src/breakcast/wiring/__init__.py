"""
Which parts are used: the one place that turns settings into things that run.

What every command needs is here; what only some need, and takes long to import,
lies in a file of its own beside it.
"""

from datetime import UTC, datetime
from pathlib import Path

from breakcast.blobs import blob_store
from breakcast.features.store import RecordStore
from breakcast.history.identity import AuthorIdentity
from breakcast.history.ledger import Ledger
from breakcast.model.registry import Registry
from breakcast.settings import Settings


def now() -> datetime:
    """Tell the time, in UTC: for what is said about *when*, never for a feature."""
    return datetime.now(UTC)


def identity_of(settings: Settings) -> AuthorIdentity | None:
    """Give what hashes authors as the ledger does; None if authors do not count."""
    return AuthorIdentity.load(settings.home) if settings.use_authors else None


def author_of(name: str | None, settings: Settings) -> str | None:
    """Hash an author's name as the ledger does; None if authors do not count."""
    identity = identity_of(settings) if name is not None else None
    return identity(name) if identity is not None and name is not None else None


def open_ledger(settings: Settings) -> Ledger:
    """Open the ledger these settings name; it is made where there is none."""
    return Ledger.open(settings.ledger_place)


def is_far(store: str) -> bool:
    """Tell whether a store is another machine's: named by a URL, not by a file."""
    return "://" in store


def open_store(store: str) -> RecordStore:
    """
    Open a store of records: a Feast server by its URL, or a SQLite file.

    Raises:
        StoreError: If the file cannot be opened.
        BadSettings: If the URL is none.
    """
    # Each takes a while to import, and few commands need either.
    if is_far(store):
        from breakcast.adapters.feast.client import FeatureServer  # noqa: PLC0415

        return FeatureServer(store)
    from breakcast.adapters.sqlitestore import SqliteStore  # noqa: PLC0415

    return SqliteStore(Path(store))


def follows_registry(settings: Settings) -> bool:
    """Tell whether promotions count: not where only a folder's model is named."""
    return settings.registry is not None or settings.model_dir is None


def open_registry(settings: Settings) -> Registry:
    """Open the registry these settings name; it need not hold anything yet."""
    return Registry(blob_store(settings.registry_place))
