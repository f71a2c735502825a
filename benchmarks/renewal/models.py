"""A model as the benchmarks need it: all that it says of a whole history, at once."""

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from breakcast.errors import NotEnoughHistory
from breakcast.features.table import Table
from breakcast.model.bundlewriting import BundleParts
from breakcast.model.estimator import Recipe
from breakcast.model.forecasts import Floats
from breakcast.model.judge import Terms
from breakcast.model.train import train

RECIPE = Recipe(trees=40, learning_rate=0.15)
"""A fifth of the trees, each learning four times as fast: a year in minutes."""


class Model(NamedTuple):
    """
    A trained model.

    Attributes:
        parts: As `train` made it.
        said: P(red) of every build of the history, as it would be served; (n,).
        trained_at: When, in seconds since 1970.
    """

    parts: BundleParts
    said: Floats
    trained_at: float

    @property
    def known_until(self) -> float:
        """What became known later is new to it."""
        known = self.parts.window.known_until
        return known.timestamp() if known is not None else self.trained_at


def taught(
    table: Table,
    whole: Table,
    at: float,
    before: float | None = None,
    recipe: Recipe = RECIPE,
) -> Model | None:
    """
    Train as `retrain` does; None if there is too little to learn from.

    Args:
        table: What teaches: what is known by `at`.
        whole: The history it is asked about.
        at: When it is trained.
        before: What became known from then on is kept from it.
        recipe: How.
    """
    try:
        parts = train(
            table,
            Terms(),
            ledger_position=0,
            created_at=datetime.fromtimestamp(at, UTC),
            taught_before=datetime.fromtimestamp(before, UTC) if before else None,
            recipe=recipe,
        )
    except NotEnoughHistory:
        return None
    return Model(parts, forecast(parts, whole), at)


def forecast(parts: BundleParts, table: Table) -> Floats:
    """Say P(red) of every build of a table, as the bundle would; shape (n,)."""
    if parts.estimator is None:
        message = "there is no forest to ask"
        raise NotEnoughHistory(message)
    logit = parts.calibration.platt(
        np.asarray(parts.estimator.decision_function(table.rows), np.float64)
    )
    offsets = np.array(
        [
            offset.value if (offset := parts.calibration.offsets.get(name)) else 0.0
            for name in table.repo_names
        ]
    )
    said: Floats = expit(logit + offsets[table.repo])
    return said
