"""Lints of what has to meet: selectors and pods, ports, names and things."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.manifests.findings import Finding
from deploy.manifests.objects import (
    SCALERS,
    Object,
    Pod,
    containers,
    find,
    name_of,
    of_kind,
    pods,
    scaled_by,
    selects,
    walk,
)

_NEAR_URL = re.compile(r"\bhttps?://([a-z0-9-]+)(?::(\d+))?(?=[/\s]|$)")
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def selects_nothing(objects: Sequence[Object]) -> Iterator[Finding]:
    """A selector that finds no pod does nothing, without a word."""
    all_pods = pods(objects)
    for one, path, selector in _selectors(objects):
        if not any(selects(selector, pod.labels) for pod in all_pods):
            message = f"{path} selects no pod of these manifests: {dict(selector)}"
            yield Finding("selects-nothing", name_of(one), message)
    for pod in all_pods:
        selector = pod.owner["spec"].get("selector")
        if selector and not selects(selector, pod.labels):
            message = "its selector does not find its own pods"
            yield Finding("selects-nothing", name_of(pod.owner), message)


def probes_meet_ports(objects: Sequence[Object]) -> Iterator[Finding]:
    """A probe asks a port that its container declares."""
    for owner, container in containers(objects):
        for kind in _PROBES:
            probe = container.get(kind, {})
            asked = probe.get("httpGet") or probe.get("tcpSocket") or {}
            port = asked.get("port")
            if port is not None and not _listens(port, container.get("ports", ())):
                yield _unmet(owner, f"{kind} asks", port)


def services_meet_ports(objects: Sequence[Object]) -> Iterator[Finding]:
    """A Service sends to a port that its pods declare."""
    for service in of_kind(objects, "Service"):
        if not service["spec"].get("selector"):
            # Its endpoints are somebody else's doing.
            continue
        selector = {"matchLabels": service["spec"]["selector"]}
        for port in service["spec"].get("ports", ()):
            target = port.get("targetPort", port["port"])
            for pod in _chosen(objects, selector):
                if not _listens(target, pod.ports):
                    yield _unmet(service, f"{name_of(pod.owner)} is sent to", target)


def monitors_meet_ports(objects: Sequence[Object]) -> Iterator[Finding]:
    """Prometheus scrapes a port that pods declare."""
    for monitor in of_kind(objects, "PodMonitor"):
        for endpoint in monitor["spec"].get("podMetricsEndpoints", ()):
            port = endpoint.get("port")
            for pod in _chosen(objects, monitor["spec"]["selector"]):
                if not _listens(port, pod.ports):
                    yield _unmet(monitor, f"{name_of(pod.owner)} is scraped at", port)


def policies_meet_ports(objects: Sequence[Object]) -> Iterator[Finding]:
    """A policy lets in at ports that some pod of its declares."""
    for policy in of_kind(objects, "NetworkPolicy"):
        chosen = _chosen(objects, policy["spec"]["podSelector"])
        for rule in policy["spec"].get("ingress") or ():
            for one in rule.get("ports", ()):
                if not any(_listens(one.get("port"), pod.ports) for pod in chosen):
                    yield _unmet(policy, "ingress is let in at", one.get("port"))


def names_meet(objects: Sequence[Object]) -> Iterator[Finding]:
    """What is named is there; Secrets are made by operators."""
    for one, kind, name in (*_named_by_pods(objects), *_named_by_others(objects)):
        if find(objects, kind, name) is None:
            message = f"names {kind} {name!r}, which is not among these manifests"
            yield Finding("names-meet", name_of(one), message)


def urls_meet(objects: Sequence[Object]) -> Iterator[Finding]:
    """A setting that names a Service of this namespace names one there is."""
    for one, text in _texts(objects):
        for host, port in _NEAR_URL.findall(text):
            service = find(objects, "Service", host)
            if host == "localhost":
                continue
            asked = int(port or 80)
            if service is None:
                message = f"asks {host!r}, and there is no such Service"
                yield Finding("names-meet", name_of(one), message)
            elif all(each["port"] != asked for each in service["spec"]["ports"]):
                message = f"asks {host!r} at {asked}, where that Service has no port"
                yield Finding("names-meet", name_of(one), message)


def _selectors(
    objects: Sequence[Object],
) -> Iterator[tuple[Object, str, Mapping[str, Any]]]:
    """Give each selector of pods that are to be among these objects."""
    for one in of_kind(objects, "Service"):
        if one["spec"].get("selector"):
            yield one, "spec.selector", {"matchLabels": one["spec"]["selector"]}
    for one in of_kind(objects, "PodDisruptionBudget", "PodMonitor"):
        yield one, "spec.selector", one["spec"].get("selector", {})
    for one in of_kind(objects, "NetworkPolicy"):
        yield one, "spec.podSelector", one["spec"]["podSelector"]
        for path, value in walk(one["spec"]):
            if isinstance(value, Mapping) and value.keys() == {"podSelector"}:
                yield one, f"spec{path}.podSelector", value["podSelector"]
    for pod in pods(objects):
        for spread in pod.spec.get("topologySpreadConstraints", ()):
            path = "spec.topologySpreadConstraints"
            yield pod.owner, path, spread.get("labelSelector", {})


def _chosen(objects: Sequence[Object], selector: Mapping[str, Any]) -> list[Pod]:
    return [one for one in pods(objects) if selects(selector, one.labels)]


def _listens(port: object, ports: Sequence[Mapping[str, Any]]) -> bool:
    return any(port in {one.get("name"), one.get("containerPort")} for one in ports)


def _unmet(one: Object, what: str, port: object) -> Finding:
    message = f"{what} port {port!r}, which no container of it declares"
    return Finding("ports-meet", name_of(one), message)


def _named_by_pods(objects: Sequence[Object]) -> Iterator[tuple[Object, str, str]]:
    for pod in pods(objects):
        account = pod.spec.get("serviceAccountName")
        if account:
            yield pod.owner, "ServiceAccount", account
        for _, value in walk(pod.spec):
            if not isinstance(value, Mapping):
                continue
            for key in ("configMapRef", "configMapKeyRef", "configMap"):
                if isinstance(value.get(key), Mapping) and "name" in value[key]:
                    yield pod.owner, "ConfigMap", value[key]["name"]


def _named_by_others(objects: Sequence[Object]) -> Iterator[tuple[Object, str, str]]:
    for one in of_kind(objects, "InferenceService"):
        runtime = one["spec"]["predictor"].get("model", {}).get("runtime")
        if runtime:
            yield one, "ServingRuntime", runtime
    for one in of_kind(objects, *SCALERS):
        kind, _, name = scaled_by(one).partition("/")
        yield one, kind, name
    for one in of_kind(objects, "RoleBinding"):
        yield one, one["roleRef"]["kind"], one["roleRef"]["name"]
    for one in of_kind(objects, "Ingress"):
        for _, value in walk(one["spec"]):
            if isinstance(value, Mapping) and isinstance(value.get("service"), Mapping):
                yield one, "Service", value["service"]["name"]


def _texts(objects: Sequence[Object]) -> Iterator[tuple[Object, str]]:
    """Give what settings say, wherever a URL may stand."""
    for one in of_kind(objects, "ConfigMap"):
        for key, text in one.get("data", {}).items():
            if "." not in key:
                yield one, text
    for owner, container in containers(objects):
        for variable in container.get("env", ()):
            if isinstance(variable.get("value"), str):
                yield owner, variable["value"]
