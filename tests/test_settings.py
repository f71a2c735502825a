"""Settings come from a file, the environment and flags, in rising order."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from breakcast.errors import BadInput, BadSettings
from breakcast.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, and nothing set."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BREAKCAST_{name.upper()}", raising=False)
    return tmp_path


def write_toml(folder: Path, text: str) -> None:
    (folder / "breakcast.toml").write_text(text, encoding="utf-8")


def test_where_nothing_is_set_state_is_kept_in_a_folder_here() -> None:
    settings = Settings()

    assert settings.home == Path(".breakcast")
    assert settings.ledger_place == ".breakcast/ledger.db"
    assert settings.registry_place == ".breakcast/registry"
    assert settings.workers >= 1


def test_the_environment_wins_over_the_file_and_a_flag_over_both(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toml(here, "missed_budget = 0.1\ntarget_accuracy = 0.9\nworkers = 3\n")
    monkeypatch.setenv("BREAKCAST_TARGET_ACCURACY", "0.95")
    monkeypatch.setenv("BREAKCAST_WORKERS", "5")

    settings = Settings(workers=7)

    assert settings.missed_budget == 0.1
    assert settings.target_accuracy == 0.95
    assert settings.workers == 7


def test_the_home_moves_all_that_is_kept_unless_it_is_placed_itself(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toml(here, 'home = "/srv/ci"\nregistry = "/srv/models"\n')
    assert Settings().ledger_place == "/srv/ci/ledger.db"
    assert Settings().registry_place == "/srv/models"

    monkeypatch.setenv("BREAKCAST_LEDGER", "postgresql://db/ci")
    assert Settings().ledger_place == "postgresql://db/ci"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target_accuracy", "2"),
        ("target_accuracy", "0"),
        ("missed_budget", "1"),
        ("missed_budget", "-0.1"),
        ("target_accuracy", "high"),
        ("target_accuracy", "nan"),
        ("workers", "0"),
        ("workers", "two"),
        ("price_a_minute", "-1"),
        ("price_a_minute", "nan"),
        ("price_a_minute", "inf"),
        ("use_authors", "perhaps"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BREAKCAST_{name.upper()}", value)

    with pytest.raises(ValidationError) as refused:
        Settings()

    (wrong,) = refused.value.errors()
    assert wrong["loc"] == (name,)
    assert wrong["input"] == value


def test_a_name_in_the_file_that_is_no_setting_is_refused(here: Path) -> None:
    """A misspelt setting would otherwise be a default nobody asked for."""
    write_toml(here, "target_acuracy = 0.9\n")

    with pytest.raises(ValidationError) as refused:
        Settings()

    (wrong,) = refused.value.errors()
    assert (wrong["loc"], wrong["type"]) == (("target_acuracy",), "extra_forbidden")


@pytest.mark.parametrize("text", [b"home = [", b"home", b"home = '\xff'"])
def test_a_file_that_is_no_toml_is_refused_by_name(here: Path, text: bytes) -> None:
    (here / "breakcast.toml").write_bytes(text)

    with pytest.raises(BadInput, match=r"^breakcast\.toml cannot be read: .*UTF-8$"):
        Settings()


def test_settings_do_not_change_while_a_command_runs() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().workers = 2


@pytest.mark.parametrize(
    "line",
    ['github_tokn = "ghp_4711"', 'github_secrets = "ghp_4711"', "github_token = 4711"],
)
def test_what_may_be_a_secret_is_not_repeated(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "breakcast.toml").write_text(line, encoding="utf-8")

    with pytest.raises(BadSettings) as refused:
        read_settings()

    assert line.partition(" ")[0] in str(refused.value)
    assert "4711" not in str(refused.value)


def test_a_list_in_the_environment_that_is_none_is_told_without_its_value(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKCAST_GITHUB_SECRETS", "ghp_4711")

    with pytest.raises(BadSettings, match=r"github_secrets.* JSON list") as refused:
        read_settings()

    assert here.exists()
    assert "4711" not in str(refused.value)
    assert refused.value.__cause__ is None
