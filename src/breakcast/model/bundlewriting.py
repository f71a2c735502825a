"""
Writing a bundle: refused unless the trees answer as the estimator does.

This side knows scikit-learn and joblib; the reading side (`model.bundle`)
needs neither.
"""

import io
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import joblib
import msgspec
import numpy as np

from breakcast.blobs import FolderBlobs
from breakcast.errors import BundleError
from breakcast.features.catalog import HEADLINE_WIDTH, Catalog
from breakcast.model.calibration import Calibration
from breakcast.model.checkpoint import Estimator, Trees, checkpoint_of
from breakcast.model.estimator import Recipe, Rows
from breakcast.model.evaluation import Evaluation
from breakcast.model.manifest import (
    CALIBRATION,
    CARD,
    CATALOG,
    EVALUATION,
    FILES,
    FORMAT,
    MANIFEST,
    PICKLE,
    PRIOR,
    REFERENCE,
    TREES,
    UNPUBLISHED,
    DataWindow,
    Manifest,
    Versions,
    encode_readably,
    seal,
    utc,
)
from breakcast.model.modelcard import render_card
from breakcast.model.priors import Prior
from breakcast.model.reference import Reference

TOLERANCE = 1e-9
"""How far the trees' logit may lie from the estimator's; rounding stays below 1e-13."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BundleParts:
    """
    All a bundle is made of.

    Attributes:
        estimator: The fitted forest; None (the plain failure rate, where there
            was too little to learn from) is no bundle.
        catalog: The columns it was fitted on.
        calibration: Fitted on builds it had not seen.
        evaluation: Of the backtest it comes from.
        prior: By `priors.prior_of`.
        reference: By `reference.reference_of`.
        recipe: How it was grown.
        ledger_position: The last fact it rests on.
        taught_before: What became known from then on taught it nothing; None: all did.
        terms: What it was judged against, by name.
        window: Which builds it was taught by.
        confidence_cut: The least confidence answered; None answers nothing.
        test_rows: Rows on which trees and estimator must agree, shape (n, width).
        created_at: Now, to whoever makes it.
    """

    estimator: Estimator | None
    catalog: Catalog
    calibration: Calibration
    evaluation: Evaluation
    prior: Prior
    reference: Reference
    recipe: Recipe
    ledger_position: int
    taught_before: datetime | None
    terms: dict[str, float | str]
    window: DataWindow
    confidence_cut: float | None
    test_rows: Rows
    created_at: datetime


def write_bundle(parts: BundleParts, folder: Path) -> str:
    """
    Write a bundle into a folder, its manifest last.

    The same parts give the same bytes.

    Args:
        parts: What it is made of.
        folder: Where; made if need be, and empty.

    Returns:
        The SHA-256 of the manifest, which stands for the whole.

    Raises:
        BundleError: If there is no estimator, if it does not fit the catalog, if
            the trees do not answer as it does, if a part holds what JSON cannot
            keep, or if the folder is not empty.
    """
    estimator = _fitting(parts)
    blobs = FolderBlobs(folder)
    if present := blobs.keys():
        message = f"{folder} holds {present[0]} already; a bundle needs an empty folder"
        raise BundleError(message)
    checkpoint = checkpoint_of(estimator)
    takes_missing = _takes_missing(estimator)
    check_equal(Trees(checkpoint), estimator, parts.test_rows)
    if takes_missing:
        check_equal(Trees(checkpoint), estimator, _hard_rows(parts.test_rows))
    pickle = io.BytesIO()
    joblib.dump(estimator, pickle)
    manifest = _manifest(parts, estimator, takes_missing=takes_missing)
    card = render_card(manifest, parts.catalog, parts.evaluation)
    files = {
        TREES: checkpoint,
        PICKLE: pickle.getvalue(),
        CALIBRATION: _encoded(CALIBRATION, parts.calibration),
        CATALOG: _encoded(CATALOG, parts.catalog),
        PRIOR: _encoded(PRIOR, parts.prior),
        REFERENCE: _encoded(REFERENCE, parts.reference, msgspec.json.encode),
        EVALUATION: msgspec.json.encode(parts.evaluation),
        CARD: card.encode(),
    }
    seals = {name: seal(files[name]) for name in FILES}
    sealed = _encoded(MANIFEST, msgspec.structs.replace(manifest, files=seals))
    for name in FILES:
        blobs.put_new(name, files[name])
    blobs.put_new(MANIFEST, sealed)
    return seal(sealed).sha256


def check_equal(trees: Trees, estimator: Estimator, rows: Rows) -> None:
    """
    Refuse trees that do not answer as the estimator does.

    Args:
        trees: As they will be served.
        estimator: As it was fitted.
        rows: What both are asked, shape (n, width), n > 0.

    Raises:
        BundleError: If an answer differs by more than 1e-9; says which row.
    """
    if not len(rows):
        message = "there are no test rows; give at least one to compare answers on"
        raise BundleError(message)
    ours = trees.logit(rows.astype(np.float64))
    theirs = np.asarray(estimator.decision_function(rows), np.float64)
    gap = np.abs(ours - theirs)
    # Not `gap > TOLERANCE`: NaN is no agreement.
    if not (gap <= TOLERANCE).all():
        at = int(np.argmin(gap <= TOLERANCE))
        message = (
            f"on row {at} the trees say {ours[at]!r} and the estimator {theirs[at]!r}; "
            f"they may differ by {TOLERANCE:g}, so this estimator cannot be served"
        )
        raise BundleError(message)


def _fitting(parts: BundleParts) -> Estimator:
    if parts.estimator is None:
        message = (
            "there is no forest, only the plain failure rate: too few builds to learn "
            "from; gather more history before making a bundle"
        )
        raise BundleError(message)
    width, rows = parts.catalog.width, parts.test_rows
    if parts.estimator.n_features_in_ != width or rows.shape[1:] != (width,):
        message = (
            f"the catalog has {width} columns, the estimator was fitted on "
            f"{parts.estimator.n_features_in_} and the test rows have shape "
            f"{rows.shape}; all three must agree"
        )
        raise BundleError(message)
    return parts.estimator


def _takes_missing(estimator: Estimator) -> bool:
    tags = estimator.__sklearn_tags__()  # type: ignore[attr-defined]
    return bool(tags.input_tags.allow_nan)


def _hard_rows(rows: Rows) -> Rows:
    """Make rows that serving may meet: the headline alone, and every extreme."""
    headline = rows.copy()
    headline[:, HEADLINE_WIDTH:] = np.nan
    float32 = np.finfo(np.float32)
    extremes = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0]
    extremes += map(
        float,
        (float32.max, float32.min, float32.tiny, float32.smallest_subnormal),
    )
    return np.concatenate(
        [
            headline,
            np.repeat(np.array(extremes, np.float32)[:, None], rows.shape[1], axis=1),
        ]
    )


def _encoded(
    name: str,
    record: msgspec.Struct,
    encode: Callable[[object], bytes] = encode_readably,
) -> bytes:
    """Encode a part, if it can be read again as it is."""
    encoded = encode(record)
    try:
        again = msgspec.json.decode(encoded, type=type(record))
    except msgspec.ValidationError as error:
        message = f"{name} would not be read again: {error}; is a number NaN?"
        raise BundleError(message) from error
    if again != record:
        message = f"{name} would be read as {again}, not {record}; is a number NaN?"
        raise BundleError(message)
    return encoded


def _manifest(
    parts: BundleParts, estimator: Estimator, *, takes_missing: bool
) -> Manifest:
    kind = type(estimator)
    return Manifest(
        format=FORMAT,
        version=UNPUBLISHED,
        created_at=utc(parts.created_at),
        made_by=Versions(
            breakcast=version("breakcast"),
            python=platform.python_version(),
            numpy=version("numpy"),
            scikit_learn=version("scikit-learn"),
            treelite=version("treelite"),
        ),
        estimator=f"{kind.__module__}.{kind.__qualname__}",
        takes_missing=takes_missing,
        catalog_hash=parts.catalog.hash,
        width=parts.catalog.width,
        ledger_position=parts.ledger_position,
        taught_before=parts.taught_before,
        terms=parts.terms,
        recipe=msgspec.to_builtins(parts.recipe),
        window=parts.window,
        confidence_cut=parts.confidence_cut,
        files={},
    )
