"""
Versions: bundles by number, each put once, whole when its manifest is there.

An upload cut short leaves files nobody reads, and its number is not used again.
"""

import re
from pathlib import Path

import msgspec

from breakcast.blobs import BlobStore, FolderBlobs
from breakcast.errors import RegistryError
from breakcast.model.bundle import Bundle, load_bundle
from breakcast.model.manifest import (
    FILES,
    MANIFEST,
    Manifest,
    decode_manifest,
    encode_readably,
    seal,
)

_LOOKED_AT = 10
_VERSION = re.compile(r"v(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")


def whole_versions(blobs: BlobStore, prefix: str) -> list[str]:
    """List the versions below a prefix that are whole, lowest first."""
    found = []
    for key in blobs.keys(prefix):
        version, _, name = key[len(prefix) + 1 :].partition("/")
        if name == MANIFEST and _VERSION.fullmatch(version):
            found.append(version)
    return sorted(found, key=_number)


def require_version(blobs: BlobStore, prefix: str, version: str) -> None:
    """
    Refuse a version that is not there, or not whole.

    Raises:
        RegistryError: Says which there are.
    """
    known = whole_versions(blobs, prefix)
    if version not in known:
        message = (
            f"there is no version {version!r}; there are "
            f"{', '.join(known) or 'none yet: publish one'}"
        )
        raise RegistryError(message)


def load_version(
    blobs: BlobStore, prefix: str, version: str, expected_manifest_sha256: str | None
) -> Bundle:
    """
    Load a version; for `expected_manifest_sha256` see `load_bundle`.

    Raises:
        RegistryError: If what lies there is another version.
        BundleError: If it is not sound, or not what is expected.
    """
    place = f"{prefix}/{version}"
    bundle = load_bundle(blobs, place, expected_manifest_sha256)
    if bundle.version != version:
        message = (
            f"{place} holds a bundle that says it is {bundle.version}; it was copied "
            "there, publish it instead"
        )
        raise RegistryError(message)
    return bundle


def put_version(blobs: BlobStore, prefix: str, folder: Path, major: int) -> str:
    """
    Give a bundle the next version, and keep it for good.

    Args:
        blobs: The store.
        prefix: Where in it.
        folder: Where `write_bundle` wrote the bundle.
        major: The first number of the version.

    Returns:
        The version: `v<major>.0`, or one more than the highest begun so far.

    Raises:
        BundleError: If the bundle is not sound.
        RegistryError: If a file of the version was put by somebody else.
    """
    load_bundle(folder)
    local = FolderBlobs(folder)
    files = {name: local.get(name) for name in FILES}
    version = _claim(blobs, prefix, major, files[FILES[0]])
    manifest = decode_manifest(local.get(MANIFEST))
    files[MANIFEST] = encode_readably(
        msgspec.structs.replace(manifest, version=version)
    )
    for name in (*FILES[1:], MANIFEST):
        _put(blobs, f"{prefix}/{version}/{name}", files[name])
    return version


def find_version(blobs: BlobStore, prefix: str, folder: Path) -> str | None:
    """Find the very bundle of a folder among the newest versions; None if not there."""
    ours = decode_manifest(FolderBlobs(folder).get(MANIFEST))
    for version in whole_versions(blobs, prefix)[: -_LOOKED_AT - 1 : -1]:
        found = msgspec.json.decode(
            blobs.get(f"{prefix}/{version}/{MANIFEST}"), type=Manifest
        )
        if found == msgspec.structs.replace(ours, version=version):
            return version
    return None


def _claim(blobs: BlobStore, prefix: str, major: int, blob: bytes) -> str:
    """Put a version's first file: whoever does so has the number."""
    while True:
        version = _next(blobs, prefix, major)
        try:
            blobs.put_new(f"{prefix}/{version}/{FILES[0]}", blob)
        except FileExistsError:
            continue
        return version


def _next(blobs: BlobStore, prefix: str, major: int) -> str:
    begun = {key[len(prefix) + 1 :].partition("/")[0] for key in blobs.keys(prefix)}
    numbers = [_number(version) for version in begun if _VERSION.fullmatch(version)]
    taken = [minor for found, minor in numbers if found == major]
    return f"v{major}.{max(taken, default=-1) + 1}"


def _put(blobs: BlobStore, key: str, blob: bytes) -> None:
    try:
        blobs.put_new(key, blob)
    except FileExistsError as error:
        # Our own put, tried again by the store's client, is no trouble.
        found = blobs.get(key)
        if found != blob:
            message = (
                f"{key} was put by somebody else: its SHA-256 is "
                f"{seal(found).sha256}, ours {seal(blob).sha256}; publish again"
            )
            raise RegistryError(message) from error


def _number(version: str) -> tuple[int, int]:
    major, _, minor = version[1:].partition(".")
    return int(major), int(minor)
