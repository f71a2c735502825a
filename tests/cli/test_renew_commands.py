"""`check-drift`, `retrain`, `validate-and-deploy`: exit codes, last lines, run keys."""

import json
from pathlib import Path

import pytest

from breakcast import wiring
from breakcast.model.registry import Registry
from breakcast.settings import Settings
from tests.cli.conftest import Command, Ran
from tests.retraining.made_renewals import made_history, with_champion


@pytest.fixture
def registry(here: Path) -> Registry:
    """An old champion, and outcomes by another rule since."""
    settings = Settings(home=here / ".breakcast")
    registry = wiring.open_registry(settings)
    with wiring.open_ledger(settings) as ledger:
        with_champion(ledger, registry, made_history(33))
    return registry


def last(ran: Ran) -> dict[str, object]:
    said: dict[str, object] = json.loads(ran.out.splitlines()[-1])
    return said


def test_a_run_goes_from_drift_to_a_new_champion_and_is_done_once(
    breakcast: Command, registry: Registry
) -> None:
    checked = breakcast("check-drift", "--run-key", "night")
    trained = breakcast("retrain", "--run-key", "night")
    words = ("--candidate", "v1.1", "--run-key", "night")
    deployed = breakcast("validate-and-deploy", *words)

    assert (checked.code, trained.code, deployed.code) == (0, 0, 0)
    assert last(checked)["triggers"] == ["age"]
    assert last(trained)["candidate"] == "v1.1"
    assert last(deployed)["action"] == "promote"
    assert "v1.1 against v1.0: passed" in deployed.out

    again = breakcast("check-drift", "--run-key", "night")
    assert (again.code, last(again)) == (0, last(checked))
    assert last(breakcast("retrain", "--run-key", "night")) == last(trained)
    assert last(breakcast("validate-and-deploy", *words)) == last(deployed)
    assert registry.versions() == ["v1.0", "v1.1"]
    entry = registry.current()
    assert entry is not None
    assert entry.seq == 2

    shown = breakcast("models", "show", "v1.1")
    assert "What the gate found" in shown.out
    assert "only what was known" in shown.out or "what was known before" in shown.out
    assert json.loads(breakcast("models", "show", "v1.1", "--json").out)["verdicts"]

    other = breakcast("check-drift", "--run-key", "the next")
    assert other.code == 99


def test_where_nothing_is_to_be_done_it_is_99(breakcast: Command) -> None:
    for words in (("check-drift",), ("retrain",)):
        ran = breakcast(*words, "--json")
        assert ran.code == 99
        assert len(ran.out.splitlines()) == 1


def test_what_there_is_not_cannot_be_deployed(breakcast: Command) -> None:
    ran = breakcast("validate-and-deploy", "--candidate", "v9.9")

    assert ran.code == 1
    assert "there is no version 'v9.9'" in ran.err


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 251])
def test_a_key_that_is_none_is_refused(breakcast: Command, key: str) -> None:
    ran = breakcast("check-drift", "--run-key", key)

    assert ran.code == 2
    assert "1 to 250 characters" in ran.err


def test_a_version_is_made_once_more_byte_for_byte(
    breakcast: Command, registry: Registry
) -> None:
    trained = breakcast("retrain", "--run-key", "night")
    more = made_history(days=3, seed=7)
    with wiring.open_ledger(Settings(home=Path(".breakcast"))) as ledger:
        ledger.append(more)

    rebuilt = breakcast("models", "rebuild", "v1.1", "--json")

    assert trained.code == 0
    assert registry.versions() == ["v1.0", "v1.1"]
    assert rebuilt.code == 0
    assert set(last(rebuilt)["files"].values()) == {True}  # type: ignore[attr-defined]


def test_one_that_cannot_be_made_from_this_ledger_is_told(
    breakcast: Command, registry: Registry
) -> None:
    """The champion says that it rests on one fact only, and on thirty days of them."""
    ran = breakcast("models", "rebuild", "v1.0")

    assert registry.versions() == ["v1.0"]
    assert ran.code == 1
    assert "too few" in ran.err
