"""A small made-up table, and the parts of a bundle taught by it."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np

from breakcast.features.columns import catalog_of
from breakcast.features.table import Table
from breakcast.model.bundlewriting import BundleParts
from breakcast.model.calibration import Calibration, Offset, Platt
from breakcast.model.estimator import Recipe, grow
from breakcast.model.evaluation import evaluate
from breakcast.model.manifest import DataWindow
from breakcast.model.priors import prior_of
from breakcast.model.reference import reference_of
from tests.model.made_up import make_forecasts

CREATED_AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
RECIPE = Recipe(trees=12, leaves=7, fewest_in_leaf=5)
CATALOG = catalog_of(signals=("sloc",), results=("tests_failed",))


def make_table(builds: int = 600, *, repos: int = 4, seed: int = 0) -> Table:
    """Builds whose chance of red follows from the headline; a tenth is unlabelled."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 3, (builds, CATALOG.width)).astype(np.float32)
    rows[:, :4] = rng.random((builds, 4))
    for name in ("is_pull_request", "is_push", "is_scheduled", "is_main_branch"):
        flags = rng.integers(0, 2, builds)
        rows[:, CATALOG.column(f"change.{name}")] = flags
    rows[rng.random(rows.shape) < 0.2] = np.nan
    chance = np.nan_to_num(rows[:, 0] + rows[:, 1], nan=0.6) / 2
    failed = (rng.random(builds) < chance).astype(np.float64)
    failed[rng.random(builds) < 0.1] = np.nan
    started_at = 1.75e9 + np.sort(rng.uniform(0, 30 * 86_400, builds))
    return Table(
        catalog=CATALOG,
        rows=rows,
        failed=failed,
        started_at=started_at,
        known_at=np.where(np.isnan(failed), np.nan, started_at + 600),
        minutes=np.full(builds, 10.0),
        repo=rng.integers(0, repos, builds),
        repo_names=tuple(f"acme/repo-{number}" for number in range(repos)),
        build_ids=np.arange(builds).astype(str),
    )


def make_parts(**changed: Any) -> BundleParts:  # noqa: ANN401 - whatever a test wants
    """All a bundle is made of; `changed` replaces made parts."""
    return BundleParts(**(_made() | changed))


@cache
def _made() -> dict[str, Any]:
    table = make_table()
    labelled = ~np.isnan(table.failed)
    test = make_forecasts(400)
    return {
        "estimator": grow(table.rows[labelled], table.failed[labelled] > 0, RECIPE),
        "catalog": CATALOG,
        "calibration": Calibration(
            Platt(1.25, -0.125), {"acme/repo-0": Offset(surplus=3.0, weight=5.0)}
        ),
        "evaluation": evaluate(test, test, resamples=5),
        "prior": prior_of(table),
        "reference": reference_of(table, np.full(len(table), 0.25)),
        "recipe": RECIPE,
        "ledger_position": 1_234,
        "taught_before": None,
        "terms": {"target_accuracy": 0.88},
        "window": DataWindow(
            first_at=datetime(2025, 6, 1, tzinfo=UTC),
            last_at=datetime(2025, 7, 1, tzinfo=UTC),
            builds=540,
            repos=4,
        ),
        "confidence_cut": 0.75,
        "test_rows": table.rows[-50:],
        "created_at": CREATED_AT,
    }
