"""
Connections to the ledger's database; all that SQLite wants otherwise is here.

SQLite runs with a write-ahead log (readers and the one writer do not wait for
each other) and `synchronous=FULL` (a commit is on disk before it returns).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from breakcast.errors import LedgerError

_BUSY_SECONDS = 30
_PAGE_BYTES = 16_384
_CACHE_KIB = 65_536
_LEFTOVER_LOG_BYTES = 64 * 1024 * 1024


def ledger_url(place: str | Path) -> URL:
    """
    Read a place: a database URL, or the path of a SQLite file.

    Raises:
        LedgerError: If the URL is none, or of a database we do not know.

    >>> ledger_url("ledger.db").render_as_string()
    'sqlite:///ledger.db'
    """
    if isinstance(place, Path) or "://" not in place:
        return URL.create("sqlite", database=str(place))
    try:
        url = make_url(place)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        # What cannot be read may hold a password anywhere: it is not repeated.
        message = (
            "the ledger's URL cannot be read; use a file's path, sqlite:///… or "
            "postgresql://user:password@host/name, with %40 for @ in a password"
        )
        raise LedgerError(message) from None
    if backend not in {"sqlite", "postgresql"}:
        message = (
            f"the ledger's URL {shown(url)} names {backend}; use a file's "
            "path, sqlite:///… or postgresql://…"
        )
        raise LedgerError(message)
    return url


def shown(url: URL) -> str:
    """
    Show a URL without its secrets: no password, nothing of its query.

    >>> from sqlalchemy import make_url
    >>> shown(make_url("postgresql://ann:pw@host/ci?password=pw"))
    'postgresql://ann:***@host/ci'
    """
    return url.set(query={}).render_as_string()


def ledger_engine(url: URL, *, is_durable: bool = True) -> Engine:
    """
    Make connections to a ledger; none is opened yet, but its folder is made.

    Args:
        url: Where the database is.
        is_durable: Whether a commit must outlive a power cut.

    Raises:
        LedgerError: If its folder cannot be made, or its driver is not installed.
    """
    if url.get_backend_name() == "sqlite" and url.database:
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"no folder can be made for the ledger {url.database}: {error}"
            raise LedgerError(message) from error
    # Parameters are people's branches and paths: they do not belong in messages.
    try:
        engine = create_engine(url, hide_parameters=True)
    except (ImportError, SQLAlchemyError) as error:
        message = f"the ledger {shown(url)} cannot be opened: {type(error).__name__}"
        if isinstance(error, ImportError) and error.name is not None:
            message += f"; install the database's driver, {error.name}"
        raise LedgerError(message) from None
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, "FULL" if is_durable else "OFF")
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """
    Hold the one turn to write: commit at the end, roll back on any error.

    Raises:
        LedgerError: If the database fails, or another process keeps the turn for
            longer than 30 seconds.
    """
    with told(engine.url), engine.execution_options(writes=True).begin() as connection:
        yield connection


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Tell a failure of the database as a LedgerError that names the ledger."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error)
        message = f"the ledger {shown(url)} failed: {cause}"
        if "locked" in cause:
            message += "; another process writes (an import?): wait for it to end"
        raise LedgerError(message) from error


def _prepare_sqlite(engine: Engine, synchronous: str) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        # Python's driver would begin transactions by itself, and too late.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {_BUSY_SECONDS * 1000}",
            # Counts on a new file only. Facts run to kilobytes: on pages of the
            # usual 4 KiB inserting takes half as long again.
            f"page_size = {_PAGE_BYTES}",
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            f"cache_size = -{_CACHE_KIB}",
            f"journal_size_limit = {_LEFTOVER_LOG_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails if another wrote
        # in between; one that is to write says so at once, and waits.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
