"""
The gate's verdicts, kept beside the versions: for machines, and for people to read.

::

    <prefix>/verdicts/v1.3/20260401T080000.000000Z.json, .md
"""

from datetime import datetime

import msgspec

from breakcast.blobs import BlobStore
from breakcast.errors import RegistryError
from breakcast.model.gateverdict import GateVerdict, verdict_from
from breakcast.model.manifest import encode_readably, utc


def put_verdict(blobs: BlobStore, prefix: str, verdict: GateVerdict) -> GateVerdict:
    """
    Keep a verdict; one about the same version at the same time stays as it is.

    Returns:
        The one that is kept.

    Raises:
        RegistryError: If that cannot be read.
    """
    place = _place(prefix, verdict.candidate, verdict.at)
    for name, blob in (
        (f"{place}.md", f"{verdict.markdown()}\n".encode()),
        (f"{place}.json", encode_readably(verdict)),
    ):
        try:
            blobs.put_new(name, blob)
        except FileExistsError:
            continue
    return _read(blobs, f"{place}.json")


def verdict_at(
    blobs: BlobStore, prefix: str, version: str, at: datetime
) -> GateVerdict | None:
    """
    Read the verdict about a version at a time; None if there is none.

    Raises:
        RegistryError: If it cannot be read.
    """
    try:
        return _read(blobs, f"{_place(prefix, version, at)}.json")
    except FileNotFoundError:
        return None


def verdicts_on(blobs: BlobStore, prefix: str, version: str) -> list[GateVerdict]:
    """
    Read all verdicts about a version, oldest first.

    Raises:
        RegistryError: If one cannot be read.
    """
    return [
        _read(blobs, key)
        for key in blobs.keys(f"{prefix}/verdicts/{version}")
        if key.endswith(".json")
    ]


def _place(prefix: str, version: str, at: datetime) -> str:
    return f"{prefix}/verdicts/{version}/{utc(at):%Y%m%dT%H%M%S.%fZ}"


def _read(blobs: BlobStore, key: str) -> GateVerdict:
    try:
        return verdict_from(blobs.get(key))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"{key} is no verdict: {error}; restore it from a backup"
        raise RegistryError(message) from error
