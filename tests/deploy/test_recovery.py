"""
What is backed up is enough: restored into an empty installation, answers are equal.

By the words of docs/operations.md: ledger, registry and author key, nothing else.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breakcast import wiring
from breakcast.blobs import blob_store
from breakcast.history.events import Build, BuildKey
from breakcast.history.simulate import Simulation, write_simulated
from breakcast.settings import Settings, read_settings
from breakcast.wiring.answering import predict_now
from tests.deploy.manifests.containers import ours
from tests.engines import ObjectStore, Postgres

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make up a history."""
    file = tmp_path_factory.mktemp("history") / "builds.parquet"
    write_simulated(file, Simulation(builds=3_000, repositories=2, organisations=1), 3)
    return file


@pytest.fixture(autouse=True)
def _at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask before and after at the same moment: track records age."""
    monkeypatch.setattr(wiring, "now", lambda: NOW)


def filled(settings: dict[str, str], history: Path) -> None:
    """Import, train, promote: twice, so that there is something to go back to."""
    for words in (
        ("import", str(history)),
        ("train",),
        ("promote", "v1.0"),
        ("train",),
        ("promote", "v1.1"),
    ):
        subprocess.run(  # noqa: S603 - our own command
            [ours(), *words], check=True, capture_output=True, env=os.environ | settings
        )


def answers(settings: Settings) -> list[Any]:
    """Ask about builds of every repository and of known and unknown authors."""
    with wiring.open_ledger(settings) as ledger:
        (organisation,) = ledger.organisations()
        seen = [
            event
            for event in ledger.events(organisation)
            if type(event).__name__ == "BuildStarted"
        ]
    asked = [
        Build(
            BuildKey("cli", start.build.key.repo, start.build.key.pipeline, "asked"),
            branch=start.build.branch,
            author=wiring.author_of(author, settings),
        )
        for start in seen[:: len(seen) // 10]
        for author in ("Ada Lovelace", None)
    ]
    found = [msgspec.to_builtins(predict_now(one, settings).answer) for one in asked]
    assert len({one["probability"] for one in found}) > 1
    return found


def state(settings: Settings) -> Any:  # noqa: ANN401 - a promotion
    return wiring.open_registry(settings).current()


def in_environment(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> Settings:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def test_a_laptop_is_restored_from_three_things(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, backup, restored = (tmp_path / one for one in ("home", "backup", "restored"))
    filled({"BREAKCAST_HOME": str(home)}, history)
    settings = in_environment(monkeypatch, {"BREAKCAST_HOME": str(home)})
    before, champion = answers(settings), state(settings)

    backup.mkdir()
    # While it may be written to: a copy of the file could be torn.
    with closing(sqlite3.connect(home / "ledger.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(backup / "ledger.db"),))
    shutil.copytree(home / "registry", backup / "registry")
    shutil.copy2(home / "author.key", backup)
    shutil.rmtree(home)
    shutil.copytree(backup, restored)

    settings = in_environment(monkeypatch, {"BREAKCAST_HOME": str(restored)})
    assert answers(settings) == before
    assert state(settings) == champion
    # The registry goes on where it was: back to the version before.
    _ = subprocess.run(  # noqa: S603 - our own command
        [ours(), "rollback", "--reason", "a test"], check=True, capture_output=True
    )
    assert state(settings).champion == "v1.0"


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ObjectStore, ...]]:
    """Give an S3 server, and a second one in another place."""
    with ObjectStore() as one, ObjectStore() as other:
        for name, value in one.access.items():
            monkeypatch.setenv(name, value)
        yield one, other


def test_a_cluster_is_restored_in_another_place(
    history: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres: Postgres,
    stores: tuple[ObjectStore, ObjectStore],
) -> None:
    here, elsewhere = stores
    home, new_home = tmp_path / "home", tmp_path / "new"
    first = {
        "BREAKCAST_HOME": str(home),
        "BREAKCAST_LEDGER": postgres.new_database(),
        "BREAKCAST_REGISTRY": here.new_bucket("ci-failure-models"),
    }
    filled(first, history)
    settings = in_environment(monkeypatch, first)
    before, champion = answers(settings), state(settings)

    dump = tmp_path / "ledger.dump"
    run_postgres(
        "pg_dump", "--format=custom", f"--file={dump}", first["BREAKCAST_LEDGER"]
    )
    objects = blob_store(first["BREAKCAST_REGISTRY"])
    copied = {key: objects.get(key) for key in objects.keys()}  # noqa: SIM118 - no mapping
    new_home.mkdir()
    shutil.copy2(home / "author.key", new_home)
    postgres.drop_database(first["BREAKCAST_LEDGER"])
    here.stop()

    second = {
        "BREAKCAST_HOME": str(new_home),
        "BREAKCAST_LEDGER": postgres.new_database(),
        "BREAKCAST_REGISTRY": elsewhere.new_bucket("ci-failure-models"),
        **elsewhere.access,
    }
    run_postgres(
        "pg_restore", "--no-owner", f"--dbname={second['BREAKCAST_LEDGER']}", dump
    )
    settings = in_environment(monkeypatch, second)
    objects = blob_store(second["BREAKCAST_REGISTRY"])
    # A version's manifest last: what has none is no version.
    for key in sorted(copied, key=lambda one: one.endswith("manifest.json")):
        objects.put_new(key, copied[key])

    assert answers(settings) == before
    assert state(settings) == champion
    postgres.drop_database(second["BREAKCAST_LEDGER"])


def test_without_the_key_known_authors_are_strangers(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    subprocess.run(  # noqa: S603 - our own command
        [ours(), "import", history],
        check=True,
        capture_output=True,
        env=os.environ | {"BREAKCAST_HOME": str(home)},
    )
    settings = in_environment(monkeypatch, {"BREAKCAST_HOME": str(home)})
    known = wiring.author_of("Ada Lovelace", settings)

    (home / "author.key").unlink()

    assert wiring.author_of("Ada Lovelace", settings) != known


def run_postgres(program: str, *words: str | Path) -> None:
    """Run one of PostgreSQL's client programs, of the newest version there is."""
    installed = Path("/usr/lib/postgresql").glob(f"*/bin/{program}")
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    found = newest or shutil.which(program)
    assert found is not None, f"no {program}; PostgreSQL's package brings it"
    subprocess.run([found, *words], check=True)  # noqa: S603 - a program of PostgreSQL's
