"""
Check manifests before a cluster sees them.

`python -m deploy.manifests --schemas FOLDER deploy/k8s/overlays/prod` builds each
kustomization (or reads each file), validates every object strictly, and looks for what
schemas cannot say. Exit code 1 if anything is an error.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.manifests.findings import Finding
from deploy.manifests.kserve import made_by_kserve
from deploy.manifests.lints import LINTS
from deploy.manifests.objects import Object, build, read
from deploy.manifests.schemas import Schemas


def lint(objects: Sequence[Object]) -> list[Finding]:
    """Look for all that schemas cannot say."""
    whole = [*objects, *made_by_kserve(objects)]
    found = [finding for each in LINTS for finding in each(whole)]
    return list(dict.fromkeys(found))


def main() -> int:
    """Check what is named; print what is found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="+", type=Path, help="a kustomization, or a file")
    parser.add_argument(
        "--schemas",
        type=Path,
        help="a folder with kubernetes-openapi.json and crds/*.yaml",
    )
    asked = parser.parse_args()
    schemas = Schemas(asked.schemas) if asked.schemas else None
    is_wrong = False
    for what in asked.what:
        objects = build(what) if what.is_dir() else read(what.read_text("utf-8"))
        found = lint(objects)
        if schemas is not None:
            found += schemas.check(objects)
        errors = [one for one in found if one.severity == "error"]
        is_wrong = is_wrong or bool(errors)
        sys.stdout.write("".join(f"{one}\n" for one in found))
        checked = "" if schemas is not None else ", not held against schemas"
        sys.stdout.write(
            f"{what}: {len(objects)} objects{checked}: {len(errors)} errors, "
            f"{len(found) - len(errors)} warnings\n"
        )
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main())
