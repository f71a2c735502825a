"""
Connections to the ledger's database; all that SQLite and PostgreSQL want is here.

SQLite runs with a write-ahead log (readers and the one writer do not wait for
each other) and `synchronous=FULL` (a commit is on disk before it returns).
PostgreSQL would let many write at once; a lock makes them take turns there too.
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
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_POSTGRES_OPTIONS = {
    "application_name": "breakcast",
    "connect_timeout": 10,
    # A machine that vanished would else be waited for, for hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": _BUSY_SECONDS * 1000,
}
# Whoever writes holds a lock of this number: any will do, if it stays the same.
_TURN = 0x627265616B63
_TAKE_TURN = (
    # What is acknowledged is on disk, whatever the database's own default.
    "SELECT set_config('synchronous_commit', 'on', true), "
    f"set_config('lock_timeout', '{_BUSY_SECONDS}s', true), "
    f"pg_advisory_xact_lock({_TURN})"
)
_LOCK_NOT_AVAILABLE = "55P03"


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
    except (ArgumentError, ValueError):
        # What cannot be read may hold a password anywhere: it is not repeated.
        message = (
            "the ledger's URL cannot be read; use a file's path, sqlite:///… or "
            "postgresql://user:password@host/name, with %40 for @ in a password"
        )
        raise LedgerError(message) from None
    if url.drivername not in _DRIVERS:
        message = (
            f"the ledger's URL {url.set(query={}).render_as_string()} names "
            f"{url.drivername}; use a file's path, sqlite:///… or postgresql://…"
        )
        raise LedgerError(message)
    return url


def shown(url: URL) -> str:
    """
    Show a URL without its secrets, no password, nothing of its query; no driver.

    >>> from sqlalchemy import make_url
    >>> shown(make_url("postgresql+psycopg://ann:pw@host/ci?password=pw"))
    'postgresql://ann:***@host/ci'
    """
    bare = url.set(drivername=url.get_backend_name(), query={})
    return bare.render_as_string()


def ledger_engine(url: URL, *, is_durable: bool = True) -> Engine:
    """
    Make connections to a ledger; none is opened yet, but its folder is made.

    A connection that broke is replaced when it is next asked for: once PostgreSQL
    is back after a restart, so are we.

    Args:
        url: Where the database is, as `ledger_url` read it.
        is_durable: Whether a commit to SQLite must outlive a power cut.

    Raises:
        LedgerError: If its folder cannot be made, or its driver is not installed.
    """
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and url.database:
        # In full, so that it means the same to processes in other folders.
        url = url.set(database=str(Path(url.database).absolute()))
        try:
            Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"no folder can be made for the ledger {url.database}: {error}"
            raise LedgerError(message) from error
    options = {} if is_sqlite else _POSTGRES_OPTIONS
    try:
        engine = create_engine(
            url.set(drivername=_DRIVERS[url.drivername]),
            # Parameters are people's branches and paths: not for messages.
            hide_parameters=True,
            pool_pre_ping=not is_sqlite,
            # What the URL itself says of them counts.
            connect_args={n: v for n, v in options.items() if n not in url.query},
        )
    except (ImportError, SQLAlchemyError) as error:
        message = f"the ledger {shown(url)} cannot be opened: {type(error).__name__}"
        if isinstance(error, ImportError):
            message += "; `pip install 'breakcast[postgres]'` brings its driver"
        raise LedgerError(message) from None
    if is_sqlite:
        _prepare_sqlite(engine, "FULL" if is_durable else "OFF")
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """
    Hold the one turn to write: commit at the end, roll back on any error.

    As writers take turns, positions become visible in order: a reader that goes
    on from the last one it saw misses none.

    Raises:
        LedgerError: If the database fails, or another process keeps the turn for
            longer than 30 seconds.
    """
    with told(engine.url), engine.execution_options(writes=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(_TAKE_TURN)
        yield connection


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Tell a failure of the database as a LedgerError that names the ledger."""
    try:
        yield
    except SQLAlchemyError as error:
        orig = getattr(error, "orig", None) or error
        # Beyond its first sentence PostgreSQL shows the row: people's names.
        diagnosis = getattr(getattr(orig, "diag", None), "message_primary", None)
        cause = " ".join(str(diagnosis or orig).split())
        message = f"the ledger {shown(url)} failed: {cause}"
        is_busy = getattr(orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE
        if is_busy or "locked" in cause:
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
