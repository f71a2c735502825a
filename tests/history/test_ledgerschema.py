"""A ledger is made, recognised and renewed; what is none is left alone."""

import multiprocessing
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from breakcast.errors import LedgerError
from breakcast.history.events import KIND_ORDER
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import ledger_engine, ledger_url
from breakcast.history.ledgerschema import (
    METADATA,
    MIGRATIONS,
    REVISIONS,
    create,
    migrate,
)
from tests.history.made_builds import started


def stamp(path: Path, version: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [version])
    connection.close()


def create_by_hand(path: Path) -> None:
    engine = ledger_engine(ledger_url(path))
    create(engine)
    engine.dispose()


def test_opening_makes_a_ledger_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ledger.db"
    with Ledger.open(str(path)) as ledger:
        ledger.append([started()])
    with Ledger.open(f"sqlite:///{path}") as ledger:
        assert ledger.position() == 1


@pytest.mark.parametrize("make", [migrate, create_by_hand])
def test_migrations_and_code_agree_on_the_tables(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "ledger.db")
    engine = ledger_engine(ledger_url(tmp_path / "ledger.db"))
    with engine.connect() as connection:
        stamped = connection.exec_driver_sql("SELECT * FROM alembic_version").scalar()
        assert stamped == REVISIONS[-1]
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_the_code_knows_all_versions_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    stored = [step.revision for step in script.walk_revisions()]
    assert list(REVISIONS) == stored[::-1]


def test_the_ranks_of_kinds_are_stored_and_must_not_change() -> None:
    """A migration has to renumber the table's `kind` if this ever fails."""
    assert {kind.__name__: rank for kind, rank in KIND_ORDER.items()} == {
        "BuildStarted": 0,
        "ChangeSeen": 1,
        "PredictionShown": 2,
        "BuildFinished": 3,
        "CauseSettled": 4,
    }


def test_migrating_tells_the_versions_before_and_after(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    assert migrate(path) == (None, REVISIONS[-1])
    assert migrate(path) == (REVISIONS[-1], REVISIONS[-1])


def test_migrating_keeps_the_facts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        ledger.append([started()])
    migrate(path)
    with Ledger.open(path) as ledger:
        assert list(ledger) == [started()]


def test_an_older_ledger_asks_to_be_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    migrate(path)
    monkeypatch.setattr(
        "breakcast.history.ledgerschema.REVISIONS", (*REVISIONS, "next")
    )
    with pytest.raises(LedgerError) as refused:
        Ledger.open(path)
    assert f"is a ledger of version {REVISIONS[-1]}, this code's is next" in str(
        refused.value
    )
    assert "run `breakcast ledger migrate`" in str(refused.value)


@pytest.mark.parametrize("use", [Ledger.open, migrate])
def test_a_newer_ledger_is_left_alone(
    tmp_path: Path, use: Callable[[Path], object]
) -> None:
    path = tmp_path / "ledger.db"
    migrate(path)
    stamp(path, "9999")
    with pytest.raises(LedgerError, match=r"of version 9999.*another breakcast wrote"):
        use(path)


@pytest.mark.parametrize("use", [Ledger.open, migrate])
def test_the_database_of_something_else_is_left_alone(
    tmp_path: Path, use: Callable[[Path], object]
) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (title)")
    connection.close()
    with pytest.raises(LedgerError, match="holds songs and is no breakcast ledger"):
        use(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("dear diary\n" * 100, encoding="utf-8")
    with pytest.raises(LedgerError, match="file is not a database"):
        Ledger.open(path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="no folder can be made for the ledger"):
        Ledger.open(tmp_path / "file" / "ledger.db")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://host/db", "use a file's path, sqlite:///… or postgresql://…"),
        ("://", "the ledger's URL cannot be read"),
    ],
)
def test_a_url_that_names_no_ledger_is_refused(url: str, reason: str) -> None:
    with pytest.raises(LedgerError, match=reason):
        Ledger.open(url)


def test_a_password_is_in_no_message() -> None:
    with pytest.raises(LedgerError) as refused:
        Ledger.open("mysql://me:hush@host/db")
    assert "hush" not in str(refused.value)


@pytest.mark.skipif(
    find_spec("psycopg") is not None or find_spec("psycopg2") is not None,
    reason="the PostgreSQL driver is installed",
)
def test_a_missing_driver_is_named_with_what_to_install() -> None:
    with pytest.raises(LedgerError, match="driver, psycopg"):
        Ledger.open("postgresql://host/db")


def test_a_commit_is_on_disk_before_it_returns(tmp_path: Path) -> None:
    engine = ledger_engine(ledger_url(tmp_path / "ledger.db"))
    with engine.connect() as connection:
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    engine.dispose()
    full = 2
    assert (synchronous, journal) == (full, "wal")


def _open_and_append(path: Path, number: int) -> int:
    with Ledger.open(path) as ledger:
        return ledger.append([started(str(number))]).new


def test_processes_may_make_and_fill_one_ledger_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        new = pool.starmap(_open_and_append, [(path, n) for n in range(12)], 1)
    assert new == [1] * 12
    with Ledger.open(path) as ledger:
        assert ledger.position() == 12


def test_opening_an_up_to_date_ledger_does_not_load_alembic(tmp_path: Path) -> None:
    migrate(tmp_path / "ledger.db")
    code = (
        "import sys\n"
        "from breakcast.history.ledger import Ledger\n"
        "Ledger.open(sys.argv[1]).close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, str(tmp_path / "ledger.db")], check=True
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bob:p@ss:secret@h/db",
        "postgresql://bob@h/db?password=secret",
        "postgresql+foo://bob:secret@h/db",
        "sqlite://bob:secret@h/db",
        "mysql://bob:secret@h/db",
    ],
)
def test_a_url_that_will_not_do_is_told_without_its_secrets(url: str) -> None:
    with pytest.raises(LedgerError) as told:
        Ledger.open(url)

    assert "secret" not in str(told.value)
