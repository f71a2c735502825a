"""The DAG as Airflow sees it, and as it runs on a real ledger and registry."""

import ast
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.main import get_command

from breakcast.blobs import blob_store
from breakcast.cli.app import app
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
            "backoff": task.retry_exponential_backoff,
            "seconds": task.execution_timeout.total_seconds(),
            "skips": sorted(task.skip_on_exit_code),
            "words": getattr(task, "bash_command", None)
                or " ".join(["breakcast", *task.arguments[1:]]),
        }
        for task in dag.topological_sort()
    ],
}))
"""

# What the DAG's first task does, under a run's id that is its second argument.
DO = """
import runpy, sys
task = runpy.run_path(sys.argv[1])["dag"].get_task("check_drift")
context = {"run_id": sys.argv[2]}
task.render_template_fields(context)
print(task.execute(context))
"""

# The pod of the DAG's last task, as the cluster would get it, and what it runs.
POD = """
import json, runpy, sys
from kubernetes.client import ApiClient

class Before:
    def xcom_pull(self, task): return {"retrain_model": {"candidate": "v1.7"}}[task]

task = runpy.run_path(sys.argv[1])["dag"].get_task("validate_and_deploy")
task.render_template_fields({"run_id": sys.argv[2], "ti": Before()})
pod = ApiClient().sanitize_for_serialization(task.build_pod_request_obj())
print(json.dumps({"spec": pod["spec"], "at_its_end": task.on_finish_action.value}))
"""

# Nobody's cluster: a pod is described, not started.
CLUSTER = {
    "current-context": "none",
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "none", "user": {}}],
}

# An id that does harm where a shell or Jinja reads it.
HOSTILE = "manual__2026'\"; touch harm; $(touch harm) `touch harm` {{ 1 }}"


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
        assert (task["retries"], task["backoff"]) == (2, 2.0)
        assert task["skips"] == [99]
        assert 0 < task["seconds"] <= timedelta(hours=2).total_seconds()
    commands = get_command(app).commands  # type: ignore[attr-defined] - a typer group
    asked = [task["words"] for task in dag["tasks"]]
    for words, name in zip(
        asked, ("check-drift", "retrain", "validate-and-deploy"), strict=True
    ):
        assert re.findall(r"\bbreakcast (\S+)", words) == [name]
        options = {word for one in commands[name].params for word in one.opts}
        assert {"--json", "--run-key"} <= set(re.findall(r"--[a-z-]+", words))
        assert set(re.findall(r"--[a-z-]+", words)) <= options


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


def in_airflow(script: str, *words: str | Path, **more: str) -> str:
    """Run a script by Airflow's own Python; what it printed last."""
    ended = subprocess.run(  # noqa: S603 - Airflow's own Python
        [environment("airflow"), "-c", script, *words],
        env={"PATH": "/usr/bin:/bin"} | more,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.splitlines()[-1]


def test_what_a_command_says_is_its_json_and_a_run_id_is_only_a_word(
    tmp_path: Path,
) -> None:
    """BashOperator takes the last line of both streams, and warnings come late."""
    command = tmp_path / "fake"
    command.write_text(
        f'#!/bin/sh\nprintf %s "$4" > {tmp_path}/key\necho \'{{"due": 1}}\'\n'
        "echo 'a warning at the end' >&2\n"
    )
    command.chmod(0o755)

    said = in_airflow(
        DO,
        FILES[0],
        HOSTILE,
        AIRFLOW_HOME=str(tmp_path),
        BREAKCAST_COMMAND=str(command),
    )

    assert said == "{'due': 1}"
    assert (tmp_path / "key").read_text() == HOSTILE


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give the pod that judges, in a run of a hostile id."""
    home = tmp_path_factory.mktemp("pod")
    (home / "cluster").write_bytes(msgspec.json.encode(CLUSTER))
    said = in_airflow(
        POD,
        FILES[1],
        HOSTILE,
        AIRFLOW_HOME=str(home),
        KUBECONFIG=str(home / "cluster"),
    )
    described: dict[str, Any] = msgspec.json.decode(said)
    return described


def test_a_pod_is_let_into_a_namespace_that_is_restricted(pod: dict[str, Any]) -> None:
    """By Kubernetes' Pod Security Standards; that holds for Airflow's sidecar too."""
    spec = pod["spec"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert [one["name"] for one in spec["containers"]] == [
        "base",
        "airflow-xcom-sidecar",
    ]
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


def test_no_pod_stays_behind(pod: dict[str, Any]) -> None:
    """One that ends with 99 has failed, for Kubernetes: every quiet night has one."""
    assert pod["at_its_end"] == "delete_pod"


@pytest.mark.parametrize("code", [0, 99, 137])
def test_a_pod_ends_as_its_command_and_leaves_its_json(
    pod: dict[str, Any], tmp_path: Path, code: int
) -> None:
    base = pod["spec"]["containers"][0]
    command = tmp_path / "breakcast"
    command.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\n'
        f"echo progress\necho '{{\"due\": 1}}'\nexit {code}\n"
    )
    command.chmod(0o755)
    # The folders of the pod are folders of the test.
    folders = [one["mountPath"] for one in base["volumeMounts"]]
    for folder in folders:
        (tmp_path / folder.strip("/")).mkdir(parents=True)
    words = [
        re.sub(rf"(?={'|'.join(folders)})", str(tmp_path), word)
        for word in base["command"] + base["args"]
    ]

    ended = subprocess.run(  # noqa: S603 - what the pod runs
        words,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (code, "")
    assert ended.stdout.splitlines() == ["progress", '{"due": 1}']
    assert (tmp_path / "airflow/xcom/return.json").read_text() == '{"due": 1}\n'
    assert (tmp_path / "asked").read_text().splitlines() == [
        *("validate-and-deploy", "--candidate", "v1.7", "--json", "--run-key", HOSTILE)
    ]
    assert not (tmp_path / "harm").exists()


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
        # Cron mails what is said on standard error: on a good night, nothing.
        assert bool(ended.stderr) == bool(ended.returncode), ended.stderr
        return ended.returncode, ended.stdout.splitlines()

    def fake(
        self, folder: Path, *codes: int, says: str = '{"candidate": "v1.7"}'
    ) -> Path:
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
            f"echo '{says}'\nexit $code\n"
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

    def test_a_second_run_on_the_same_day_goes_on_under_the_same_key(
        self, tmp_path: Path
    ) -> None:
        killed, _ = self.renew(tmp_path, self.fake(tmp_path, 0, 137))
        again, _ = self.renew(tmp_path, self.fake(tmp_path, 0, 0, 0))

        assert (killed, again) == (137, 0)
        assert self.asked(tmp_path) == [
            *("check-drift", "retrain"),
            *("check-drift", "retrain", "validate-and-deploy"),
        ]
        asked = (tmp_path / "asked").read_text().splitlines()
        keys = {line.split()[-1] for line in asked}
        # Two, if midnight passed between the runs.
        assert len(keys) <= 2
        for key in keys:
            assert re.fullmatch(r"scheduled-\d{4}-\d{2}-\d{2}", key)

    @pytest.mark.parametrize("says", ['{"candidate": null}', "", "{}"])
    def test_where_no_candidate_is_named_nothing_is_judged(
        self, tmp_path: Path, says: str
    ) -> None:
        code, _ = self.renew(tmp_path, self.fake(tmp_path, 0, 0, 0, says=says))

        assert code == 1
        assert self.asked(tmp_path) == ["check-drift", "retrain"]

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
