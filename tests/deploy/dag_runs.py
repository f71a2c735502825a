"""Airflow in an environment of its own: DAGs parsed and run as its users would."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.peers import environment

DEPLOY = Path(__file__).parents[2] / "deploy"
DAGS = DEPLOY / "airflow" / "dags"
DAG_ID = "ml_retraining_trigger"


class DagRun(NamedTuple):
    """What became of a run: its state, each task's, and what tasks said as XCom."""

    run_id: str
    state: str
    tasks: dict[str, str]
    said: dict[str, Any]
    log: str


class Airflow:
    """
    An Airflow with a home of its own.

    Args:
        home: An empty folder.
    """

    def __init__(self, home: Path) -> None:
        self.python = environment("airflow")
        self.home = home
        self.run("db", "migrate")

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Give the environment its commands run in."""
        return os.environ | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "BREAKCAST_RETRY_SECONDS": "1",
            "OMP_NUM_THREADS": "1",
            **more,
        }

    def run(self, *words: str, **more: str) -> str:
        """Run one of its commands; what it printed."""
        ended = subprocess.run(  # noqa: S603 - of that environment
            [self.python.with_name("airflow"), *words],
            env=self.environment(more),
            capture_output=True,
            text=True,
            check=False,
        )
        said = ended.stdout + ended.stderr
        assert ended.returncode == 0, said
        return said

    def test_dag(self, day: str, **more: str) -> DagRun:
        """Run the DAG once for a day, with more in its environment."""
        log = self.run("dags", "test", DAG_ID, day, **more)
        with sqlite3.connect(self.home / "airflow.db") as database:
            run_id, state = database.execute(
                "select run_id, state from dag_run where logical_date like ?",
                [f"{day}%"],
            ).fetchone()
            tasks = database.execute(
                "select task_id, state from task_instance where run_id = ?", [run_id]
            ).fetchall()
            said = database.execute(
                "select task_id, value from xcom where run_id = ? and "
                "key = 'return_value'",
                [run_id],
            ).fetchall()
        return DagRun(
            run_id,
            state,
            dict(tasks),
            {task: json.loads(value) for task, value in said},
            log,
        )
