"""A ledger is made, recognised and renewed; what is none is left alone."""

import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select

from breakcast.errors import LedgerError
from breakcast.history.events import KIND_ORDER
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import ledger_engine, ledger_url, writing
from breakcast.history.ledgerschema import (
    EVENTS,
    METADATA,
    MIGRATIONS,
    REVISIONS,
    create,
    migrate,
)
from tests.history.made_builds import started

ONE_EVENT = {
    **dict.fromkeys(("source", "repo", "pipeline", "build_id", "organisation"), "x"),
    "attempt": 1,
    "kind": 0,
    "known_at": 0,
    "payload": b"kept",
}


@contextmanager
def writing_to(place: str) -> Iterator[Connection]:
    engine = ledger_engine(ledger_url(place))
    with writing(engine) as connection:
        yield connection
    engine.dispose()


def create_by_hand(place: str) -> None:
    engine = ledger_engine(ledger_url(place))
    create(engine)
    engine.dispose()


def migrate_by_steps(place: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing_to(place) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def assert_is_as_the_code_says(place: str) -> None:
    with writing_to(place) as connection:
        stamped = connection.exec_driver_sql("SELECT * FROM alembic_version").scalar()
        assert stamped == REVISIONS[-1]
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []


def test_opening_makes_a_ledger(place: str) -> None:
    with Ledger.open(place) as ledger:
        ledger.append([started()])
    with Ledger.open(place) as ledger:
        assert ledger.position() == 1


def test_opening_makes_the_folder_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ledger.db"
    with Ledger.open(str(path)) as ledger:
        ledger.append([started()])
    with Ledger.open(f"sqlite:///{path}") as ledger:
        assert ledger.position() == 1


@pytest.mark.parametrize("make", [migrate, create_by_hand])
def test_migrations_and_code_agree_on_the_tables(
    place: str, make: Callable[[str], object]
) -> None:
    make(place)
    assert_is_as_the_code_says(place)


@pytest.mark.parametrize("before", REVISIONS[:-1])
def test_every_older_ledger_is_renewed_with_its_facts(place: str, before: str) -> None:
    migrate_by_steps(place, before)
    with writing_to(place) as connection:
        connection.execute(insert(EVENTS), ONE_EVENT)
    assert migrate(place) == (before, REVISIONS[-1])
    assert_is_as_the_code_says(place)
    with writing_to(place) as connection:
        assert connection.scalars(select(EVENTS.c.payload)).all() == [b"kept"]


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


def test_migrating_tells_the_versions_before_and_after(place: str) -> None:
    assert migrate(place) == (None, REVISIONS[-1])
    assert migrate(place) == (REVISIONS[-1], REVISIONS[-1])


def test_migrating_keeps_the_facts(place: str) -> None:
    with Ledger.open(place) as ledger:
        ledger.append([started()])
    migrate(place)
    with Ledger.open(place) as ledger:
        assert list(ledger) == [started()]


def test_an_older_ledger_asks_to_be_migrated(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(place)
    monkeypatch.setattr(
        "breakcast.history.ledgerschema.REVISIONS", (*REVISIONS, "next")
    )
    with pytest.raises(LedgerError) as refused:
        Ledger.open(place)
    assert f"is a ledger of version {REVISIONS[-1]}, this code's is next" in str(
        refused.value
    )
    assert "run `breakcast ledger migrate`" in str(refused.value)


@pytest.mark.parametrize("use", [Ledger.open, migrate])
def test_a_newer_ledger_is_left_alone(place: str, use: Callable[[str], object]) -> None:
    migrate(place)
    with writing_to(place) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match=r"of version 9999.*another breakcast wrote"):
        use(place)


@pytest.mark.parametrize("use", [Ledger.open, migrate])
def test_the_database_of_something_else_is_left_alone(
    place: str, use: Callable[[str], object]
) -> None:
    with writing_to(place) as connection:
        connection.exec_driver_sql("CREATE TABLE songs (title text)")
    with pytest.raises(LedgerError, match="holds songs and is no breakcast ledger"):
        use(place)


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


def test_a_missing_driver_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=r"pip install 'breakcast\[postgres\]'"):
        Ledger.open("postgresql://host/db")


def test_a_commit_is_on_disk_before_it_returns(tmp_path: Path) -> None:
    engine = ledger_engine(ledger_url(tmp_path / "ledger.db"))
    with engine.connect() as connection:
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    engine.dispose()
    full = 2
    assert (synchronous, journal) == (full, "wal")


def _open_and_append(place: str, number: int) -> int:
    with Ledger.open(place) as ledger:
        return ledger.append([started(str(number))]).new


def test_processes_may_make_and_fill_one_ledger_at_once(place: str) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        new = pool.starmap(_open_and_append, [(place, n) for n in range(12)], 1)
    assert new == [1] * 12
    with Ledger.open(place) as ledger:
        assert ledger.position() == 12


def test_opening_an_up_to_date_ledger_does_not_load_alembic(place: str) -> None:
    migrate(place)
    code = (
        "import sys\n"
        "from breakcast.history.ledger import Ledger\n"
        "Ledger.open(sys.argv[1]).close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, place], check=True
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
