"""
Renew the model every night: look for drift, train anew, judge, promote.

Every task is one breakcast command, in the environment of the Airflow worker. Exit code
99 says that there is nothing to do: the task is skipped, and what comes after it. The
run's id is the key under which each step is done once: a task that is tried again, or
cleared, goes on where it was.
"""

import json
import os
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

NOTHING_TO_DO = 99
BREAKCAST = os.environ.get("BREAKCAST_COMMAND", "breakcast")
RETRY_SECONDS = float(os.environ.get("BREAKCAST_RETRY_SECONDS", "120"))

# BashOperator takes the last line of both streams, and a warning may come after the
# JSON. So standard error passes as it comes, and what was said is printed at the end.
RUN = 'said=$({} --json --run-key "$RUN_KEY"); code=$?; echo "$said"; exit $code'

TRIAGE = """
### Renewal of the failure forecasts

Owner: the platform team. Nothing here blocks anybody's build: the server answers by the
model it has until a better one is promoted.

- `check_drift` skipped: no reason to train anew, or it was asked for lately. Nothing.
  Its log says *blocked*: the data is broken. Mend what it names.
- `retrain_model` skipped: too few outcomes are new to the champion. Nothing.
- `validate_and_deploy` skipped: the gate refused the candidate. Nothing;
  `breakcast models show V` says why.
- Failed, *another process has the turn*: two renewals at once. Let the other one end,
  clear the task.
- Failed, *promotion N is in force*: somebody promoted or rolled back meanwhile. Trigger
  the DAG anew.
- Failed otherwise: the ledger or the registry is out of reach, or memory is short. Mend
  it, clear the task: it goes on where it was.

Back to the model before: `breakcast rollback --reason "…"`; servers follow in seconds.
"""

with DAG(
    "ml_retraining_trigger",
    description="Look for drift, train anew, judge, promote.",
    doc_md=TRIAGE,
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args={
        "owner": "platform-team",
        "retries": 2,
        "retry_delay": timedelta(seconds=RETRY_SECONDS),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=20),
        # What is outside (run ids, versions) reaches the shell as variables only.
        "append_env": True,
        "skip_on_exit_code": NOTHING_TO_DO,
        "output_processor": json.loads,
    },
    tags=["breakcast"],
) as dag:
    check_drift = BashOperator(
        task_id="check_drift",
        doc_md="Whether it is time to train anew; its JSON is the decision.",
        bash_command=RUN.format(f"{BREAKCAST} check-drift"),
        env={"RUN_KEY": "{{ run_id }}"},
        execution_timeout=timedelta(minutes=30),
    )
    retrain_model = BashOperator(
        task_id="retrain_model",
        doc_md="Train a candidate; its JSON names the version.",
        bash_command=RUN.format(f"{BREAKCAST} retrain"),
        env={"RUN_KEY": "{{ run_id }}"},
        execution_timeout=timedelta(hours=2),
    )
    validate_and_deploy = BashOperator(
        task_id="validate_and_deploy",
        doc_md="Judge the candidate beside the champion; its JSON is the verdict.",
        bash_command=RUN.format(
            f'{BREAKCAST} validate-and-deploy --candidate "$CANDIDATE"'
        ),
        env={
            "RUN_KEY": "{{ run_id }}",
            "CANDIDATE": "{{ ti.xcom_pull('retrain_model')['candidate'] }}",
        },
        execution_timeout=timedelta(hours=1),
    )

    check_drift >> retrain_model >> validate_and_deploy
