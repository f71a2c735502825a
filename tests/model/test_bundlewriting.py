"""A bundle is written only if it will answer as the estimator does."""

from dataclasses import replace
from datetime import UTC, datetime
from math import nan
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
)

from breakcast.errors import BundleError
from breakcast.model.bundle import Bundle, load_bundle
from breakcast.model.bundlewriting import BundleParts, check_equal, write_bundle
from breakcast.model.calibration import Calibration, Platt
from breakcast.model.checkpoint import Trees, checkpoint_of
from breakcast.model.estimator import grow
from breakcast.model.manifest import FILES, MANIFEST, PICKLE
from tests.model.made_bundles import CATALOG, RECIPE, make_parts, make_table

TABLE = make_table(seed=2)
LABELLED = ~np.isnan(TABLE.failed)
ROWS, FAILED = TABLE.rows[LABELLED], TABLE.failed[LABELLED] > 0


class _Drifting(HistGradientBoostingClassifier):
    """Answers a little otherwise than its trees, on red rows only."""

    def decision_function(self, rows: Any) -> Any:  # noqa: ANN401 - scikit-learn's own
        logit = super().decision_function(rows)
        return logit + 2e-9 * (logit > 0)


def test_what_was_written_is_a_bundle_and_nothing_else(tmp_path: Path) -> None:
    sha256 = write_bundle(make_parts(), tmp_path / "new" / "bundle")

    folder = tmp_path / "new" / "bundle"
    assert {path.name for path in folder.iterdir()} == {*FILES, MANIFEST}
    assert load_bundle(folder, expected_manifest_sha256=sha256).version == "v0.0"


def test_the_pickle_beside_is_the_same_estimator(tmp_path: Path) -> None:
    """For a plain scikit-learn server of the same version, and for audits."""
    bundle = _written(make_parts(), tmp_path)
    estimator = joblib.load(tmp_path / PICKLE)

    logit = estimator.decision_function(ROWS)

    np.testing.assert_allclose(bundle.logit(ROWS), logit, rtol=0, atol=1e-9)


def test_the_older_gradient_boosting_makes_a_bundle_too(tmp_path: Path) -> None:
    rows = np.nan_to_num(ROWS)
    estimator = GradientBoostingClassifier(n_estimators=10, random_state=0)
    estimator.fit(rows, FAILED)
    parts = replace(make_parts(), estimator=estimator, test_rows=rows[:20])

    bundle = _written(parts, tmp_path)

    expected = estimator.decision_function(rows)
    np.testing.assert_allclose(bundle.logit(rows), expected, rtol=0, atol=1e-9)
    assert not bundle.manifest.takes_missing
    assert "knows no unknown values" in bundle.card
    assert np.isfinite(bundle.probability(np.full((1, 4), nan))).all()


def test_a_forest_on_a_few_telling_columns_makes_a_bundle(tmp_path: Path) -> None:
    """Most columns of a poor history are empty; `grow` leaves them out."""
    rows = ROWS.copy()
    rows[:, 30:] = np.nan
    parts = replace(
        make_parts(), estimator=grow(rows, FAILED, RECIPE), test_rows=rows[:20]
    )

    bundle = _written(parts, tmp_path)

    filled = np.where(np.isnan(rows), np.float32(7), rows)
    assert bundle.logit(rows).tolist() != bundle.logit(filled).tolist()
    filled[:, :30] = rows[:, :30]
    assert bundle.logit(rows).tolist() == bundle.logit(filled).tolist()


def test_no_forest_is_no_bundle(tmp_path: Path) -> None:
    _refuses(replace(make_parts(), estimator=None), tmp_path, "gather more history")


def test_an_estimator_of_another_width_is_refused(tmp_path: Path) -> None:
    estimator = HistGradientBoostingClassifier(max_iter=2).fit(ROWS[:, :5], FAILED)

    why = rf"has {CATALOG.width} columns, the estimator was fitted on 5"
    _refuses(replace(make_parts(), estimator=estimator), tmp_path, why)


@pytest.mark.parametrize("rows", [np.zeros((1, 4)), np.zeros(CATALOG.width)])
def test_test_rows_of_another_width_are_refused(
    tmp_path: Path, rows: np.ndarray
) -> None:
    parts = replace(make_parts(), test_rows=rows.astype(np.float32))

    _refuses(parts, tmp_path, "the test rows have shape")


def test_without_test_rows_nothing_is_compared_and_nothing_written(
    tmp_path: Path,
) -> None:
    trees = Trees(checkpoint_of(HistGradientBoostingClassifier().fit(ROWS, FAILED)))

    with pytest.raises(BundleError, match="there are no test rows"):
        check_equal(trees, make_parts().estimator, ROWS[:0])  # type: ignore[arg-type]
    _refuses(replace(make_parts(), test_rows=ROWS[:0]), tmp_path, "no test rows")


def test_trees_that_answer_otherwise_are_refused_by_row(tmp_path: Path) -> None:
    estimator = _Drifting(max_iter=10).fit(ROWS, FAILED)
    red = int(np.argmax(estimator.decision_function(ROWS) > 0))
    parts = replace(make_parts(), estimator=estimator, test_rows=ROWS)

    why = rf"on row {red} the trees say .* they may differ by 1e-09"
    _refuses(parts, tmp_path, why)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"calibration": Calibration(Platt(nan, 0.0))}, r"calibration\.json would not"),
        ({"confidence_cut": nan}, r"manifest\.json would be read as"),
    ],
)
def test_a_number_json_cannot_keep_is_refused(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    _refuses(make_parts(**changed), tmp_path, why)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(BundleError, match=r"holds notes\.txt already"):
        write_bundle(make_parts(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_time_without_an_offset_is_read_as_utc(tmp_path: Path) -> None:
    naive = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - the case in question

    manifest = _written(make_parts(created_at=naive), tmp_path).manifest

    assert manifest.created_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_no_cut_is_kept_and_said(tmp_path: Path) -> None:
    bundle = _written(make_parts(confidence_cut=None), tmp_path)

    assert bundle.confidence_cut is None
    assert "abstains from every yes or no" in " ".join(bundle.card.split())


def test_undefined_metrics_are_dashes_in_the_card(tmp_path: Path) -> None:
    evaluation = make_parts().evaluation
    scores = msgspec.structs.replace(evaluation.model.pooled, roc_auc=None)
    standing = msgspec.structs.replace(evaluation.model, pooled=scores)
    evaluation = msgspec.structs.replace(evaluation, model=standing)

    card = _written(make_parts(evaluation=evaluation), tmp_path).card

    assert "| roc_auc | – | 0." in card


def _written(parts: BundleParts, folder: Path) -> Bundle:
    sha256 = write_bundle(parts, folder)
    return load_bundle(folder, expected_manifest_sha256=sha256)


def _refuses(parts: BundleParts, folder: Path, why: str) -> None:
    """Refused, and nothing left behind that could be taken for a bundle."""
    with pytest.raises(BundleError, match=why):
        write_bundle(parts, folder)
    assert list(folder.iterdir()) == []
