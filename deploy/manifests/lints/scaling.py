"""Lints of what KServe scales, and how: where its own words mislead."""

from collections import Counter
from collections.abc import Iterator, Sequence

from deploy.manifests.findings import Finding
from deploy.manifests.kserve import SCALER, mode_of
from deploy.manifests.objects import (
    SCALERS,
    Object,
    annotations_of,
    find,
    name_of,
    of_kind,
    scaled_by,
    walk,
)


def pod_level_resources(objects: Sequence[Object]) -> Iterator[Finding]:
    """`predictor.resources` are the pod's, not the container's."""
    for one in of_kind(objects, "InferenceService"):
        if "resources" in one["spec"].get("predictor", {}):
            yield Finding(
                "pod-level-resources",
                name_of(one),
                "spec.predictor.resources are those of the pod, not of the model's "
                "container, which KServe gives 1 CPU and 2Gi: Kubernetes 1.34 refuses "
                "such a pod, an older one ignores them; write them under "
                "spec.predictor.model.resources",
                "warning",
            )


def scaling_policies(objects: Sequence[Object]) -> Iterator[Finding]:
    """KServe drops scaling policies that stand in an InferenceService."""
    for one in of_kind(objects, "InferenceService"):
        for path, value in walk(one["spec"]):
            if ".autoScaling.behavior" in path and path.endswith(".policies") and value:
                yield Finding(
                    "scaling-policies",
                    name_of(one),
                    f"spec{path} is dropped silently by KServe; annotate {SCALER}: "
                    "external, and scale by a ScaledObject or an HPA",
                )


def canary_traffic(objects: Sequence[Object]) -> Iterator[Finding]:
    """`canaryTrafficPercent` means nothing in Standard mode."""
    for one in of_kind(objects, "InferenceService"):
        for path, _ in walk(one["spec"]):
            if path.endswith(".canaryTrafficPercent") and mode_of(one) == "Standard":
                yield Finding(
                    "canary-traffic",
                    name_of(one),
                    f"spec{path} is ignored in Standard mode; use two "
                    "InferenceServices and the weights of an HTTPRoute",
                )


def external_without_scaler(objects: Sequence[Object]) -> Iterator[Finding]:
    """An external autoscaler has to be there, or one replica is all there is."""
    scaled = {scaled_by(one) for one in of_kind(objects, *SCALERS)}
    for one in of_kind(objects, "InferenceService"):
        made = f"Deployment/{one['metadata']['name']}-predictor"
        if annotations_of(one).get(SCALER) == "external" and made not in scaled:
            yield Finding(
                "external-without-scaler",
                name_of(one),
                f"{SCALER} is external, and nothing scales {made}: it stays at one "
                "replica; add a ScaledObject or an HPA",
            )


def two_scalers(objects: Sequence[Object]) -> Iterator[Finding]:
    """One number of replicas has one owner."""
    scalers = of_kind(objects, *SCALERS)
    for target, count in Counter(map(scaled_by, scalers)).items():
        if count > 1:
            message = f"{count} autoscalers set its replicas; leave one"
            yield Finding("two-scalers", target, message)
    for one in scalers:
        kind, _, name = scaled_by(one).partition("/")
        scaled = find(objects, kind, name)
        if scaled is not None and "replicas" in scaled.get("spec", {}):
            yield Finding(
                "two-scalers",
                name_of(scaled),
                f"{name_of(one)} sets its replicas, and so does spec.replicas, each "
                "time it is applied; remove the latter",
            )
