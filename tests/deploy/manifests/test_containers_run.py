"""
What the manifests start, started: commands, ports, probes, mounts, environment.

Each container of production runs as a process here, on a real PostgreSQL, S3 server
and Redis, with the bundle laid out as KServe's storage initializer lays it out.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from breakcast.blobs import blob_store
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, write_simulated
from breakcast.model.registry import Registry
from deploy.manifests.__main__ import lint
from deploy.manifests.kserve import deployment
from deploy.manifests.objects import Object, build, find
from tests.deploy.manifests.containers import Container, ours, running
from tests.deploy.manifests.test_overlays import K8S, overlay, with_component
from tests.engines import ObjectStore, Postgres, Redis
from tests.peers import environment
from tests.serving.made_servers import bundle_folder
from tests.serving.served import HEADLINE, NAME, PREDICT, wait_for

pytestmark = pytest.mark.slow

AT = datetime(2026, 3, 1, tzinfo=UTC)
BUCKET = "ci-failure-models"
RENEWAL = "breakcast-renewal"


class Cluster(NamedTuple):
    """All that the containers of production need."""

    objects: Sequence[Object]
    secrets: Mapping[str, Mapping[str, str]]
    mounts: Mapping[str, Path]
    registry: Registry
    folder: Path


@pytest.fixture
def cluster(
    postgres: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Cluster]:
    """Give a database, a bucket with a first version in it, and mounted secrets."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "author.key").write_bytes(bytes(32))
    (home / "author.key").chmod(0o440)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with ObjectStore() as store:
        for name, value in store.access.items():
            monkeypatch.setenv(name, value)
        registry = Registry(blob_store(store.new_bucket(BUCKET)))
        registry.publish(bundle_folder())
        registry.promote("v1.0", actor="test", reason="the first", at=AT)
        database = postgres.new_database()
        objects = store.access
        yield Cluster(
            objects=overlay("prod"),
            secrets={
                "breakcast-ledger": {"BREAKCAST_LEDGER": database},
                "breakcast-objects-read": objects,
                "breakcast-objects-write": objects,
                "breakcast-webhooks": {
                    "BREAKCAST_GITHUB_SECRETS": '["a long random secret"]'
                },
            },
            mounts={"/etc/breakcast": home, "/tmp": scratch},  # noqa: S108
            registry=registry,
            folder=tmp_path,
        )
        postgres.drop_database(database)


def stored(cluster: Cluster, uri: str) -> Path:
    """Download as the storage initializer does: every key below, nothing else."""
    url = urlsplit(uri)
    assert url.netloc == BUCKET
    prefix = url.path.strip("/")
    folder = cluster.folder / "models"
    for key in cluster.registry.blobs.keys(prefix):
        file = folder / key.removeprefix(f"{prefix}/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cluster.registry.blobs.get(key))
    return folder


def pod_of(cluster: Cluster, name: str) -> Mapping[str, Any]:
    found = find(cluster.objects, "Deployment", name)
    assert found is not None
    spec: Mapping[str, Any] = found["spec"]["template"]["spec"]
    return spec


def started(
    cluster: Cluster,
    written: Mapping[str, Any],
    *,
    program: Path | None = None,
    mounts: Mapping[str, Path] | None = None,
    secrets: Mapping[str, Mapping[str, str]] | None = None,
) -> AbstractContextManager[Container]:
    """Run a container of the cluster; with other mounts and secrets if need be."""
    return running(
        written,
        cluster.objects,
        secrets={**cluster.secrets, **(secrets or {})},
        mounts={**cluster.mounts, **(mounts or {})},
        program=program or ours(),
        log=cluster.folder / "log",
    )


def asked(container: Container) -> httpx.Response:
    return httpx.post(container.url("http1") + PREDICT, json=HEADLINE, timeout=5)


def test_the_predictor_answers_from_its_mount_and_follows_the_registry(
    cluster: Cluster,
) -> None:
    service = find(cluster.objects, "InferenceService", NAME)
    assert service is not None
    pod = deployment(service, cluster.objects)["spec"]["template"]["spec"]
    models = stored(cluster, service["spec"]["predictor"]["model"]["storageUri"])
    with started(
        cluster, pod["containers"][0], mounts={"/mnt/models": models}
    ) as predictor:
        assert predictor.succeeds("startupProbe"), predictor.said()
        assert predictor.succeeds("readinessProbe", 30), predictor.said()
        assert predictor.probe("livenessProbe")

        # The feature servers are away, as while they start: it answers all the same.
        assert len(asked(predictor).json()["predictions"]) == 1
        metrics = httpx.get(predictor.url("http1") + "/metrics").text
        assert f'ml_predictions_total{{model="{NAME}",status="success"}} 1' in metrics
        assert httpx.get(predictor.url("http1") + "/health").status_code == 404

        cluster.registry.publish(bundle_folder())
        cluster.registry.promote("v1.1", actor="test", reason="better", at=AT)
        wait_for(
            lambda: (
                'version="v1.1"' in httpx.get(predictor.url("http1") + "/metrics").text
            ),
            "the predictor to follow the registry",
        )

        predictor.tell_to_end()
        wait_for(lambda: not predictor.probe("readinessProbe"), "it to be not ready")
        assert asked(predictor).status_code == 200
        assert predictor.ended() == 0
    waits = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert waits + 5 + 30 < pod["terminationGracePeriodSeconds"]


def test_the_predictor_starts_while_the_registry_is_away(cluster: Cluster) -> None:
    service = find(cluster.objects, "InferenceService", NAME)
    assert service is not None
    pod = deployment(service, cluster.objects)["spec"]["template"]["spec"]
    models = stored(cluster, service["spec"]["predictor"]["model"]["storageUri"])
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true"}
    with started(
        cluster,
        pod["containers"][0],
        mounts={"/mnt/models": models},
        secrets={
            "breakcast-objects-read": {
                **cluster.secrets["breakcast-objects-read"],
                **nowhere,
            }
        },
    ) as predictor:
        assert predictor.succeeds("readinessProbe", 60), predictor.said()
        assert asked(predictor).status_code == 200


def test_receivers_take_deliveries_before_there_is_a_model(cluster: Cluster) -> None:
    (receiver,) = pod_of(cluster, "breakcast-receiver")["containers"]
    empty = {**cluster.secrets["breakcast-objects-read"]}
    del empty["AWS_ENDPOINT_URL"]
    with Ledger.open(cluster.secrets["breakcast-ledger"]["BREAKCAST_LEDGER"]):
        pass
    with started(
        cluster, receiver, secrets={"breakcast-objects-read": empty}
    ) as server:
        assert server.succeeds("readinessProbe", 60), server.said()
        url = server.url("http1")

        # Unsigned: refused, and therefore there.
        assert httpx.post(f"{url}/webhooks/github", json={}).status_code == 401
        assert httpx.post(url + PREDICT, json=HEADLINE).status_code == 404
        server.tell_to_end()
        assert server.ended() == 0


def test_the_console_shows_the_state_and_nothing_else(cluster: Cluster) -> None:
    (written,) = pod_of(cluster, "breakcast-console")["containers"]
    with started(cluster, written) as console:
        assert console.succeeds("readinessProbe", 60), console.said()
        url = console.url("http1")

        assert "breakcast" in httpx.get(f"{url}/health").text
        assert httpx.post(url + PREDICT, json=HEADLINE).status_code == 404


def test_a_worker_brings_the_schema_along_and_runs(cluster: Cluster) -> None:
    pod = pod_of(cluster, "breakcast-worker")
    (migrate,) = pod["initContainers"]
    homeless = {"/etc/breakcast": cluster.folder / "absent"}
    # Both replicas start at once: they take turns.
    with (
        started(cluster, migrate, mounts=homeless) as first,
        started(cluster, migrate, mounts=homeless) as second,
    ):
        assert (first.ended(), second.ended()) == (0, 0), first.said()
    assert not homeless["/etc/breakcast"].exists()
    with started(cluster, pod["containers"][0]) as worker:
        place = cluster.secrets["breakcast-ledger"]["BREAKCAST_LEDGER"]
        wait_for(lambda: _leases(place) > 0, "a worker to lease shards")
        assert worker.is_running(), worker.said()
        worker.tell_to_end()
        assert worker.ended() == 0, worker.said()


def test_a_nights_renewal_has_nothing_to_do_where_nothing_has_happened(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = find(with_component(tmp_path, "renewal-cronjob"), "CronJob", RENEWAL)
    assert job is not None
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    monkeypatch.setenv("PATH", f"{ours().parent}:{os.environ['PATH']}")
    script = K8S.parent / "renew.sh"
    # What the image calls it.
    assert pod["containers"][0]["command"][0] == "breakcast-renew"
    absent = tmp_path / "absent"
    mounts = {"/etc/breakcast": absent}
    with started(
        cluster, pod["containers"][0], program=script, mounts=mounts
    ) as renewal:
        assert renewal.ended() == 0, renewal.said()

    # It has no home, and makes none: the root file system is read-only.
    assert not absent.exists()
    assert "no outcome is known yet of what was answered" in renewal.said()


@pytest.fixture
def of_feast(postgres: Postgres, redis: Redis) -> Iterator[dict[str, dict[str, str]]]:
    """Give Feast's Secret: a Redis, and a database of its own for its registry."""
    database = postgres.new_database()
    yield {
        "breakcast-feast": {
            "FEAST_REDIS": f"127.0.0.1:{redis.port},db=0",
            "FEAST_REGISTRY": database.replace("postgresql:", "postgresql+psycopg:"),
        }
    }
    postgres.drop_database(database)


def test_feature_servers_run_on_the_mounted_repository(
    cluster: Cluster, of_feast: dict[str, dict[str, str]]
) -> None:
    program = environment("feast").with_name("feast")
    (written,) = pod_of(cluster, "feast-feature-server-prod")["containers"]
    with started(
        cluster,
        written,
        program=program,
        mounts={"/srv/feast": K8S / "base" / "feast"},
        secrets=of_feast,
    ) as server:
        assert server.succeeds("startupProbe"), server.said()
        assert server.succeeds("readinessProbe", 30), server.said()
        assert server.probe("livenessProbe")


def _leases(place: str) -> int:
    with psycopg.connect(place) as connection:
        row = connection.execute("select count(*) from leases").fetchone()
    assert row is not None
    return int(row[0])


def test_the_first_model_is_a_job(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = tmp_path / "builds.parquet"
    simulation = Simulation(builds=3_000, repositories=2, organisations=1)
    write_simulated(history, simulation, 7)
    place = cluster.secrets["breakcast-ledger"]["BREAKCAST_LEDGER"]
    monkeypatch.setenv("BREAKCAST_LEDGER", place)
    monkeypatch.setenv("BREAKCAST_HOME", str(cluster.mounts["/etc/breakcast"]))
    subprocess.run([ours(), "import", history], check=True)  # noqa: S603 - ours
    pod = job_of("first-model")
    empty = {"BREAKCAST_REGISTRY": "s3://another-bucket"}
    writes = cluster.secrets["breakcast-objects-write"] | empty
    httpx.put(f"{writes['AWS_ENDPOINT_URL']}/another-bucket").raise_for_status()

    for written in (*pod["initContainers"], *pod["containers"]):
        secrets = {"breakcast-objects-write": writes}
        with started(cluster, written, secrets=secrets) as step:
            assert step.ended() == 0, step.said()

    registry = Registry(blob_store("s3://another-bucket"))
    state = registry.current()
    assert state is not None
    assert state.champion == "v1.0"


def test_features_are_registered_by_breakcast_and_feast_together(
    cluster: Cluster, of_feast: dict[str, dict[str, str]]
) -> None:
    feast = environment("feast").with_name("feast")
    pod = job_of("register-features")
    repository = cluster.folder / "repository"
    repository.mkdir()
    (write,), (register,) = pod["initContainers"], pod["containers"]
    mounts = {"/srv/feast": repository}
    for written, program in ((write, ours()), (register, feast)):
        with started(
            cluster, written, program=program, mounts=mounts, secrets=of_feast
        ) as step:
            assert step.ended() == 0, step.said()

    assert "records" in (cluster.folder / "log").read_text(encoding="utf-8")
    kept = K8S / "base" / "feast"
    for name in ("feature_store.yaml", "static_artifacts.py"):
        assert (repository / name).read_bytes() == (kept / name).read_bytes()


def job_of(name: str) -> Mapping[str, Any]:
    (job,) = build(K8S / "jobs" / name)
    assert not lint([*overlay("prod"), job])
    spec: Mapping[str, Any] = job["spec"]["template"]["spec"]
    return spec
