"""
Renew the model every night, each step in a pod of its own.

The same DAG as `dags/ml_retraining_trigger.py`, for a cluster: Airflow needs neither
breakcast nor its memory, the pods bring both. Use one of the two, not both.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s

NOTHING_TO_DO = 99
IMAGE = os.environ.get("BREAKCAST_IMAGE", "breakcast:0.1.0")
NAMESPACE = os.environ.get("BREAKCAST_NAMESPACE", "ci-failure-ml")
SETTINGS = os.environ.get("BREAKCAST_CONFIG_MAP", "breakcast-settings")
SECRETS = os.environ.get(
    "BREAKCAST_SECRETS", "breakcast-ledger,breakcast-objects-write"
).split(",")
SERVICE_ACCOUNT = os.environ.get("BREAKCAST_SERVICE_ACCOUNT", "breakcast-renewal")

# The last line becomes the task's XCom. The exit code is that of the command, for
# /bin/sh has no pipefail: what it says goes into a file first.
RUN = """
set -u
"$@" > /tmp/said
code=$?
cat /tmp/said
tail -n 1 /tmp/said > /airflow/xcom/return.json
exit "$code"
"""

# Of every container, Airflow's sidecar for the XCom too: a namespace that enforces
# the Pod Security Standard "restricted" refuses the whole pod for one without it.
RESTRICTED = k8s.V1SecurityContext(
    allow_privilege_escalation=False,
    read_only_root_filesystem=True,
    capabilities=k8s.V1Capabilities(drop=["ALL"]),
)

TRIAGE = """
### Renewal of the failure forecasts, in pods

What each task means, and what to do about it, stands in `docs/renewal.md`. A pod that
was evicted or killed is tried again, and goes on under the run's key.

Back to the model before: `breakcast rollback --reason "…"`; servers follow in seconds.
"""


def step(
    name: str, *command: str, memory: str, timeout: timedelta
) -> KubernetesPodOperator:
    """Make a task of one breakcast command; arguments never pass through a shell."""
    return KubernetesPodOperator(
        task_id=name,
        name=name.replace("_", "-"),
        namespace=NAMESPACE,
        image=IMAGE,
        image_pull_policy="IfNotPresent",
        service_account_name=SERVICE_ACCOUNT,
        # It asks nothing of the cluster; keys to a cloud's storage come otherwise.
        automount_service_account_token=False,
        cmds=["/bin/sh", "-c", RUN, "breakcast"],
        arguments=["breakcast", *command, "--json", "--run-key", "{{ run_id }}"],
        env_from=[
            k8s.V1EnvFromSource(config_map_ref=k8s.V1ConfigMapEnvSource(name=SETTINGS)),
            *(
                k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=name))
                for name in SECRETS
            ),
        ],
        container_resources=k8s.V1ResourceRequirements(
            requests={"cpu": "1", "memory": memory},
            limits={"cpu": "2", "memory": memory},
        ),
        security_context=k8s.V1PodSecurityContext(
            run_as_non_root=True,
            run_as_user=10001,
            seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        container_security_context=RESTRICTED,
        xcom_sidecar_container_security_context=RESTRICTED,
        volumes=[k8s.V1Volume(name="scratch", empty_dir=k8s.V1EmptyDirVolumeSource())],
        volume_mounts=[k8s.V1VolumeMount(name="scratch", mount_path="/tmp")],  # noqa: S108 - the pod's own
        labels={"app.kubernetes.io/name": "breakcast-renewal"},
        do_xcom_push=True,
        skip_on_exit_code=[NOTHING_TO_DO],
        # Code 99 is a failure to Kubernetes: kept, such pods would pile up nightly.
        on_finish_action="delete_pod",
        log_events_on_failure=True,
        get_logs=True,
        execution_timeout=timeout,
    )


with DAG(
    "ml_retraining_trigger",
    description="Look for drift, train anew, judge, promote: in pods.",
    doc_md=TRIAGE,
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args={
        "owner": "platform-team",
        "retries": 2,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=20),
    },
    tags=["breakcast"],
) as dag:
    check_drift = step(
        "check_drift", "check-drift", memory="1Gi", timeout=timedelta(minutes=30)
    )
    retrain_model = step(
        "retrain_model", "retrain", memory="8Gi", timeout=timedelta(hours=2)
    )
    validate_and_deploy = step(
        "validate_and_deploy",
        "validate-and-deploy",
        "--candidate",
        "{{ ti.xcom_pull('retrain_model')['candidate'] }}",
        memory="4Gi",
        timeout=timedelta(hours=1),
    )

    check_drift >> retrain_model >> validate_and_deploy
