"""An error is one line on standard error, and an exit code that says which kind."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command, Ran
from tests.history.made_builds import PLAIN, write_csv


def _is_one_line(ran: Ran) -> bool:
    return ran.err.startswith("error: ") and ran.err.count("\n") == 1 and not ran.out


@pytest.mark.parametrize("command", ["backtest", "import"])
@pytest.mark.parametrize("name", ["nowhere.csv", "nowhere.parquet", "nowhere"])
def test_a_missing_file_is_named(breakcast: Command, command: str, name: str) -> None:
    ran = breakcast(command, name)

    assert ran.code == 1
    assert _is_one_line(ran)
    assert name in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["backtest"],
        ["import"],
        ["fly"],
        ["backtest", "builds.csv", "--protocol", "random"],
        ["backtest", "builds.csv", "--test-fraction", "many"],
        ["backtest", "builds.csv", "--test-fraction", "0"],
        ["backtest", "builds.csv", "--test-fraction", "1.5"],
        ["backtest", "builds.csv", "--assume-minutes", "-1"],
        ["import", "builds.csv", "--assume-minutes", "1e9"],
        ["import", "builds.csv", "--colour"],
        ["ledger", "fly"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_imports_nothing(
    breakcast: Command, here: Path, arguments: list[str]
) -> None:
    write_csv(here, PLAIN)

    ran = breakcast(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err
    assert not (here / ".breakcast" / "ledger.db").exists()


@pytest.mark.parametrize("option", ["--json", "--html"])
@pytest.mark.parametrize("place", ["nowhere/found", "."])
def test_a_report_that_cannot_be_written_is_told_before_the_work(
    breakcast: Command, here: Path, option: str, place: str
) -> None:
    write_csv(here, PLAIN)

    ran = breakcast("backtest", "builds.csv", option, place)

    assert ran.code == 2
    assert _is_one_line(ran)
    assert f"{place} cannot be written; name a file in a folder there is" in ran.err


def test_a_disk_that_is_full_is_told_in_a_line(breakcast: Command, here: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full to fail on")
    write_csv(here, PLAIN)

    ran = breakcast("backtest", "builds.csv", "--json", "/dev/full")

    assert ran.code != 0
    assert ran.err == "error: /dev/full cannot be written: No space left on device\n"


@pytest.mark.parametrize("name", ["out.txt", "nowhere/out.csv"])
def test_an_export_that_cannot_be_written_is_one_line(
    breakcast: Command, name: str
) -> None:
    ran = breakcast("ledger", "export", name)

    assert ran.code == 1
    assert _is_one_line(ran)
    assert name in ran.err


def test_a_ledger_that_is_none_is_one_line(
    breakcast: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = write_csv(here, PLAIN)
    monkeypatch.setenv("BREAKCAST_LEDGER", str(history))

    ran = breakcast("import", history)

    assert ran.code == 1
    assert _is_one_line(ran)
    assert "builds.csv" in ran.err
    assert history.read_text().endswith(PLAIN + "\n")


@pytest.mark.parametrize("name", ["home", "registry"])
def test_a_place_where_no_folder_can_be_made_is_one_line(
    breakcast: Command, here: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What the system refuses is said in the system's words."""
    (here / "file").touch()
    monkeypatch.setenv(f"BREAKCAST_{name.upper()}", "file/below")

    ran = breakcast("models")

    assert ran.code == 1
    assert _is_one_line(ran)
    assert "file" in ran.err


@pytest.mark.parametrize("command", ["backtest", "import"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("target_accuracy", "2"), ("workers", "none"), ("missed_budget", "0")],
)
def test_a_setting_that_makes_no_sense_is_told_with_its_value(
    breakcast: Command,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(f"BREAKCAST_{name.upper()}", value)

    ran = breakcast(command, "builds.csv")

    assert ran.code == 2
    assert _is_one_line(ran)
    assert ran.err.startswith(f"error: setting {name} is '{value}': Input should be")


def test_an_unknown_name_in_the_file_is_told_with_its_value(
    breakcast: Command, here: Path
) -> None:
    (here / "breakcast.toml").write_text("target_acuracy = 0.9\n")

    ran = breakcast("import", write_csv(here, PLAIN))

    assert ran.code == 2
    assert ran.err.startswith("error: setting target_acuracy is 0.9: ")


def test_every_wrong_setting_is_told(breakcast: Command, here: Path) -> None:
    (here / "breakcast.toml").write_text("missed_budget = 0\ncolour = 'red'\n")

    ran = breakcast("import", write_csv(here, PLAIN))

    assert ran.code == 2
    assert _is_one_line(ran)
    assert "setting missed_budget is 0: " in ran.err
    assert "setting colour is 'red': " in ran.err


def test_a_broken_settings_file_is_one_line(breakcast: Command, here: Path) -> None:
    (here / "breakcast.toml").write_text("home = [")

    ran = breakcast("import", write_csv(here, PLAIN))

    assert ran.code == 2
    assert _is_one_line(ran)
    assert "breakcast.toml cannot be read" in ran.err


@pytest.mark.parametrize(
    "toml",
    [
        "ledger = 'postgresql://bob:hunter2@db.acme.org/ci'",
        "ledger = 'mysql://bob:hunter2@db.acme.org/ci'",
        "ledger_url = 'postgresql://bob:hunter2@db.acme.org/ci'",
        "ledger = ['postgresql://bob:hunter2@db.acme.org/ci']",
        "[ledger]\nurl = 'postgresql://bob:hunter2@db.acme.org/ci'",
        "[ledger]\nurl = 'postgresql://bob:a:b/hunter2@c@db.acme.org/ci'",
        "home = 3\nledger_url = 'https://bob:hunter2@db.acme.org/ci'",
    ],
)
def test_no_error_holds_a_password(breakcast: Command, here: Path, toml: str) -> None:
    (here / "breakcast.toml").write_text(toml)

    ran = breakcast("import", write_csv(here, PLAIN))

    assert ran.code in {1, 2}
    assert "hunter2" not in ran.err + ran.out
    assert "bob:***@" in ran.err
