"""
The manifest: what a bundle says of itself, and the seal of each of its files.

It is written last: a folder without a manifest is no bundle, and one whose
files are not those sealed is refused.
"""

import hashlib
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from breakcast.errors import BundleError

FORMAT = 2
"""Of the bundle as a whole; raised when older code could misread a newer one."""

MANIFEST = "manifest.json"
TREES = "model.treelite"
PICKLE = "model.joblib"
CALIBRATION = "calibration.json"
CATALOG = "catalog.json"
PRIOR = "prior.json"
REFERENCE = "reference.json"
EVALUATION = "evaluation.json"
CARD = "model_card.md"
FILES = (TREES, PICKLE, CALIBRATION, CATALOG, PRIOR, REFERENCE, EVALUATION, CARD)
"""What a bundle consists of, beside its manifest; in the order of writing."""

UNPUBLISHED = "v0.0"
"""The version of a bundle that no registry has taken yet."""


class Seal(msgspec.Struct, frozen=True):
    """A file's SHA-256 and its size in bytes."""

    sha256: str
    size: int


class DataWindow(msgspec.Struct, frozen=True, kw_only=True):
    """
    Which builds a model was taught by: first and last start, how many.

    `known_until` is when the last outcome became known; None if nobody wrote it down.
    """

    first_at: datetime
    last_at: datetime
    builds: int
    repos: int
    known_until: datetime | None = None


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of the code that made a bundle."""

    breakcast: str
    python: str
    numpy: str
    scikit_learn: str
    treelite: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a bundle says of itself.

    `confidence_cut` is the least confidence max(p, 1 − p) that is answered;
    None answers nothing (no cut kept the target on validation). `recipe` is
    how the trees were grown, `ledger_position` the last fact they rest on, but for
    what became known at `taught_before` or later; `terms` is what it was judged
    against. With the same code these four make the same model.
    `takes_missing` says whether the estimator knows unknown values; where it
    does not, they take each node's default side, which was never fitted.
    """

    format: int
    version: Annotated[str, msgspec.Meta(pattern=r"^v[0-9]+\.[0-9]+$")]
    created_at: datetime
    made_by: Versions
    estimator: str
    takes_missing: bool
    catalog_hash: str
    width: int
    ledger_position: int
    recipe: dict[str, float | int | str | bool | None]
    window: DataWindow
    confidence_cut: float | None
    files: dict[str, Seal]
    taught_before: datetime | None = None
    terms: dict[str, float | str] = {}

    @property
    def known_until(self) -> datetime:
        """What became known later is new to the model."""
        return self.window.known_until or self.created_at


def utc(at: datetime) -> datetime:
    """
    Read a time as UTC; one without an offset is taken as UTC.

    >>> utc(datetime(2026, 1, 1)) == utc(datetime(2026, 1, 1, tzinfo=UTC))
    True
    """
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class _Format(msgspec.Struct):
    format: int


def seal(blob: bytes) -> Seal:
    """
    Seal a file.

    >>> seal(b"").size, seal(b"").sha256[:8]
    (0, 'e3b0c442')
    """
    return Seal(hashlib.sha256(blob).hexdigest(), len(blob))


def encode_readably(record: object) -> bytes:
    r"""
    Write a record as indented JSON, ending in a newline.

    >>> encode_readably({"b": 1, "a": None})
    b'{\n  "b": 1,\n  "a": null\n}\n'
    """
    return msgspec.json.format(msgspec.json.encode(record)) + b"\n"


def decode_manifest(encoded: bytes) -> Manifest:
    """
    Read a manifest.

    Raises:
        BundleError: If it is no manifest, or of a format other than this code's.

    >>> decode_manifest(b'{"format": 1}')
    Traceback (most recent call last):
    breakcast.errors.BundleError: manifest.json has format 1, this code reads 2; \
use the breakcast that wrote it, or train anew
    """
    try:
        found = msgspec.json.decode(encoded, type=_Format).format
        if found == FORMAT:
            return msgspec.json.decode(encoded, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"{MANIFEST} is no manifest of a bundle: {error}"
        raise BundleError(message) from error
    message = (
        f"{MANIFEST} has format {found}, this code reads {FORMAT}; use the breakcast "
        "that wrote it, or train anew"
    )
    raise BundleError(message)
