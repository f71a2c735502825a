"""
One renewal through a whole Airflow: its scheduler, its API server, its REST API.

`python -m benchmarks.renewal.standalone` starts `airflow standalone` in a folder that
is gone after, triggers the DAG by POST, waits for the tasks, reads what they said, and
writes `benchmarks/results/renewal-airflow.json`. It takes two minutes.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.quality import about
from benchmarks.renewal.processes import descendants
from breakcast.blobs import blob_store
from breakcast.history.ledger import Ledger
from breakcast.model.registry import Registry
from tests.deploy.dag_runs import DAG_ID, DAGS
from tests.engines import free_port
from tests.peers import environment
from tests.retraining.made_renewals import made_history, with_champion

RESULTS = Path(__file__).parents[1] / "results"
PATIENCE_SECONDS = 240.0
TASKS = ("check_drift", "retrain_model", "validate_and_deploy")


def main() -> None:
    """Run it; write and print what was seen."""
    with tempfile.TemporaryDirectory(prefix="breakcast-") as name:
        folder = Path(name)
        home = folder / "home"
        registry = Registry(blob_store(home / "registry"))
        with Ledger.open(home / "ledger.db") as ledger:
            with_champion(ledger, registry, made_history(33))
        found = _through_airflow(folder, home)
        current = registry.current()
        found["champion"] = current.champion if current is not None else None
    found["about"] = about() | {"command": "python -m benchmarks.renewal.standalone"}
    text = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "renewal-airflow.json").write_bytes(text + b"\n")
    print(text.decode())


def _through_airflow(folder: Path, home: Path) -> dict[str, Any]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = os.environ | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        # Unpaused, it would run the last missed night first.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": url,
        "BREAKCAST_COMMAND": str(Path(sys.executable).with_name("breakcast")),
        "BREAKCAST_HOME": str(home),
        "BREAKCAST_WORKERS": "1",
        "OMP_NUM_THREADS": "1",
    }
    program = environment("airflow").with_name("airflow")
    # It starts its parts by name.
    settings["PATH"] = f"{program.parent}{os.pathsep}{settings['PATH']}"
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        airflow = subprocess.Popen(  # noqa: S603 - of that environment
            [program, "standalone"],
            env=settings,
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=url, timeout=30) as client:
            _wait(lambda: _is_healthy(client), "Airflow to be healthy")
            healthy = time.monotonic() - began
            token = client.get("/auth/token").json()["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
            dag = f"/api/v2/dags/{DAG_ID}"
            _wait(lambda: client.get(dag).is_success, "the DAG to be found")
            client.patch(dag, json={"is_paused": False}).raise_for_status()
            asked = time.monotonic()
            run = _asked(client.post(f"{dag}/dagRuns", json={"logical_date": None}))
            place = f"{dag}/dagRuns/{run['dag_run_id']}"
            _wait(
                lambda: _asked(client.get(place))["state"] in {"success", "failed"},
                "the run to end",
            )
            took = time.monotonic() - asked
            states = {
                one["task_id"]: one["state"]
                for one in _asked(client.get(f"{place}/taskInstances"))[
                    "task_instances"
                ]
            }
            said = {
                task: _asked(
                    client.get(
                        f"{place}/taskInstances/{task}/xcomEntries/return_value",
                        params={"deserialize": True},
                    )
                )["value"]
                for task in TASKS
                if states[task] == "success"
            }
    finally:
        # Its children outlive it, each in a session of its own.
        for process in descendants(airflow.pid):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        airflow.wait()
    return {
        "healthy_seconds": round(healthy, 1),
        "run_seconds": round(took, 1),
        "tasks": states,
        "triggers": said["check_drift"]["triggers"],
        "candidate": said["retrain_model"]["candidate"],
        "action": said["validate_and_deploy"]["action"],
    }


def _is_healthy(client: httpx.Client) -> bool:
    try:
        reply = client.get("/api/v2/monitor/health")
    except httpx.TransportError:
        return False
    if not reply.is_success:
        return False
    found = reply.json()
    parts = ("metadatabase", "scheduler", "dag_processor")
    return all(found[part]["status"] == "healthy" for part in parts)


def _asked(reply: httpx.Response) -> dict[str, Any]:
    reply.raise_for_status()
    answer: dict[str, Any] = reply.json()
    return answer


def _wait(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > until:
            message = f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}"
            raise TimeoutError(message)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
