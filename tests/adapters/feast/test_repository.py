"""The Feast repository: written from the catalog, the same bytes every time."""

import ast
import sys
from pathlib import Path

import pytest

from breakcast.adapters.feast import repository as repository_module
from breakcast.adapters.feast.repository import (
    Repository,
    SetUp,
    configuration,
    definitions,
    kinds_of,
)
from breakcast.errors import BadSettings, StoreError
from breakcast.features.columns import catalog_of
from breakcast.features.store import KINDS
from tests.adapters.feast.servers import production, run_feast
from tests.engines import Redis

PLAIN = catalog_of()
OF_CODE = catalog_of(signals=("sloc",), code_state=("sloc",))
ELSEWHERE = Path(__file__).parent / "elsewhere"


def test_it_is_written_once_and_then_left_alone(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "feast")
    written = repository.write(PLAIN, SetUp.DEVELOPMENT)
    before = {path: path.stat().st_mtime_ns for path in repository.folder.rglob("*")}

    assert [path.name for path in written] == [
        "feature_store.yaml",
        "records.py",
        "static_artifacts.py",
    ]
    assert repository.write(PLAIN, SetUp.DEVELOPMENT) == []
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_only_what_differs_is_written_again(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.write(PLAIN, SetUp.DEVELOPMENT)

    assert [path.name for path in repository.write(OF_CODE, SetUp.DEVELOPMENT)] == [
        "records.py"
    ]
    assert [path.name for path in repository.write(OF_CODE, SetUp.PRODUCTION)] == [
        "feature_store.yaml"
    ]


def test_the_definitions_say_what_they_are_of_and_hold_no_path_of_this_machine(
    tmp_path: Path,
) -> None:
    Repository(tmp_path).write(OF_CODE, SetUp.PRODUCTION)
    text = (tmp_path / "records.py").read_text()

    ast.parse(text)
    assert OF_CODE.hash in text
    assert str(tmp_path) not in text
    assert text == definitions(OF_CODE)
    assert max(map(len, text.splitlines())) <= 88


def test_neighbourhoods_are_kept_only_where_signals_tell_of_the_code() -> None:
    assert kinds_of(OF_CODE) == KINDS
    assert kinds_of(PLAIN) == tuple(kind for kind in KINDS if kind != "neighbourhoods")


@pytest.mark.parametrize("set_up", SetUp)
def test_the_offline_engine_is_duckdb_and_never_dask(set_up: SetUp) -> None:
    assert "offline_store:\n  type: duckdb\n" in configuration(set_up)


def test_production_names_its_servers_by_variables_alone() -> None:
    text = configuration(SetUp.PRODUCTION)

    assert "connection_string: ${FEAST_REDIS},retry=null," in text
    assert "path: ${FEAST_REGISTRY}\n" in text
    assert "cache_mode: thread\n" in text


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "feast").write_text("a file")

    with pytest.raises(StoreError, match="cannot be written"):
        Repository(tmp_path / "feast").write(PLAIN, SetUp.DEVELOPMENT)


def test_a_folder_that_holds_no_repository_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no Feast repository; `breakcast feat"):
        Repository(tmp_path).open()


def test_servers_that_are_not_named_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FEAST_REDIS", raising=False)
    monkeypatch.setenv("FEAST_REGISTRY", "sqlite:///registry.db")
    repository = Repository(tmp_path)
    repository.write(PLAIN, SetUp.PRODUCTION)

    with pytest.raises(BadSettings, match=r"^FEAST_REDIS must be in the environment"):
        repository.register()


def test_where_feast_is_not_installed_it_is_told_how_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "feast", None)
    repository = Repository(tmp_path)
    repository.write(PLAIN, SetUp.DEVELOPMENT)

    with pytest.raises(BadSettings, match=r"pip install 'breakcast\[feast\]'"):
        repository.register()


def test_what_feast_says_is_repeated_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEAST_REDIS", "redis:6379,password=hush")
    monkeypatch.setenv("FEAST_REGISTRY", "postgresql+psycopg://ann:quiet@host/feast")
    refused = repository_module.Repository(tmp_path).refusal(
        RuntimeError("no redis:6379,password=hush, nor quiet at host, hush")
    )

    assert str(refused).endswith("RuntimeError no ***, nor *** at host, ***")


@pytest.mark.parametrize("set_up", SetUp)
def test_registered_twice_nothing_changes(tmp_path: Path, set_up: SetUp) -> None:
    repository = Repository(tmp_path / "feast")
    repository.write(PLAIN, set_up)
    script = str(ELSEWHERE / "registered_twice.py")
    with Redis() as redis:
        variables = production(tmp_path, redis.port)
        ended = run_feast(
            script, str(repository.folder), folder=tmp_path, variables=variables
        )

    assert ended.returncode == 0, ended.stderr
    once, twice = ended.stdout.splitlines()[-2:]
    assert once == twice
    assert "record_key" in once
    assert PLAIN.hash in once
