"""From a ledger to an answer: train, models, promote, rollback, predict, demo."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from breakcast.cli.app import app
from breakcast.errors import BadInput, NotEnoughHistory, RegistryError
from breakcast.history.simulate import Simulation, write_simulated

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a simulated history in its ledger and one model in its registry."""
    place = tmp_path_factory.mktemp("home")
    history = place / "builds.csv"
    write_simulated(
        history, Simulation(builds=1_500, repositories=4, organisations=2), seed=3
    )
    for words in (["import", str(history)], ["train"]):
        done = _runner(place).invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    return place


@pytest.fixture
def run(home: Path) -> Run:
    def run_it(*words: str) -> Result:
        return _runner(home).invoke(app, words, catch_exceptions=False)

    return run_it


def test_a_trained_version_is_listed_and_answers_nothing_yet(run: Run) -> None:
    listed = json.loads(run("models", "--json").output)

    assert listed["versions"][0] == "v1.0"


def test_promotion_makes_the_version_champion_and_predict_asks_it(run: Run) -> None:
    entry = json.loads(run("promote", "v1.0", "--reason", "good", "--json").output)
    asked = ("predict", "--repo", "sim-new/never-seen", "--branch", "main", "--json")
    answer = json.loads(run(*asked).output)

    assert (entry["champion"], entry["reason"]) == ("v1.0", "good")
    assert list(answer) == [
        "probability",
        "advice",
        "abstained",
        "reasons",
        "model_version",
        "degraded",
    ]
    assert 0 < answer["probability"] < 1
    assert answer["model_version"] == "v1.0"


def test_the_same_ledger_trains_the_same_trees(run: Run) -> None:
    run("promote", "v1.0")
    second = json.loads(run("train", "--json").output)["version"]
    shown = [
        json.loads(run("models", "show", version, "--json").output)["manifest"]
        for version in ("v1.0", second)
    ]

    assert shown[0]["ledger_position"] == shown[1]["ledger_position"]
    for name in ("model.treelite", "calibration.json", "catalog.json", "prior.json"):
        assert shown[0]["files"][name] == shown[1]["files"][name], name


def test_rollback_brings_back_the_champion_before(run: Run) -> None:
    run("promote", "v1.0")
    later = json.loads(run("train", "--json").output)["version"]
    run("promote", later)
    entry = json.loads(run("rollback", "--json").output)

    assert (entry["action"], entry["champion"]) == ("rollback", "v1.0")


def test_the_model_card_can_be_read_in_the_terminal(run: Run) -> None:
    assert "Taught by" in run("models", "show", "v1.0").output


def test_an_unknown_version_is_refused_with_those_there_are(run: Run) -> None:
    with pytest.raises(RegistryError, match=r"'v9\.9'.*v1\.0"):
        run("promote", "v9.9")


def test_predict_without_a_champion_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="breakcast train"):
        _runner(tmp_path).invoke(
            app, ["predict", "--repo", "acme/shop"], catch_exceptions=False
        )


def test_training_on_an_empty_ledger_says_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughHistory, match="it takes 100"):
        _runner(tmp_path).invoke(app, ["train"], catch_exceptions=False)


def test_predict_refuses_a_repository_without_a_name(run: Run) -> None:
    with pytest.raises(BadInput, match="give organisation/name"):
        run("predict", "--repo", "/")


def test_the_demo_ends_with_predictions_and_says_where_the_report_is(
    tmp_path: Path,
) -> None:
    done = _runner(tmp_path).invoke(
        app, ["demo", "--builds", "1500"], catch_exceptions=False
    )

    assert done.exit_code == 0
    report = tmp_path / "demo" / "report.html"
    assert "simulated" in report.read_text(encoding="utf-8")
    assert str(report) in done.output.replace("\n", "")
    assert "% red: sim-" in done.output


def _runner(home: Path) -> CliRunner:
    return CliRunner(env={"BREAKCAST_HOME": str(home), "BREAKCAST_WORKERS": "1"})
