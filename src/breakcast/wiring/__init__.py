"""
Which parts are used: the one place that turns settings into things that run.

What every command needs is here; what only some need, and takes long to import,
lies in a file of its own beside it.
"""

from datetime import UTC, datetime

from breakcast.blobs import blob_store
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


def open_registry(settings: Settings) -> Registry:
    """Open the registry these settings name; it need not hold anything yet."""
    return Registry(blob_store(settings.registry_place))
