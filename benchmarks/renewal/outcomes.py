"""What a journey came to: how right, how soon recovered, how often mistaken."""

from typing import Any, Final

import numpy as np

from benchmarks.renewal.strategies import Journey, Promoted
from benchmarks.renewal.worlds import DAY, World
from breakcast.model.split import is_labelled

AHEAD_DAYS: Final = 28
"""A promotion is judged by so many days after it, or until the rules change."""
POINT_DAYS: Final = 14


def outcome(world: World, journey: Journey) -> dict[str, Any]:
    """Measure a journey by what happened."""
    table = world.table
    judged = is_labelled(table) & ~np.isnan(journey.said)
    failed, said = table.failed[judged] > 0, journey.said[judged]
    right = (said > 0.5) == failed
    square = (said - failed) ** 2
    day = ((table.started_at[judged] - world.starts_at) // DAY).astype(int)
    points = day // POINT_DAYS
    count = np.maximum(np.bincount(points), 1)
    return {
        "world": world.name,
        "strategy": journey.name,
        "builds": int(judged.sum()),
        "accuracy": float(right.mean()),
        "brier": float(square.mean()),
        "retrains": journey.retrains,
        "promoted": len(journey.promoted),
        "refused": journey.refused,
        "false": sum(_is_false(world, one) for one in journey.promoted),
        "recovered": [_recovered(world, journey, at) for at in world.changes],
        "points_days": POINT_DAYS,
        "accuracy_by_point": (np.bincount(points, right) / count).round(4).tolist(),
    }


def _ahead(world: World, since: float) -> np.ndarray:
    until = min([at for at in world.changes if at > since] + [since + AHEAD_DAYS * DAY])
    started_at = world.table.started_at
    return is_labelled(world.table) & (started_at >= since) & (started_at < until)


def _is_false(world: World, one: Promoted) -> bool:
    """Tell whether a promotion made forecasts of the weeks after it worse."""
    ahead = _ahead(world, one.at)
    failed = world.table.failed[ahead] > 0
    new, old = (
        float(((model.said[ahead] - failed) ** 2).mean()) if ahead.any() else 0.0
        for model in (one.model, one.former)
    )
    return new > old


def _recovered(world: World, journey: Journey, changed_at: float) -> float | None:
    """
    Say after how many days a model answers that knows the new rules.

    That is one which gets back half of what the change cost, or more: of the Brier
    score of the model from before, less that of the last one before the next change.
    """
    ends_at = min([at for at in world.changes if at > changed_at] + [np.inf])
    within = [one for one in journey.promoted if changed_at < one.at < ends_at]
    if not within:
        return None
    started_at = world.table.started_at
    span = (
        is_labelled(world.table)
        & (started_at >= within[-1].at)
        & (started_at < ends_at)
    )
    if not span.any():
        return None
    failed = world.table.failed[span] > 0

    def brier(said: np.ndarray) -> float:
        return float(((said[span] - failed) ** 2).mean())

    before, best = brier(within[0].former.said), brier(within[-1].model.said)
    for one in within:
        if before - brier(one.model.said) >= (before - best) / 2:
            return (one.at - changed_at) / DAY
    return None
