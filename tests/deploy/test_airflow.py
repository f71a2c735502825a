"""The DAG as Airflow sees it, and as it runs on a real ledger and registry."""

import ast
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from breakcast.blobs import blob_store
from breakcast.history.ledger import Ledger
from breakcast.model.registry import Registry
from tests.deploy.dag_runs import DAG_ID, DEPLOY, Airflow
from tests.peers import environment
from tests.retraining.made_renewals import made_history, with_champion

FILES = (
    DEPLOY / "airflow" / "dags" / "ml_retraining_trigger.py",
    DEPLOY / "airflow" / "dags_kubernetes" / "ml_retraining_trigger.py",
)
COMMAND = Path(sys.executable).with_name("breakcast")
STEPS = ("check_drift", "retrain_model", "validate_and_deploy")

LOOK = """
import json, runpy, sys
dag = runpy.run_path(sys.argv[1])["dag"]
print(json.dumps({
    "id": dag.dag_id,
    "schedule": dag.timetable.expression if hasattr(dag.timetable, "expression")
        else str(dag.schedule),
    "catchup": dag.catchup,
    "most": dag.max_active_runs,
    "about": dag.doc_md,
    "tasks": [
        {
            "id": task.task_id,
            "after": sorted(task.upstream_task_ids),
            "owner": task.owner,
            "retries": task.retries,
            "seconds": task.execution_timeout.total_seconds(),
            "skips": sorted(task.skip_on_exit_code),
            "words": getattr(task, "bash_command", None)
                or " ".join(["breakcast", *task.arguments[1:]]),
        }
        for task in dag.topological_sort()
    ],
}))
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_dag_is_what_was_asked_for(file: Path, tmp_path: Path) -> None:
    """Parsed with warnings as errors, in an environment that has no breakcast."""
    looked = subprocess.run(  # noqa: S603 - Airflow's own Python
        [environment("airflow"), "-W", "error", "-c", LOOK, file],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.returncode == 0, looked.stderr
    dag = msgspec.json.decode(looked.stdout.splitlines()[-1])

    assert (dag["id"], dag["schedule"], dag["catchup"]) == (DAG_ID, "0 2 * * *", False)
    assert dag["most"] == 1
    assert "rollback" in dag["about"]
    assert [task["id"] for task in dag["tasks"]] == list(STEPS)
    assert [task["after"] for task in dag["tasks"]] == [
        [],
        ["check_drift"],
        ["retrain_model"],
    ]
    for task in dag["tasks"]:
        assert task["owner"] == "platform-team"
        assert task["retries"] == 2
        assert task["skips"] == [99]
        assert 0 < task["seconds"] <= timedelta(hours=2).total_seconds()
        assert re.match(
            r"breakcast (check-drift|retrain|validate-and-deploy) ", task["words"]
        )
        assert "--run-key" in task["words"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_dag_imports_nothing_of_ours(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }

    assert imported <= {"airflow", "datetime", "json", "kubernetes", "os"}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    return Airflow(tmp_path_factory.mktemp("airflow"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def settings(home: Path, command: Path = COMMAND) -> dict[str, str]:
    """What a worker's environment says."""
    return {
        "BREAKCAST_COMMAND": str(command),
        "BREAKCAST_HOME": str(home),
        "BREAKCAST_WORKERS": "1",
    }


def filled(home: Path, turns_on: float = float("inf")) -> Registry:
    """A champion of long ago, and outcomes that have become known since."""
    registry = Registry(blob_store(home / "registry"))
    with Ledger.open(home / "ledger.db") as ledger:
        with_champion(ledger, registry, made_history(turns_on))
    return registry


def champion(registry: Registry) -> str:
    current = registry.current()
    assert current is not None
    return current.champion


def test_where_nothing_has_changed_all_is_skipped(airflow: Airflow, home: Path) -> None:
    """There is no model yet, so nothing to renew."""
    run = airflow.test_dag("2026-07-01", **settings(home))

    assert run.state == "success"
    assert run.tasks["check_drift"] == "skipped"
    assert set(run.tasks.values()) == {"skipped"}


def test_a_better_model_is_promoted_even_if_its_training_was_killed(
    airflow: Airflow, home: Path, tmp_path: Path
) -> None:
    """Builds fail by another rule since; the first training is killed half way."""
    registry = filled(home, turns_on=33)
    killed = tmp_path / "killed"
    command = tmp_path / "breakcast"
    command.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = retrain ] && [ ! -e {killed} ]; then\n'
        f"  touch {killed}\n"
        f'  exec timeout -s KILL 3 {COMMAND} "$@"\n'
        "fi\n"
        f'exec {COMMAND} "$@"\n'
    )
    command.chmod(0o755)

    run = airflow.test_dag("2026-07-02", **settings(home, command))

    assert killed.exists()
    assert run.state == "success", run.log
    assert run.tasks == dict.fromkeys(STEPS, "success")
    assert run.said["check_drift"]["triggers"] == ["age"]
    candidate = run.said["retrain_model"]["candidate"]
    assert run.said["validate_and_deploy"]["action"] == "promote"
    assert champion(registry) == candidate
    assert [verdict.failed for verdict in registry.verdicts(candidate)] == [False]


def test_a_model_that_is_no_better_is_refused(airflow: Airflow, home: Path) -> None:
    registry = filled(home)

    run = airflow.test_dag("2026-07-03", **settings(home))

    assert run.state == "success"
    assert run.tasks == {
        "check_drift": "success",
        "retrain_model": "success",
        "validate_and_deploy": "skipped",
    }
    assert champion(registry) == "v1.0"
    (verdict,) = registry.verdicts(run.said["retrain_model"]["candidate"])
    assert verdict.failed


class TestWithoutAirflow:
    """`renew.sh`, for cron and systemd."""

    SCRIPT = DEPLOY / "renew.sh"

    def renew(self, home: Path, command: Path, *words: str) -> tuple[int, list[str]]:
        ended = subprocess.run(  # noqa: S603 - our own script
            ["/bin/sh", self.SCRIPT, *words],
            env={"PATH": "/usr/bin:/bin"} | settings(home, command),
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stdout.splitlines()

    def fake(self, folder: Path, *codes: int) -> Path:
        """A command that notes what it is asked, and ends with these codes in turn."""
        command = folder / "fake"
        cases = "\n".join(
            f"{step}) code={code};;"
            for step, code in zip(
                ("check-drift", "retrain", "validate-and-deploy"), codes, strict=False
            )
        )
        command.write_text(
            f'#!/bin/sh\necho "$*" >> {folder}/asked\ncase $1 in\n{cases}\nesac\n'
            'echo \'{"candidate":"v1.7","why":"x"}\'\nexit $code\n'
        )
        command.chmod(0o755)
        return command

    def asked(self, folder: Path) -> list[str]:
        return [line.split()[0] for line in (folder / "asked").read_text().splitlines()]

    def test_a_better_model_is_promoted(self, home: Path) -> None:
        registry = filled(home, turns_on=33)

        code, said = self.renew(home, COMMAND, "one")
        again, repeated = self.renew(home, COMMAND, "one")

        assert (code, len(said)) == (0, 3), said
        assert champion(registry) == "v1.1"
        # Under the same key nothing is done twice.
        assert (again, repeated) == (code, said)

    def test_each_step_gets_the_run_and_the_last_one_the_candidate(
        self, tmp_path: Path
    ) -> None:
        code, _ = self.renew(tmp_path, self.fake(tmp_path, 0, 0, 0), "k 1")

        assert code == 0
        last = (tmp_path / "asked").read_text().splitlines()[-1]
        assert last == "validate-and-deploy --candidate v1.7 --json --run-key k 1"

    @pytest.mark.parametrize(
        ("codes", "ends", "steps"),
        [
            ((99,), 0, 1),
            ((0, 99), 0, 2),
            ((0, 0, 99), 0, 3),
            ((1,), 1, 1),
            ((0, 137), 137, 2),
            ((0, 0, 2), 2, 3),
        ],
    )
    def test_it_ends_where_there_is_nothing_to_do_and_where_something_failed(
        self, tmp_path: Path, codes: tuple[int, ...], ends: int, steps: int
    ) -> None:
        code, _ = self.renew(tmp_path, self.fake(tmp_path, *codes))

        assert code == ends
        assert len(self.asked(tmp_path)) == steps
