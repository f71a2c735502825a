"""Schemas are held strictly: what a cluster would drop is an error."""

from pathlib import Path

import pytest

from deploy.manifests.objects import read
from deploy.manifests.schemas import Schemas

SPECS = Path(__file__).parents[4] / "shared" / "specs"

SERVICE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: m}
spec:
  predictor:
    minReplicas: 2
    model: {modelFormat: {name: sklearn}, storageUri: "s3://a/b"}
"""
PODS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          resources: {requests: {cpu: 1, memory: 1Gi}}
          readinessProbe: {httpGet: {path: /, port: http}}
"""


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    """Read the schemas, as published."""
    if not SPECS.is_dir():
        pytest.skip("the schemas of Kubernetes and of the CRDs are not here")
    return Schemas(SPECS)


@pytest.mark.parametrize("text", [SERVICE, PODS])
def test_what_is_right_passes(schemas: Schemas, text: str) -> None:
    assert not schemas.check(read(text))


@pytest.mark.parametrize(
    ("text", "right", "wrong", "says"),
    [
        (SERVICE, "minReplicas: 2", "minReplica: 2", "minReplica"),
        (SERVICE, "minReplicas: 2", 'minReplicas: "2"', "'2' is not of type"),
        (SERVICE, "modelFormat", "modelFromat", "modelFromat"),
        (SERVICE, "v1beta1", "v1", "no schema is known"),
        (SERVICE, "{name: m}", "{nam: m}", "nam"),
        (PODS, "image:", "imag:", "imag"),
        (PODS, "port: http", "port: [http]", "is not of type"),
        (PODS, "selector:", "selectors:", "selector"),
    ],
)
def test_what_is_not_is_named(
    schemas: Schemas, text: str, right: str, wrong: str, says: str
) -> None:
    assert right in text

    found = schemas.check(read(text.replace(right, wrong)))

    assert any(says in one.message for one in found), found
