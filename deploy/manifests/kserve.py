"""
What KServe makes of an InferenceService: the Deployment, and the Service before it.

Only what other manifests refer to: names, labels, containers, ports. Merged as KServe
0.20 does: a runtime's container, the InferenceService's fields over it, its arguments
after the runtime's (research of `pkg/controller/v1beta1/inferenceservice`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deploy.manifests.objects import Object, annotations_of, find, of_kind

MODE = "serving.kserve.io/deploymentMode"
SCALER = "serving.kserve.io/autoscalerClass"
_KNATIVE = ("Knative", "Serverless")
_PLAIN_FIELDS = (
    "serviceAccountName",
    "automountServiceAccountToken",
    "terminationGracePeriodSeconds",
    "securityContext",
    "topologySpreadConstraints",
    "resources",
)
_OF_THE_CLUSTER = {"name": "kserve-container", "ports": [{"containerPort": 8080}]}
"""A runtime that is not among the manifests: KServe's own listen there."""
_BESIDE = [{"name": "http", "containerPort": 8012}, {"containerPort": 9090}]
"""The ports of Knative's queue proxy, which runs in each pod."""


def mode_of(service: Object) -> str:
    """Say how an InferenceService is deployed; KServe's own default is Knative."""
    mode = annotations_of(service).get(MODE, "Knative")
    return "Knative" if mode in _KNATIVE else "Standard"


def made_by_kserve(objects: Sequence[Object]) -> list[Object]:
    """Make what KServe would make of each InferenceService among the objects."""
    made: list[Object] = []
    for service in of_kind(objects, "InferenceService"):
        made += [deployment(service, objects), _entrance(service)]
    return made


def deployment(service: Object, objects: Sequence[Object]) -> Object:
    """Make the predictor's Deployment."""
    name = service["metadata"]["name"]
    predictor = service["spec"]["predictor"]
    model = predictor.get("model", {})
    runtime = find(objects, "ServingRuntime", model.get("runtime", ""))
    base: Mapping[str, Any] = runtime["spec"] if runtime is not None else {}
    first = next(iter(base.get("containers", ())), _OF_THE_CLUSTER)
    container = _merged(first, model)
    container["args"] = [
        one.replace("{{.Name}}", name) for one in container.get("args", ())
    ]
    containers = [container]
    if mode_of(service) == "Knative":
        containers.append({"name": "queue-proxy", "ports": _BESIDE})
    labels = {
        "app": f"isvc.{name}-predictor",
        "component": "predictor",
        "serving.kserve.io/inferenceservice": name,
    }
    spec = {key: predictor[key] for key in _PLAIN_FIELDS if key in predictor}
    spec |= {
        "containers": containers,
        "volumes": [*base.get("volumes", ()), *predictor.get("volumes", ())],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{name}-predictor", "annotations": {"from": "KServe"}},
        "spec": {
            "selector": {"matchLabels": {"app": labels["app"]}},
            "template": {
                "metadata": {"labels": labels | predictor.get("labels", {})},
                "spec": spec,
            },
        },
    }


def _entrance(service: Object) -> Object:
    name = service["metadata"]["name"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-predictor", "annotations": {"from": "KServe"}},
        "spec": {
            "selector": {"app": f"isvc.{name}-predictor"},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
        },
    }


def _merged(first: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the InferenceService's fields over those of the runtime's container."""
    of_kserve = ("modelFormat", "protocolVersion", "runtime", "storageUri", "storage")
    over = {key: value for key, value in model.items() if key not in of_kserve}
    merged = {**first, **over}
    merged["args"] = [*first.get("args", ()), *over.get("args", ())]
    for key in ("env", "volumeMounts"):
        merged[key] = [*first.get(key, ()), *over.get(key, ())]
    return merged
