"""What operators apply: built by kubectl, held against schemas, looked through."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from breakcast.adapters.feast.definitions import AT_START
from breakcast.adapters.feast.repository import SetUp, configuration
from breakcast.settings import Settings
from deploy.manifests.__main__ import lint
from deploy.manifests.kserve import made_by_kserve
from deploy.manifests.objects import Object, build, find, of_kind, pods, read, walk
from deploy.manifests.schemas import Schemas
from deploy.prometheus.rules import OBJECT, written_object

K8S = Path(__file__).parents[3] / "deploy" / "k8s"
SHARED = Path(__file__).parents[4] / "shared"
OVERLAYS = ("prod", "dev", "knative")
COMPONENTS = ("autoscaling-faster", "feast-hpa", "renewal-cronjob")
JOBS = ("first-model", "register-features")
PREDICTOR = "ci-failure-predictor-prod"


@pytest.fixture(scope="module", params=OVERLAYS)
def built(request: pytest.FixtureRequest) -> list[Object]:
    """Build an overlay."""
    return overlay(request.param)


@pytest.fixture(scope="module")
def prod() -> list[Object]:
    """Build what production applies."""
    return overlay("prod")


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    """Read the schemas, as published."""
    if not (SHARED / "specs").is_dir():
        pytest.skip("the schemas of Kubernetes and of the CRDs are not here")
    return Schemas(SHARED / "specs")


def overlay(name: str) -> list[Object]:
    """Build an overlay; in CI kubectl must be there."""
    if shutil.which("kubectl") is None:
        if os.environ.get("CI"):
            pytest.fail("kubectl is not installed")
        pytest.skip("kubectl is not installed")
    return build(K8S / "overlays" / name)


def with_component(folder: Path, component: str) -> list[Object]:
    """Build production with one more component."""
    overlay("prod")
    place = folder / "overlay"
    place.mkdir()
    there = os.path.relpath(K8S, place)
    lines = [
        "apiVersion: kustomize.config.k8s.io/v1beta1",
        "kind: Kustomization",
        f"resources: [{there}/overlays/prod]",
        f"components: [{there}/components/{component}, {there}/components/images]",
    ]
    (place / "kustomization.yaml").write_text("\n".join(lines), encoding="utf-8")
    return build(place)


def shown(found: Sequence[object]) -> str:
    return "\n".join(map(str, found))


def test_every_object_fits_its_schema(built: list[Object], schemas: Schemas) -> None:
    assert not schemas.check(built), shown(schemas.check(built))


def test_nothing_is_found_that_schemas_cannot_say(built: list[Object]) -> None:
    assert not lint(built), shown(lint(built))


@pytest.mark.parametrize("component", COMPONENTS)
def test_so_with_components_that_are_a_choice(
    component: str, tmp_path: Path, schemas: Schemas
) -> None:
    objects = with_component(tmp_path, component)

    assert not lint(objects), shown(lint(objects))
    assert not schemas.check(objects), shown(schemas.check(objects))


def test_the_overlay_of_the_page_on_installing_builds(tmp_path: Path) -> None:
    overlay("prod")
    page = (K8S.parents[1] / "docs" / "install.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(# my-cluster.*?)```", page, re.DOTALL)
    assert "../breakcast/deploy" in text
    there = os.path.relpath(K8S.parent, tmp_path)
    written = text.replace("../breakcast/deploy", there)
    (tmp_path / "kustomization.yaml").write_text(written, encoding="utf-8")

    objects = build(tmp_path)

    assert not lint(objects), shown(lint(objects))
    hosts = [one["spec"]["rules"][0]["host"] for one in of_kind(objects, "Ingress")]
    assert hosts == ["breakcast.your.company"]


@pytest.mark.parametrize("job", JOBS)
def test_jobs_fit_their_schemas(job: str, schemas: Schemas) -> None:
    overlay("prod")
    objects = build(K8S / "jobs" / job)

    assert not schemas.check(objects), shown(schemas.check(objects))


def test_the_specifications_own_text_passes_with_a_word_about_its_resources(
    schemas: Schemas,
) -> None:
    text = (SHARED / "SPECIFICATION.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    objects = [one for block in blocks for one in read(block)]

    services = [one for one in objects if one["kind"] == "InferenceService"]
    found = lint(services)

    assert not schemas.check(objects)
    assert [one.rule for one in found] == ["pod-level-resources"]
    assert found[0].severity == "warning"
    assert "predictor.model.resources" in found[0].message


def test_the_specifications_feature_servers_are_told_of_latest() -> None:
    if not SHARED.is_dir():
        pytest.skip("the specification is not here")
    text = (SHARED / "SPECIFICATION.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    objects = [one for block in blocks for one in read(block)]

    found = {one.rule for one in lint(objects) if "feast" in one.where}

    assert found == {"unpinned-image", "restricted"}


def test_the_predictor_is_the_specifications(prod: list[Object]) -> None:
    service = find(prod, "InferenceService", PREDICTOR)
    assert service is not None
    predictor = service["spec"]["predictor"]

    assert service["metadata"]["namespace"] == "ci-failure-ml"
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 10)
    assert predictor["model"]["modelFormat"]["name"] == "sklearn"
    assert (
        predictor["model"]["storageUri"] == "s3://ci-failure-models/predictor/prod/v1.0"
    )
    assert predictor["model"]["resources"]["requests"] == {
        "cpu": "500m",
        "memory": "1Gi",
    }


def test_it_scales_as_specified(prod: list[Object]) -> None:
    scaled = find(prod, "ScaledObject", PREDICTOR)
    assert scaled is not None
    spec = scaled["spec"]
    behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]

    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 10)
    assert spec["triggers"][0]["metadata"]["threshold"] == "100"
    assert {"type": "Percent", "value": 100, "periodSeconds": 15} in behaviour[
        "scaleUp"
    ]["policies"]
    assert behaviour["scaleDown"]["policies"] == [
        {"type": "Percent", "value": 50, "periodSeconds": 60}
    ]


def test_feature_servers_are_the_specifications(prod: list[Object]) -> None:
    servers = find(prod, "Deployment", "feast-feature-server-prod")
    assert servers is not None
    container = servers["spec"]["template"]["spec"]["containers"][0]

    assert servers["spec"]["replicas"] == 5
    assert servers["spec"]["selector"]["matchLabels"] == {"app": "feast-feature-server"}
    assert container["ports"][0]["containerPort"] == 6566
    assert container["resources"]["requests"]["memory"] == "2Gi"
    assert container["resources"]["limits"] == {"cpu": "2000m", "memory": "4Gi"}
    assert "--max-requests=0" in container["args"]


def test_committed_files_are_what_is_written() -> None:
    feast = K8S / "base" / "feast"

    assert OBJECT.read_text(encoding="utf-8") == written_object()
    assert (feast / "feature_store.yaml").read_text(encoding="utf-8") == configuration(
        SetUp.PRODUCTION
    )
    assert (feast / "static_artifacts.py").read_text(encoding="utf-8") == AT_START


def test_settings_are_settings(built: list[Object]) -> None:
    given = find(built, "ConfigMap", "breakcast-settings")
    assert given is not None
    names = {one for one in given["data"] if one.startswith("BREAKCAST_")}

    known = {f"BREAKCAST_{field.upper()}" for field in Settings.model_fields}
    assert names <= known


def test_every_secret_that_is_named_is_documented(built: list[Object]) -> None:
    install = (K8S.parents[1] / "docs" / "install.md").read_text(encoding="utf-8")
    whole = [*built, *made_by_kserve(built)]

    assert _secrets(whole)
    for name in _secrets(whole):
        assert re.search(rf"\b{name}\b", install), name


def test_nothing_holds_more_secrets_than_it_needs(prod: list[Object]) -> None:
    whole = [*prod, *made_by_kserve(prod)]
    held = {
        pod.owner["metadata"]["name"]: {
            name for name in _secrets([pod.spec]) if name != "breakcast-author-key"
        }
        for pod in pods(whole)
    }

    reads = {"breakcast-ledger", "breakcast-objects-read"}
    assert held == {
        f"{PREDICTOR}-predictor": reads | {"breakcast-access"},
        "breakcast-receiver": reads | {"breakcast-webhooks"},
        "breakcast-console": reads | {"breakcast-access"},
        "breakcast-worker": {
            "breakcast-ledger",
            "breakcast-objects-write",
            "breakcast-github",
            "breakcast-canary",
        },
        "feast-feature-server-prod": {"breakcast-feast"},
    }


def _secrets(objects: Sequence[Any]) -> set[str]:
    named = set()
    for one in objects:
        for _, value in walk(one):
            if not isinstance(value, dict):
                continue
            for key in ("secretRef", "secretKeyRef"):
                if isinstance(value.get(key), dict):
                    named.add(value[key]["name"])
            if isinstance(value.get("secret"), dict):
                named.add(value["secret"]["secretName"])
    return named
