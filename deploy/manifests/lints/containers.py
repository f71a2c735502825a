"""Lints of what containers are: their images, their secrets, what they may do."""

import re
from collections.abc import Iterator, Mapping, Sequence

from deploy.manifests.findings import Finding
from deploy.manifests.objects import Object, containers, name_of, of_kind, pods, walk

_SECRET_NAME = re.compile(
    r"(password|passwd|secret|token|api_?key|private_?key|access_?key)", re.IGNORECASE
)
_URL_WITH_PASSWORD = re.compile(r"\w+://[^/\s:@]*:[^/\s@]+@")


def unpinned_image(objects: Sequence[Object]) -> Iterator[Finding]:
    """An image without a version is another one tomorrow."""
    for owner, container in containers(objects):
        image = container.get("image")
        if image is None:
            continue
        name, _, digest = image.partition("@")
        tag = name.rsplit("/", 1)[-1].partition(":")[2]
        if not digest and tag in {"", "latest"}:
            message = f"image {image!r} is not pinned; name a version or a digest"
            yield Finding("unpinned-image", name_of(owner), message)


def plain_secret(objects: Sequence[Object]) -> Iterator[Finding]:
    """A secret in a manifest is a secret in a repository."""
    for one in of_kind(objects, "Secret"):
        if one.get("data") or one.get("stringData"):
            message = "holds its values; create it in the cluster, and name it here"
            yield Finding("plain-secret", name_of(one), message)
    for one in objects:
        given = [
            (value["name"], str(value["value"]))
            for _, value in walk(one)
            if isinstance(value, Mapping) and {"name", "value"} <= value.keys()
        ]
        if one.get("kind") == "ConfigMap":
            given += [(key, str(text)) for key, text in one.get("data", {}).items()]
        for name, text in given:
            is_named = _SECRET_NAME.search(name) and "/" not in text and "." not in name
            if _URL_WITH_PASSWORD.search(text) or (is_named and text):
                message = f"{name} holds a secret in plain text; use a secretKeyRef"
                yield Finding("plain-secret", name_of(one), message)


def restricted(objects: Sequence[Object]) -> Iterator[Finding]:
    """The Pod Security Standard *restricted*, which our namespace enforces."""
    for pod in pods(objects):
        of_pod = pod.spec.get("securityContext") or {}
        for container in pod.containers:
            if "image" not in container:
                continue
            own = {**of_pod, **(container.get("securityContext") or {})}
            lacks = [
                what
                for what, holds in (
                    ("runAsNonRoot: true", own.get("runAsNonRoot") is True),
                    (
                        "allowPrivilegeEscalation: false",
                        own.get("allowPrivilegeEscalation") is False,
                    ),
                    (
                        "capabilities.drop: [ALL]",
                        "ALL" in own.get("capabilities", {}).get("drop", ()),
                    ),
                    (
                        "seccompProfile.type: RuntimeDefault",
                        own.get("seccompProfile", {}).get("type")
                        in {"RuntimeDefault", "Localhost"},
                    ),
                )
                if not holds
            ]
            if lacks or own.get("runAsUser") == 0 or pod.spec.get("hostNetwork"):
                message = f"container {container['name']!r} is not restricted: " + (
                    ", ".join(lacks) + " must be set"
                    if lacks
                    else "no root, no network of the host"
                )
                yield Finding("restricted", name_of(pod.owner), message)
