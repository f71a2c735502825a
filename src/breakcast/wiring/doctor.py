"""
What is wrong here, and how to mend it: each part is looked at, and nothing is changed.

A part that does not answer in time is said not to; secrets are never repeated.
"""

import queue
import shutil
import stat
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from breakcast import wiring
from breakcast.adapters import webserver
from breakcast.adapters.canary import CanaryClient
from breakcast.errors import BreakcastError
from breakcast.history.answered import newest_receipt
from breakcast.history.identity import KEY_BYTES, KEY_FILE
from breakcast.history.leases import workers_since
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerschema import REVISIONS, version_of
from breakcast.model.registry import Registry
from breakcast.settings import Settings
from breakcast.wiring.standing import last_look, published_at

ANSWERS_WITHIN_SECONDS: Final = 15.0
"""Longer than it takes a database's client to give up."""
_QUIET: Final = timedelta(minutes=2)
"""A worker says that it is there every few seconds."""
_STALE: Final = timedelta(hours=26)
_LITTLE_DISK_BYTES: Final = 1_000_000_000

Standing: TypeAlias = Literal["ok", "warning", "wrong", "unused"]


class Finding(NamedTuple):
    """
    What one part looks like.

    Attributes:
        part: Which.
        standing: `wrong` stops something; a `warning` is worth a look; `unused` is not
            set up, which is well.
        found: What was seen.
        mend: What to do about it; empty if nothing.
    """

    part: str
    standing: Standing
    found: str
    mend: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Look at every part, one after the other; nothing is made or changed."""
    checks: dict[str, Callable[[Settings], Finding]] = {
        "ledger": _ledger,
        "author key": _author_key,
        "registry": _registry,
        "store": _store,
        "workers": _workers,
        "health report": _health,
        "server": _server,
        "access": _access,
        "webhooks": _webhooks,
        "disk": _disk,
    }
    return [_looked_at(part, check, settings) for part, check in checks.items()]


def _looked_at(
    part: str, check: Callable[[Settings], Finding], settings: Settings
) -> Finding:
    """Run one check; what fails or does not come back is a finding, too."""
    came: queue.Queue[Finding | Exception] = queue.Queue()

    def run() -> None:
        try:
            came.put(check(settings))
        except Exception as error:  # noqa: BLE001 - raised again below
            came.put(error)

    # A daemon: what hangs is not waited for at the end either.
    threading.Thread(target=run, name=part, daemon=True).start()
    try:
        found = came.get(timeout=ANSWERS_WITHIN_SECONDS)
    except queue.Empty:
        said = f"no answer within {ANSWERS_WITHIN_SECONDS:.0f} seconds"
        return Finding(part, "wrong", said, "is it there, and may we reach it?")
    if isinstance(found, BreakcastError | OSError):
        return Finding(part, "wrong", str(found), "mend what it names")
    if isinstance(found, Exception):
        raise found
    return found


def _ledger(settings: Settings) -> Finding:
    version = version_of(settings.ledger_place)
    if version is None:
        said = "there is none yet"
        return Finding("ledger", "warning", said, "breakcast import FILE, or backfill")
    if version != REVISIONS[-1]:
        said = f"it is of version {version}; this code's is {REVISIONS[-1]}"
        mend = (
            "breakcast ledger migrate"
            if version in REVISIONS
            else "a later breakcast wrote it: install that one"
        )
        return Finding("ledger", "wrong", said, mend)
    with Ledger.open(settings.ledger_place) as ledger:
        counts = ledger.organisations()
        newest = newest_receipt(ledger)
    said = f"{sum(counts.values()):,} builds of {len(counts)} organisations"
    if newest is not None:
        said += f", the last fact received {_ago(newest)}"
    if not counts:
        return Finding("ledger", "warning", said, "breakcast import FILE, or backfill")
    return Finding("ledger", "ok", said)


def _author_key(settings: Settings) -> Finding:
    part, path = "author key", settings.home / KEY_FILE
    if not settings.use_authors:
        return Finding(part, "unused", "authors do not count")
    if not path.exists():
        ledger = _opened(settings)
        if ledger is None:
            return Finding(part, "ok", "made with the first import")
        ledger.close()
        said = f"{path} is not there; known authors will be strangers"
        return Finding(part, "wrong", said, "restore it from its backup")
    size = path.stat().st_size
    if size != KEY_BYTES:
        said = f"{path} holds {size} bytes; it is to hold {KEY_BYTES}"
        return Finding(part, "wrong", said, "restore it from its backup")
    if path.stat().st_mode & stat.S_IRWXO:
        said = f"everybody on this machine may read {path}"
        return Finding(part, "warning", said, f"chmod o= {path}")
    return Finding(part, "ok", "there, and not everybody's to read")


def _registry(settings: Settings) -> Finding:
    registry = _registry_there_is(settings)
    if registry is None:
        mend = "breakcast train, then breakcast promote v1.0"
        return Finding("registry", "warning", "there is none yet", mend)
    current = registry.current()
    if current is None:
        mend = "breakcast models, then breakcast promote V"
        return Finding("registry", "warning", "nothing is promoted", mend)
    try:
        champion = registry.load_promoted(current.champion, current)
    except BreakcastError as error:
        mend = "breakcast rollback, or train and promote anew"
        return Finding("registry", "wrong", str(error), mend)
    said = (
        f"{champion.version} answers, trained {_ago(champion.manifest.created_at)}, "
        f"promoted {_ago(current.at)}"
    )
    return Finding("registry", "ok", said)


def _store(settings: Settings) -> Finding:
    if settings.store is None:
        return Finding("store", "unused", "servers fold the ledger themselves")
    if not wiring.is_far(settings.store) and not Path(settings.store).exists():
        said = f"{settings.store} is not there"
        return Finding("store", "wrong", said, "breakcast worker, with this store")
    registry = _registry_there_is(settings)
    champion = registry.load_champion() if registry is not None else None
    if champion is None:
        return Finding("store", "warning", "nothing is promoted that would read it")
    until = published_at(settings.store, champion.catalog)
    if until is None:
        said = "no records of the champion's columns are in it"
        return Finding("store", "wrong", said, "breakcast worker, or features push")
    stale = timedelta(seconds=settings.store_stale_seconds)
    said = f"records are as of {_ago(until)}"
    if wiring.now() - until > stale:
        mend = "does a worker run, with this store?"
        return Finding("store", "wrong", f"{said}: answers are degraded", mend)
    return Finding("store", "ok", said)


def _workers(settings: Settings) -> Finding:
    ledger = _opened(settings)
    if ledger is None:
        return Finding("workers", "unused", "there is no ledger that can be read")
    with ledger:
        names = workers_since(ledger, wiring.now() - _QUIET)
    if names:
        return Finding("workers", "ok", f"{len(names)} follow the ledger")
    said = "none follows the ledger: builds that start are not answered by themselves"
    return Finding("workers", "warning", said, "breakcast worker")


def _health(settings: Settings) -> Finding:
    part, ledger = "health report", _opened(settings)
    if ledger is None:
        return Finding(part, "unused", "there is no ledger that can be read")
    with ledger:
        found = last_look(ledger)
    if found is None:
        return Finding(part, "warning", "none was ever made", "breakcast worker")
    said = f"made {_ago(found.health.at)}"
    if found.decision.is_due:
        said += "; a renewal is due"
    if wiring.now() - found.health.at > _STALE:
        return Finding(part, "warning", said, "does a worker run?")
    return Finding(part, "ok", said)


def _server(settings: Settings) -> Finding:
    url = settings.canary_url or f"http://127.0.0.1:{settings.port}"
    token = settings.canary_token
    client = CanaryClient(
        url,
        settings.name,
        token.get_secret_value() if token is not None else None,
        wiring.now,
    )
    try:
        asked = client.ask()
    finally:
        client.close()
    if asked.is_answered:
        said = f"{url} answers in {1_000 * (asked.seconds or 0):.0f} ms"
        return Finding("server", "ok", said)
    said = f"{url} does not answer the specification's request: {asked.trouble}"
    return Finding(
        "server", "warning", said, "breakcast serve; canary_url, if elsewhere"
    )


def _access(settings: Settings) -> Finding:
    if webserver.is_loopback(settings.host):
        return Finding("access", "ok", "only this machine reaches a server here")
    if settings.tokens:
        return Finding("access", "ok", f"{len(settings.tokens)} tokens may come in")
    said = f"a server on {settings.host} lets in everybody who reaches it"
    mend = "breakcast token NAME --role read, or a network policy"
    return Finding("access", "warning", said, mend)


def _webhooks(settings: Settings) -> Finding:
    if not settings.github_secrets:
        return Finding("webhooks", "unused", "no secret is shared with GitHub")
    key = settings.github_app_key
    if settings.github_app_id is not None and (key is None or not key.is_file()):
        said = f"the App's key {key} cannot be read"
        return Finding("webhooks", "wrong", said, "github_app_key names its .pem file")
    if settings.github_app_id is None and settings.github_token is None:
        said = "deliveries are taken; what is missed is not looked for"
        mend = "github_token or github_app_id, for the worker"
        return Finding("webhooks", "warning", said, mend)
    return Finding("webhooks", "ok", "deliveries are taken, missed ones looked for")


def _disk(settings: Settings) -> Finding:
    # The next folder above it that is there: it may not be made yet.
    places = [settings.home.absolute(), *settings.home.absolute().parents]
    place = next(one for one in places if one.exists())
    free = shutil.disk_usage(place).free
    said = f"{free / 1e9:,.1f} GB are free where {settings.home} lies"
    if free < _LITTLE_DISK_BYTES:
        return Finding("disk", "warning", said, "make room, or move the home")
    return Finding("disk", "ok", said)


def _registry_there_is(settings: Settings) -> Registry | None:
    """Open the registry; None where opening it would make it."""
    place = settings.registry_place
    if "://" not in place and not Path(place).exists():
        return None
    return wiring.open_registry(settings)


def _opened(settings: Settings) -> Ledger | None:
    """Open the ledger if it is there and can be read; its own check says why not."""
    try:
        if version_of(settings.ledger_place) != REVISIONS[-1]:
            return None
        return Ledger.open(settings.ledger_place)
    except BreakcastError:
        return None


def _ago(at: datetime) -> str:
    """
    Say how long ago something was, in its largest unit.

    >>> from datetime import UTC
    >>> _ago(datetime.now(UTC) - timedelta(hours=30))
    '30 hours ago'
    """
    seconds = max((wiring.now() - at).total_seconds(), 0.0)
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} seconds ago"
