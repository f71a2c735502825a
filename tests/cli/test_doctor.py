"""`breakcast doctor` finds what is wrong, says how to mend it, and changes nothing."""

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from breakcast import wiring
from breakcast.history.leases import Leases
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, write_simulated
from breakcast.settings import read_settings
from breakcast.wiring import doctor
from tests.cli.conftest import Command
from tests.engines import Postgres, free_port
from tests.serving.made_servers import bundle_folder
from tests.serving.served import serving

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make up a small history."""
    file = tmp_path_factory.mktemp("history") / "builds.parquet"
    write_simulated(file, Simulation(builds=200, repositories=1, organisations=1), 1)
    return file


def found(breakcast: Command) -> dict[str, doctor.Finding]:
    """Run it, and give what it found, by part."""
    ran = breakcast("doctor", "--json")
    findings = [
        doctor.Finding(**one)
        for one in json.loads(ran.out.splitlines()[-1])["findings"]
    ]
    assert ran.code == any(one.standing == "wrong" for one in findings)
    return {one.part: one for one in findings}


def promoted(here: Path) -> None:
    registry = wiring.open_registry(read_settings(home=here / ".breakcast"))
    registry.publish(bundle_folder())
    registry.promote("v1.0", actor="test", reason="the first", at=NOW)


def test_an_empty_folder_is_well_and_stays_empty(
    breakcast: Command, here: Path
) -> None:
    seen = found(breakcast)

    assert {one.standing for one in seen.values()} <= {"ok", "warning", "unused"}
    assert seen["ledger"].mend == "breakcast import FILE, or backfill"
    assert not list(here.iterdir())


def test_what_is_well_is_called_so(
    breakcast: Command, here: Path, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breakcast("import", history)
    promoted(here)
    home = here / ".breakcast"
    with Ledger.open(home / "ledger.db") as ledger:
        Leases(ledger, "one", shards=4, seconds=10).renew(datetime.now(UTC))
    with serving(home=home) as served:
        monkeypatch.setenv("BREAKCAST_PORT", str(served.port))
        seen = found(breakcast)

    expected = {"ledger", "author key", "registry", "workers", "server", "access"}
    assert {part for part, one in seen.items() if one.standing == "ok"} >= expected
    assert seen["ledger"].found.startswith("200 builds of 1 organisations")
    assert "v1.0 answers" in seen["registry"].found


def test_a_ledger_of_another_version_is_wrong(
    breakcast: Command, here: Path, history: Path
) -> None:
    breakcast("import", history)
    with Ledger.open(here / ".breakcast" / "ledger.db") as ledger:
        engine = ledger.engine
        with engine.begin() as connection:
            connection.execute(text("update alembic_version set version_num='0004'"))

    seen = found(breakcast)

    assert seen["ledger"].standing == "wrong"
    assert seen["ledger"].mend == "breakcast ledger migrate"
    assert seen["workers"].standing == "unused"


def test_a_database_that_is_away_is_wrong_and_its_password_secret(
    breakcast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("BREAKCAST_LEDGER", place)

    ran = breakcast("doctor")

    assert ran.code == 1
    assert "Connection refused" in ran.out.replace("\n", " ")
    assert "hunter2" not in ran.out + ran.err


def test_an_empty_database_is_left_empty(
    breakcast: Command, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = postgres.new_database()
    monkeypatch.setenv("BREAKCAST_LEDGER", place)

    assert found(breakcast)["ledger"].standing == "warning"
    assert doctor.version_of(place) is None
    postgres.drop_database(place)


def test_a_lost_author_key_is_wrong(
    breakcast: Command, here: Path, history: Path
) -> None:
    breakcast("import", history)
    key = here / ".breakcast" / "author.key"
    key.chmod(0o644)
    assert found(breakcast)["author key"].standing == "warning"
    key.write_bytes(b"short")
    assert found(breakcast)["author key"].standing == "wrong"
    key.unlink()

    assert found(breakcast)["author key"].standing == "wrong"
    assert not key.exists()


def test_a_champion_that_was_tampered_with_is_wrong(
    breakcast: Command, here: Path
) -> None:
    promoted(here)
    version = here / ".breakcast/registry/predictor/prod/v1.0"
    with (version / "calibration.json").open("ab") as file:
        file.write(b" ")

    seen = found(breakcast)["registry"]

    assert seen.standing == "wrong"
    assert "calibration.json" in seen.found


def test_a_store_that_nobody_writes_to_is_wrong(
    breakcast: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(here)
    monkeypatch.setenv("BREAKCAST_STORE", str(here / "records.db"))
    assert found(breakcast)["store"].standing == "wrong"
    assert not (here / "records.db").exists()
    monkeypatch.setenv("BREAKCAST_STORE", f"http://127.0.0.1:{free_port()}")

    seen = found(breakcast)["store"]

    assert seen.standing == "wrong"
    assert "cannot be reached" in seen.found


def test_a_worker_that_was_seen_long_ago_does_not_count(
    breakcast: Command, here: Path, history: Path
) -> None:
    breakcast("import", history)
    with Ledger.open(here / ".breakcast" / "ledger.db") as ledger:
        Leases(ledger, "one", shards=4, seconds=10).renew(NOW - timedelta(hours=1))

    assert found(breakcast)["workers"].standing == "warning"


def test_a_report_of_last_week_is_a_warning(
    breakcast: Command,
    here: Path,
    history: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breakcast("import", history)
    assert found(breakcast)["health report"].standing == "warning"
    breakcast("health")
    assert found(breakcast)["health report"].standing == "ok"
    later = datetime.now(UTC) + timedelta(days=7)
    monkeypatch.setattr(wiring, "now", lambda: later)

    seen = found(breakcast)["health report"]

    assert (seen.standing, seen.mend) == ("warning", "does a worker run?")
    assert here.exists()


def test_a_server_for_everybody_is_a_warning(
    breakcast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKCAST_HOST", "0.0.0.0")  # noqa: S104 - nothing listens

    assert found(breakcast)["access"].standing == "warning"
    monkeypatch.setenv("BREAKCAST_TOKENS", json.dumps([f"ci:read:{'0' * 64}"]))
    assert found(breakcast)["access"].standing == "ok"


def test_webhooks_whose_misses_nobody_looks_for_are_a_warning(
    breakcast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKCAST_GITHUB_SECRETS", '["a long random secret"]')
    assert found(breakcast)["webhooks"].standing == "warning"
    monkeypatch.setenv("BREAKCAST_GITHUB_APP_ID", "7")
    monkeypatch.setenv("BREAKCAST_GITHUB_APP_KEY", "nowhere.pem")
    assert found(breakcast)["webhooks"].standing == "wrong"
    monkeypatch.delenv("BREAKCAST_GITHUB_APP_ID")
    monkeypatch.delenv("BREAKCAST_GITHUB_APP_KEY")
    monkeypatch.setenv("BREAKCAST_GITHUB_TOKEN", "hidden")
    assert found(breakcast)["webhooks"].standing == "ok"


def test_what_does_not_answer_is_not_waited_for(
    breakcast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ANSWERS_WITHIN_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("BREAKCAST_LEDGER", f"postgresql://me@127.0.0.1:{port}/x")

        seen = found(breakcast)

    assert seen["ledger"].found == "no answer within 1 seconds"
    assert seen["disk"].standing == "ok"
