"""Whom the gate lets through: challengers that are no better, and sabotaged ones."""

from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec.structs import replace as with_

from benchmarks.renewal.judging import verdict_on
from benchmarks.renewal.models import RECIPE, Model, taught
from benchmarks.renewal.worlds import plain_history
from breakcast.features.table import Table
from breakcast.model.split import is_labelled
from breakcast.retraining.tolerances import Tolerances
from breakcast.retraining.window import newest_window

BUILDS: Final = 8_000
NOISE: Final = 0.2
"""The share of labels that are turned round."""
STALE: Final = 3
"""Stale data end at this part of the history."""
SABOTAGE: Final = ("labels", "column", "stale")


TOLERANCES: Final = Tolerances()


class Asked(NamedTuple):
    """A history, and how many challengers of each kind are judged on it."""

    seed: int
    nulls: int
    sabotaged: int


def judged(asked: Asked) -> list[dict[str, Any]]:
    """Train a champion and its challengers on one history, and judge each."""
    table = plain_history(BUILDS, asked.seed)
    window = newest_window(table, 0.0, TOLERANCES)
    before = table.before(window.starts_at)
    champion = _taught(before, table, window.starts_at, seed=1_000)
    found = []
    for number in range(asked.nulls):
        challenger = _taught(before, table, window.starts_at, seed=number)
        found.append(_row("null", asked, table, challenger, champion))
    for number in range(asked.sabotaged):
        kind = SABOTAGE[number % len(SABOTAGE)]
        rng = np.random.default_rng([asked.seed, number])
        spoilt = _spoilt(kind, before, champion, rng)
        challenger = _taught(spoilt, table, window.starts_at, seed=number)
        found.append(_row(kind, asked, table, challenger, champion))
    return found


def _row(
    kind: str, asked: Asked, table: Table, challenger: Model, champion: Model
) -> dict[str, Any]:
    window = newest_window(table, 0.0, TOLERANCES)
    verdict = verdict_on(table, window, challenger, champion, TOLERANCES)
    gain = next(check for check in verdict.checks if check.name.startswith("surely"))
    return {
        "seed": asked.seed,
        "kind": kind,
        "is_promoted": not verdict.failed,
        "sure_gain": gain.value,
        "judged": int(verdict.checks[0].value or 0),
    }


def _taught(table: Table, whole: Table, at: float, *, seed: int) -> Model:
    model = taught(table, whole, at, recipe=with_(RECIPE, seed=seed))
    if model is None:
        message = f"{len(table)} builds are too few to teach a challenger"
        raise ValueError(message)
    return model


def _spoilt(
    kind: str, table: Table, champion: Model, rng: np.random.Generator
) -> Table:
    """Spoil what teaches: its labels, its most important column, or its age."""
    if kind == "labels":
        turned = is_labelled(table) & (rng.random(len(table)) < NOISE)
        return replace(table, failed=np.where(turned, 1 - table.failed, table.failed))
    if kind == "column":
        rows = table.rows.copy()
        column = _most_used(champion)
        rows[:, column] = rng.permutation(rows[:, column])
        return replace(table, rows=rows)
    return table.before(float(table.started_at[len(table) // STALE]))


def _most_used(model: Model) -> int:
    """Name the column that most of the trees' first cuts are on."""
    forest = model.parts.estimator
    firsts = [
        int(tree.nodes["feature_idx"][0])
        for trees in forest._predictors  # type: ignore[union-attr]  # noqa: SLF001
        for tree in trees
    ]
    return int(np.bincount(firsts).argmax())
