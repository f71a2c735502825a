"""Kubernetes objects as they are written, and the pods that come of them."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Object = Mapping[str, Any]
"""One object, as YAML or JSON has it."""

_TEMPLATES = {
    "Deployment": ("template",),
    "StatefulSet": ("template",),
    "DaemonSet": ("template",),
    "Job": ("template",),
    "CronJob": ("jobTemplate", "spec", "template"),
}

SCALERS = ("ScaledObject", "HorizontalPodAutoscaler")
"""What sets a number of replicas."""


class Pod(NamedTuple):
    """
    Pods of one owner.

    Attributes:
        owner: What makes them.
        labels: What selectors find them by.
        spec: The pod's spec.
    """

    owner: Object
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """All containers, those that run first included."""
        return [*self.spec.get("initContainers", ()), *self.spec.get("containers", ())]

    @property
    def ports(self) -> list[Mapping[str, Any]]:
        """The ports that its containers declare."""
        return [port for one in self.containers for port in one.get("ports", ())]


def read(text: str) -> list[Object]:
    r"""
    Read objects off YAML, several documents if need be.

    >>> [one["kind"] for one in read("kind: A\n---\nkind: B\n---\n")]
    ['A', 'B']
    """
    return [one for one in yaml.safe_load_all(text) if one]


def build(folder: Path) -> list[Object]:
    """
    Build a kustomization, as `kubectl apply -k` would apply it.

    Raises:
        FileNotFoundError: If there is no `kubectl`.
        ValueError: If it does not build; with what kustomize says.
    """
    built = subprocess.run(  # noqa: S603 - our own manifests
        ["kubectl", "kustomize", str(folder)],  # noqa: S607 - whichever is installed
        capture_output=True,
        check=False,
        text=True,
    )
    if built.returncode:
        message = f"{folder} does not build: {built.stderr.strip()}"
        raise ValueError(message)
    return read(built.stdout)


def name_of(one: Object) -> str:
    """Name an object as messages do: kind and name."""
    metadata = one.get("metadata", {})
    name = metadata.get("name") or metadata.get("generateName", "?")
    return f"{one.get('kind', '?')}/{name}"


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    """Give the objects of some kinds."""
    return [one for one in objects if one.get("kind") in kinds]


def find(objects: Sequence[Object], kind: str, name: str) -> Object | None:
    """Give the object of a kind and name; None if there is none."""
    return next((one for one in objects if name_of(one) == f"{kind}/{name}"), None)


def annotations_of(one: Object) -> Mapping[str, str]:
    """Give an object's annotations."""
    found: Mapping[str, str] = one.get("metadata", {}).get("annotations") or {}
    return found


def pods(objects: Sequence[Object]) -> list[Pod]:
    """Give the pods that objects make, by the templates they hold."""
    found = []
    for one in objects:
        if one.get("kind") not in _TEMPLATES:
            continue
        template = one.get("spec", {})
        for key in _TEMPLATES[one["kind"]]:
            template = template.get(key, {})
        labels = template.get("metadata", {}).get("labels") or {}
        found.append(Pod(one, labels, template.get("spec", {})))
    return found


def containers(
    objects: Sequence[Object],
) -> Iterator[tuple[Object, Mapping[str, Any]]]:
    """Give each container of each pod, and of each runtime, with its owner."""
    for pod in pods(objects):
        for container in pod.containers:
            yield pod.owner, container
    for one in of_kind(objects, "ServingRuntime", "ClusterServingRuntime"):
        for container in one["spec"].get("containers", ()):
            yield one, container


def scaled_by(scaler: Object) -> str:
    """Name what an autoscaler scales, as `Kind/name`."""
    target = scaler["spec"]["scaleTargetRef"]
    return f"{target.get('kind', 'Deployment')}/{target['name']}"


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """
    Tell whether a label selector finds what has these labels.

    >>> selects({"matchLabels": {"app": "a"}}, {"app": "a", "tier": "b"})
    True
    >>> any_of = {"key": "app", "operator": "In", "values": ["b", "c"]}
    >>> selects({"matchExpressions": [any_of]}, {"app": "a"})
    False
    """
    return all(
        labels.get(key) == value
        for key, value in (selector.get("matchLabels") or {}).items()
    ) and all(_holds(one, labels) for one in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", ())
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """
    Go through a value and all values in it, each with its path.

    >>> list(walk({"a": [1]}))
    [('', {'a': [1]}), ('.a', [1]), ('.a[0]', 1)]
    """
    yield path, value
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from walk(one, f"{path}.{key}")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from walk(one, f"{path}[{index}]")
