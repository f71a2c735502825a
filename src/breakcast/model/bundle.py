"""
A bundle: a model with all it needs to answer, read only if every byte is right.

Whoever loads a bundle runs no code from it: the trees are data (Treelite), the
rest is JSON, and the pickle beside them is read to be hashed and no further.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from breakcast.blobs import BlobStore, blob_store
from breakcast.errors import BadInput, BundleError
from breakcast.features.catalog import HEADLINE_WIDTH, Catalog
from breakcast.features.columns import catalog_of
from breakcast.model.calibration import Calibration
from breakcast.model.checkpoint import Trees, try_elsewhere
from breakcast.model.forecasts import Floats
from breakcast.model.manifest import (
    CALIBRATION,
    CARD,
    CATALOG,
    EVALUATION,
    FILES,
    FORMAT,
    MANIFEST,
    PRIOR,
    REFERENCE,
    TREES,
    Manifest,
    decode_manifest,
    seal,
)
from breakcast.model.priors import Prior
from breakcast.model.reference import Reference

if TYPE_CHECKING:
    from breakcast.model.evaluation import Evaluation

_Record = TypeVar("_Record")
_MATRIX = 2


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """
    A model that answers.

    Attributes:
        manifest: What it says of itself.
        manifest_sha256: The hash that stands for the whole.
        catalog: What the columns of a vector are.
        calibration: From a logit to a probability. It can learn on: a server
            that lets it do so changes this bundle's.
        prior: The answer where nothing is known.
        reference: What training looked like, for drift.
        evaluation_json: The honest verdict on it, still encoded.
        card: The model card, in Markdown.
        trees: The forest.
    """

    manifest: Manifest
    manifest_sha256: str
    catalog: Catalog
    calibration: Calibration
    prior: Prior
    reference: Reference
    evaluation_json: bytes
    card: str
    trees: Trees

    @property
    def version(self) -> str:
        """`v<major>.<minor>`, or `v0.0` if no registry has taken it."""
        return self.manifest.version

    @property
    def confidence_cut(self) -> float | None:
        """The least confidence max(p, 1 − p) that is answered; None: nothing is."""
        return self.manifest.confidence_cut

    def evaluation(self) -> "Evaluation":
        """Read the verdict: what it takes is heavy, and answering needs none of it."""
        from breakcast.model.evaluation import Evaluation  # noqa: PLC0415 - see above

        return _decoded({EVALUATION: self.evaluation_json}, EVALUATION, Evaluation)

    def logit(self, vectors: NDArray[np.floating]) -> Floats:
        """
        Score vectors: the uncalibrated log-odds of red, shape (n,).

        Every value is first rounded to float32, as every feature of the training
        table was: a client's 0.7 is then the 0.7 the trees were taught by, which
        as a double lies on the other side of a cut at it.

        Args:
            vectors: Shape (n, width), or (n, 4): the headline, the rest unknown.
                NaN is unknown.

        Raises:
            BadInput: If they are of any other shape, or no real numbers.
        """
        return self.trees.logit(self._rounded(vectors))

    def probability(
        self, vectors: NDArray[np.floating], repos: Sequence[str] | None = None
    ) -> Floats:
        """
        Forecast P(red), shape (n,).

        Args:
            vectors: As for `logit`.
            repos: Each vector's repository, whose own offset is added; none is
                without them, or for a repository the bundle does not know.

        Raises:
            BadInput: As for `logit`, or if there is not one repository a vector.
        """
        logits = self.logit(vectors).tolist()
        if repos is None:
            repos = [""] * len(logits)
        if len(repos) != len(logits):
            message = (
                f"{len(repos)} repositories are given for {len(logits)} vectors; give "
                "one a vector"
            )
            raise BadInput(message)
        return np.array(
            [
                self.calibration.probability(logit, repo)
                for logit, repo in zip(logits, repos, strict=True)
            ],
            np.float64,
        )

    def _rounded(self, vectors: NDArray[np.floating]) -> NDArray[np.float32]:
        width, shape = self.catalog.width, vectors.shape
        if (
            len(shape) != _MATRIX
            or shape[1] not in {width, HEADLINE_WIDTH}
            or vectors.dtype.kind != "f"
        ):
            message = (
                f"got vectors of shape {shape} and type {vectors.dtype}; this model "
                f"takes floating-point numbers of shape (n, {width}), or "
                f"(n, {HEADLINE_WIDTH}) for the headline only"
            )
            raise BadInput(message)
        # What is too large for a float32 becomes infinity, which trees can compare.
        with np.errstate(over="ignore"):
            if shape[1] == width:
                return vectors.astype(np.float32)
            rows = np.full((shape[0], width), np.nan, np.float32)
            rows[:, :HEADLINE_WIDTH] = vectors
        return rows


def load_bundle(
    place: str | Path | BlobStore,
    prefix: str = "",
    expected_manifest_sha256: str | None = None,
) -> Bundle:
    """
    Load a bundle if all of it is as its manifest says.

    Args:
        place: The bundle's folder, or the store it lies in.
        prefix: Where in the store.
        expected_manifest_sha256: What somebody else (the promotion log) says the
            manifest's hash is. Without it nobody vouches for the bytes, and the
            trees are tried in a process of their own first.

    Raises:
        BundleError: If anything is missing, too much, changed, of another format
            or catalog; says which file, and both hashes.
        OSError: If the store cannot be reached.
    """
    blobs = _opened(place)
    manifest, manifest_sha256 = _read_manifest(blobs, prefix, expected_manifest_sha256)
    files = _read_files(blobs, prefix, manifest)
    catalog = _known_catalog(files[CATALOG], manifest)
    if expected_manifest_sha256 is None:
        try_elsewhere(files[TREES])
    trees = Trees(files[TREES])
    if not trees.width == manifest.width == catalog.width:
        message = (
            f"{TREES} takes {trees.width} columns, {CATALOG} has {catalog.width} and "
            f"{MANIFEST} says {manifest.width}; they are of different bundles"
        )
        raise BundleError(message)
    return Bundle(
        manifest=manifest,
        manifest_sha256=manifest_sha256,
        catalog=catalog,
        calibration=_decoded(files, CALIBRATION, Calibration),
        prior=_decoded(files, PRIOR, Prior),
        reference=_decoded(files, REFERENCE, Reference),
        evaluation_json=files[EVALUATION],
        card=files[CARD].decode(errors="replace"),
        trees=trees,
    )


def key_below(prefix: str, name: str) -> str:
    """
    Name a file below a prefix.

    >>> key_below("predictor/prod/v1.0", "manifest.json"), key_below("", "a")
    ('predictor/prod/v1.0/manifest.json', 'a')
    """
    return f"{prefix}/{name}" if prefix else name


def _opened(place: str | Path | BlobStore) -> BlobStore:
    if not isinstance(place, str | Path):
        return place
    if "://" not in str(place) and not Path(place).is_dir():
        message = f"there is no folder {str(place)!r}; name the one a bundle lies in"
        raise BundleError(message)
    return blob_store(place)


def _read_manifest(
    blobs: BlobStore, prefix: str, expected: str | None
) -> tuple[Manifest, str]:
    key = key_below(prefix, MANIFEST)
    try:
        encoded = blobs.get(key)
    except FileNotFoundError as error:
        message = f"{key} is missing; without it this is no bundle, or half of one"
        raise BundleError(message) from error
    sha256 = seal(encoded).sha256
    if expected is not None and sha256 != expected:
        message = (
            f"{key} has SHA-256 {sha256}, {expected} was promoted; it has been changed "
            "since"
        )
        raise BundleError(message)
    return decode_manifest(encoded), sha256


def _read_files(blobs: BlobStore, prefix: str, manifest: Manifest) -> dict[str, bytes]:
    start = len(key_below(prefix, ""))
    present = {key[start:] for key in blobs.keys(prefix)} - {MANIFEST}
    sealed = set(manifest.files)
    if sealed != set(FILES):
        wrong = min(sealed ^ set(FILES))
        how = "strange" if wrong in sealed else "not named"
        message = (
            f"{wrong} is {how} in {MANIFEST}; a bundle of format {FORMAT} consists of "
            f"{', '.join(FILES)}"
        )
        raise BundleError(message)
    if extra := present - sealed:
        message = (
            f"{min(extra)} is not in {MANIFEST}; a bundle holds what it names only"
        )
        raise BundleError(message)
    if absent := sealed - present:
        message = (
            f"{min(absent)} is missing, {MANIFEST} names it; copy the bundle whole"
        )
        raise BundleError(message)
    files = {}
    for name, wanted in manifest.files.items():
        blob = blobs.get(key_below(prefix, name))
        found = seal(blob)
        if found != wanted:
            message = (
                f"{name} has {found.size} bytes and SHA-256 {found.sha256}, {MANIFEST} "
                f"says {wanted.size} and {wanted.sha256}; it is damaged or of another "
                "bundle"
            )
            raise BundleError(message)
        files[name] = blob
    return files


def _known_catalog(encoded: bytes, manifest: Manifest) -> Catalog:
    catalog = _decoded({CATALOG: encoded}, CATALOG, Catalog)
    if catalog.hash != manifest.catalog_hash:
        message = (
            f"{CATALOG} has hash {catalog.hash}, {MANIFEST} says "
            f"{manifest.catalog_hash}; they are of different bundles"
        )
        raise BundleError(message)
    ours = catalog_of(catalog.signals, catalog.results, catalog.code_state)
    if ours.hash != catalog.hash:
        known = set(ours.features)
        strange = [
            feature.name for feature in catalog.features if feature not in known
        ] or ["their order"]
        message = (
            f"{CATALOG} (hash {catalog.hash[:12]}) is not what this code computes "
            f"({ours.hash[:12]}); different: {', '.join(strange[:3])}. Use breakcast "
            f"{manifest.made_by.breakcast}, which trained it, or train anew"
        )
        raise BundleError(message)
    return catalog


def _decoded(files: dict[str, bytes], name: str, kind: type[_Record]) -> _Record:
    try:
        return msgspec.json.decode(files[name], type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"{name} cannot be read: {error}; train anew with this code"
        raise BundleError(message) from error
