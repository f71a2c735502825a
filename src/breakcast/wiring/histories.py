"""Histories come in: builds files, and what git knows of a change."""

import secrets
from collections.abc import Callable
from pathlib import Path

from breakcast import wiring
from breakcast.history.buildsfile import BuildsFile, read_builds
from breakcast.history.identity import KEY_BYTES, KEY_FILE, AuthorIdentity
from breakcast.history.importing import ImportSummary, import_builds
from breakcast.settings import Settings


def open_builds(
    path: Path, settings: Settings, *, assume_minutes: float, is_kept: bool = True
) -> BuildsFile:
    """
    Open a builds file; authors are hashed with this home's key, or dropped.

    Where there is no key yet, one is made and kept, unless `is_kept` is false.
    """
    identity = wiring.identity_of(settings) if is_kept else _passing(settings)
    return read_builds(
        path, assume_minutes=assume_minutes, identity=identity, now=wiring.now()
    )


def import_file(
    path: Path,
    settings: Settings,
    *,
    assume_minutes: float = 30.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[ImportSummary, int]:
    """Import a builds file; what came of it, and the ledger's position after it."""
    builds = open_builds(path, settings, assume_minutes=assume_minutes)
    with wiring.open_ledger(settings) as ledger:
        return import_builds(ledger, builds, progress=progress), ledger.position()


def _passing(settings: Settings) -> AuthorIdentity | None:
    """Give what hashes authors for once, by the home's key if there is one."""
    if not settings.use_authors or (settings.home / KEY_FILE).exists():
        return wiring.identity_of(settings)
    return AuthorIdentity(secrets.token_bytes(KEY_BYTES))
