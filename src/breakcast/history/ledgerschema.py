"""
The ledger's tables and their versions.

The SQL is SQLAlchemy Core and runs on SQLite and PostgreSQL alike. Alembic is
imported only when a schema is made or renewed: opening an up-to-date ledger
must stay quick.
"""

from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
)

from breakcast.errors import LedgerError
from breakcast.history.ledgerengine import (
    ledger_engine,
    ledger_url,
    shown,
    told,
    writing,
)

METADATA = MetaData()
"""All tables of the ledger."""

EVENTS = Table(
    "events",
    METADATA,
    # SQLite makes a rowid of INTEGER only; elsewhere 2**31 facts may not be enough.
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("source", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("build_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint(
        "source",
        "repo",
        "pipeline",
        "build_id",
        "attempt",
        "kind",
        name="uq_events_attempt_kind",
    ),
    Index("ix_events_fold", "organisation", "known_at", "kind", "id"),
    # A position, once given, is never given again, whatever is deleted.
    sqlite_autoincrement=True,
)
"""
One row a fact. `id` is its position; `kind` its rank in `KIND_ORDER` (so that
the index is the fold order); `known_at` microseconds since 1970; `payload` the
whole event as MessagePack.
"""

JOURNAL = Table(
    "journal",
    METADATA,
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("source", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("commit_sha", Text),
    Column("attempt", Integer, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index(
        "ix_journal_join", "source", "repo", "pipeline", "commit_sha", "attempt", "id"
    ),
    sqlite_autoincrement=True,
)
"""
One row an answer, in the order they were written: what an outcome is joined by,
`as_of` in microseconds since 1970, and the answer as MessagePack.
"""

CLOCK = Table(
    "clock",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)
"""One row: when a fact was last received, in microseconds since 1970."""

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("delivery", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)
"""One row a webhook's delivery that was taken: it is never taken again."""

NOTES = Table(
    "notes",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("repo", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
)
"""What webhooks said beside facts, by what it is about (a commit, a run)."""

SNAPSHOTS = Table(
    "snapshots",
    METADATA,
    Column("organisation", Text, primary_key=True),
    Column("catalog", Text, primary_key=True),
    Column(
        "known_until",
        BigInteger,
        primary_key=True,
        autoincrement=False,
    ),
    Column("position", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
"""
Feature states of organisations: of all facts up to `position` that were known by
`known_until`, and no others.
"""

LEASES = Table(
    "leases",
    METADATA,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""Which worker owns a shard of the organisations; the epoch counts its owners."""

WORKERS = Table(
    "workers",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
)
"""Which workers there are, and when each last said so."""

ANSWERED = Table(
    "answered",
    METADATA,
    Column("said", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("build_id", Text),
    Column("attempt", Integer, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("commit_sha", Text),
    Column("as_of", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("probability", Float(53), nullable=False),
    Column("abstained", Boolean, nullable=False),
    Column("parrot", Float(53)),
    Column("challenger", Text),
    Column("challenger_probability", Float(53)),
    Column("outcome", SmallInteger),
    Column("known_at", BigInteger),
    UniqueConstraint(
        "source",
        "repo",
        "pipeline",
        "build_id",
        "attempt",
        name="uq_answered_attempt",
    ),
    Index("ix_answered_open", "outcome", "as_of"),
    Index("ix_answered_known", "known_at"),
)
"""
One row an attempt that was shown an answer: the first one, by its position in the
journal (`said`). `build_id` is unknown while the build has none, `outcome` while it has
not ended; then it is one of `answered.SETTLED`.
"""

CURSORS = Table(
    "cursors",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""Up to which position of the journal those who follow it have come, each by name."""

WINDOWS = Table(
    "windows",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("starts_at", BigInteger, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
)
"""What was counted window by window, by what it is about; `starts_at` in seconds."""

REPORTS = Table(
    "reports",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
)
"""What was reported or decided, by kind, and when, in microseconds since 1970."""

TURNS = Table(
    "turns",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""Who may do what only one at a time may do, and until when, in microseconds."""

RUNS = Table(
    "runs",
    METADATA,
    Column("run", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("began_at", BigInteger, nullable=False),
    Column("plan", LargeBinary, nullable=False),
    Column("ended_at", BigInteger),
    Column("result", LargeBinary),
)
"""What each step of each run set out to do, and what came of it; unknown till then."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every version of the schema, oldest first; the last one is this code's."""

MIGRATIONS = Path(__file__).with_name("migrations")
"""Alembic's script directory."""

# Alembic's own table: apart from METADATA, for no migration of ours makes it.
_VERSION = Table(
    "alembic_version", MetaData(), Column("version_num", String(32), primary_key=True)
)


def prepare(engine: Engine) -> None:
    """
    See that the database holds a ledger of this version; make one if it is empty.

    Raises:
        LedgerError: If it holds another version, or something else.
    """
    found = _stored_revision(engine)
    if found is None:
        _upgrade(engine)
    elif found != REVISIONS[-1]:
        raise _wrong_version(engine, found)


def create(engine: Engine) -> None:
    """Make a ledger of this version in an empty database, quickly, by hand."""
    with writing(engine) as connection:
        METADATA.create_all(connection)
        connection.execute(insert(CLOCK).values(id=1, last=0))
        _VERSION.create(connection)
        connection.execute(insert(_VERSION).values(version_num=REVISIONS[-1]))


def migrate(place: str | Path) -> tuple[str | None, str]:
    """
    Bring a ledger to this code's version, making it where there is none.

    Args:
        place: A file for SQLite, or a database URL.

    Returns:
        Its version before (None if it is new) and now.

    Raises:
        LedgerError: If it cannot be opened, is not known to this code, or is no
            ledger.
    """
    engine = ledger_engine(ledger_url(place))
    try:
        found = _stored_revision(engine)
        if found is not None and found not in REVISIONS:
            raise _wrong_version(engine, found)
        _upgrade(engine)
    finally:
        engine.dispose()
    return found, REVISIONS[-1]


def version_of(place: str | Path) -> str | None:
    """
    Read which version a ledger is of; nothing is made or changed.

    Args:
        place: A file for SQLite, or a database URL.

    Returns:
        Its version; None if there is no ledger yet.

    Raises:
        LedgerError: If it cannot be opened, or is no ledger.
    """
    if "://" not in str(place) and not Path(place).exists():
        return None
    engine = ledger_engine(ledger_url(place))
    try:
        return _stored_revision(engine)
    finally:
        engine.dispose()


def _stored_revision(engine: Engine) -> str | None:
    """Read the schema's version; None if the database is empty."""
    with told(engine.url), engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        if _VERSION.name in tables:
            query = select(_VERSION.c.version_num)
            return str(connection.execute(query).scalar_one())
    if tables:
        message = (
            f"{shown(engine.url)} holds {', '.join(tables[:5])} and is no "
            "breakcast ledger; name another file or database"
        )
        raise LedgerError(message)
    return None


def _wrong_version(engine: Engine, found: str) -> LedgerError:
    if found in REVISIONS:
        remedy = "run `breakcast ledger migrate`"
    else:
        remedy = "another breakcast wrote it; use that one, or a later one"
    return LedgerError(
        f"{shown(engine.url)} is a ledger of version {found}, this code's "
        f"is {REVISIONS[-1]}; {remedy}"
    )


def _upgrade(engine: Engine) -> None:
    """Bring the schema to the last version, in one transaction."""
    from alembic import command  # noqa: PLC0415 - takes a second to import
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    # Alembic's configuration reads % as the start of a name to fill in.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
