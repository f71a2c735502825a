"""`breakcast health` and `check-drift`: one report, one decision, an exit code."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from breakcast import wiring
from breakcast.history.ledger import Ledger
from breakcast.settings import Settings
from breakcast.wiring.standing import LastStanding, last_look
from tests.cli.conftest import Command
from tests.monitoring.made_days import (
    TAUGHT_DAYS,
    answer,
    bundle_at,
    made_days,
    said_of,
)
from tests.serving.made_servers import bundle_folder
from tests.serving.served import serving, wait_for


@pytest.fixture
def old_model(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that is old, and outcomes that have become known since."""
    bundle = bundle_at(here / "model")
    monkeypatch.setenv("BREAKCAST_MODEL_DIR", str(here / "model"))
    table = made_days(TAUGHT_DAYS, 3, seed=2)
    with wiring.open_ledger(Settings(home=here / ".breakcast")) as ledger:
        answer(ledger, bundle, table, said_of(table, 2))
    return here


def test_without_a_model_there_is_nothing_to_do(breakcast: Command) -> None:
    checked = breakcast("check-drift")

    assert checked.code == 99
    said = json.loads(checked.out.splitlines()[-1])
    assert said["action"] == "nothing to do"
    assert "promote" in said["reasons"][0]


def test_what_is_asked_for_is_not_asked_for_again(
    breakcast: Command, old_model: Path
) -> None:
    first = breakcast("check-drift")
    again = breakcast("check-drift", "--json")

    assert old_model.exists()
    assert first.code == 0
    said = json.loads(first.out.splitlines()[-1])
    assert said["triggers"] == ["age"]
    assert "To do: retrain" in first.out
    assert again.code == 99
    (line,) = again.out.splitlines()
    assert json.loads(line)["action"] == "cooling down"


def test_who_only_looks_asks_for_nothing(breakcast: Command, old_model: Path) -> None:
    assert breakcast("health").code == 0
    assert breakcast("health").code == 0

    assert old_model.exists()
    assert breakcast("check-drift").code == 0


def test_a_model_that_cannot_be_loaded_is_told_not_passed_over(
    breakcast: Command, here: Path
) -> None:
    settings = Settings(home=here / ".breakcast")
    registry = wiring.open_registry(settings)
    version = registry.publish(bundle_folder())
    registry.promote(version, actor="test", reason="test", at=wiring.now())
    (trees,) = here.rglob("model.treelite")
    trees.write_bytes(b"damaged")

    told = breakcast("health")

    assert told.code == 1
    assert f"{version} is promoted and cannot be loaded" in told.err


def test_health_says_how_things_stand(breakcast: Command, old_model: Path) -> None:
    told = breakcast("health")
    record = breakcast("health", "--json")

    assert old_model.exists()
    assert "v0.0 answers" in told.out
    assert "Inputs: insufficient" in told.out
    assert "To do: retrain" in told.out
    assert set(json.loads(record.out)) == {"health", "decision"}


def test_a_worker_reports_and_its_canary_asks(here: Path) -> None:
    home = here / "home"
    with serving("--model-dir", str(bundle_folder()), home=home) as served:
        worker = subprocess.Popen(  # noqa: S603 - our own command
            [Path(sys.executable).with_name("breakcast"), "worker"],
            env=os.environ
            | {
                "BREAKCAST_HOME": str(home),
                "BREAKCAST_MODEL_DIR": str(bundle_folder()),
                "BREAKCAST_WATCH_SECONDS": "1",
                "BREAKCAST_CANARY_SECONDS": "1",
                "BREAKCAST_CANARY_URL": served.url,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def shown() -> str:
            return httpx.get(f"{served.url}/metrics").text

        try:
            wait_for(lambda: "\nbreakcast_canary_up{" in shown(), "the canary")
            assert 'breakcast_canary_up{model="ci-failure-predictor-prod"} 1.0' in (
                shown()
            )
            wait_for(
                lambda: "\nbreakcast_health_timestamp_seconds{" in shown(), "a report"
            )
        finally:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0


def test_a_ledger_that_fails_shows_nothing_and_is_read_again(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    with Ledger.open(place) as ledger:
        assert last_look(ledger) is None
    place.write_bytes(b"no database")
    standing = LastStanding(lambda: Ledger.open(place))

    assert standing() is None
    standing.close()
