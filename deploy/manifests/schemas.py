"""
Objects against their schemas, strictly: an unknown field is an error.

A cluster drops unknown fields without a word, so a misspelt one changes nothing, and
nobody is told. Schemas: the CRDs as published, and Kubernetes' OpenAPI definitions.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError, best_match

from deploy.manifests.findings import Finding
from deploy.manifests.objects import Object, name_of

_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_FREE = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["integer", "string"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["number", "string"]},
}
"""What the definitions call a string, and a cluster reads as a number, too."""


class Schemas:
    """
    All schemas there are.

    Args:
        folder: Holds `kubernetes-openapi.json` and `crds/*.yaml`.

    Raises:
        OSError: If they are not there.
    """

    def __init__(self, folder: Path) -> None:
        text = (folder / "kubernetes-openapi.json").read_text(encoding="utf-8")
        definitions = json.loads(text)["definitions"]
        self._definitions = {
            name: _FREE.get(name) or _strict(one) for name, one in definitions.items()
        }
        self._roots = dict(_kinds(definitions))
        for file in sorted(folder.glob("crds/*.yaml")):
            self._roots |= _of_crd(yaml.safe_load(file.read_text(encoding="utf-8")))

    def check(self, objects: Sequence[Object]) -> list[Finding]:
        """Check each object; what is wrong with it, if anything."""
        return [found for one in objects for found in self._wrong(one)]

    def _wrong(self, one: Object) -> Iterator[Finding]:
        key = (one.get("apiVersion", ""), one.get("kind", ""))
        root = self._roots.get(key)
        if root is None:
            message = f"no schema is known of {key[1]} in {key[0]}"
            yield Finding("schema", name_of(one), message)
            return
        schema = {**root, "definitions": self._definitions}
        for error in Draft7Validator(schema).iter_errors(one):
            deepest = _deepest(error)
            where = ".".join(str(step) for step in deepest.absolute_path)
            yield Finding("schema", name_of(one), f"{where}: {deepest.message}")


def _deepest(error: ValidationError) -> ValidationError:
    return best_match([error]) or error


def _kinds(
    definitions: Mapping[str, Any],
) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Give the schema of each kind of Kubernetes itself."""
    for name, one in definitions.items():
        for kind in one.get("x-kubernetes-group-version-kind", ()):
            version = "/".join(filter(None, (kind["group"], kind["version"])))
            yield (version, kind["kind"]), {"$ref": f"#/definitions/{name}"}


def _of_crd(crd: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Give the schema of each version that a CRD defines."""
    spec = crd["spec"]
    found = {}
    for version in spec["versions"]:
        schema = _strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"$ref": f"#/definitions/{_METADATA}"}
        found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def _strict(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Translate a schema as Kubernetes writes it: to JSON Schema, and strict."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made = {
        key: (
            {name: _strict(one) for name, one in value.items()}
            if key == "properties"
            else _strict(value)
        )
        for key, value in schema.items()
        if key not in {"default", "description", "example", "enum"}
    }
    if "enum" in schema:
        made["enum"] = schema["enum"]
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    is_open = schema.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in schema and "additionalProperties" not in schema and not is_open:
        made["additionalProperties"] = False
    return made
