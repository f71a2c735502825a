"""
The window a gate judges on: the newest outcomes that nobody judged was taught by.

It is chosen before a candidate is trained, and kept from it. Builds that started so
recently that many like them still run are left out: of those only the quick ones have
ended, and quick ones are another kind.
"""

from typing import Final, NamedTuple

import numpy as np

from breakcast.features.table import Table
from breakcast.model.forecasts import Bools
from breakcast.model.split import is_labelled
from breakcast.retraining.tolerances import Tolerances

DAY: Final = 86_400
_SETTLED: Final = 0.95
_DELAYS: Final = 500


class Window(NamedTuple):
    """Builds that started from a time on and by a time, in seconds since 1970."""

    starts_at: float
    ends_at: float


def settled_until(table: Table) -> float:
    """Say up to which start 95 of 100 builds have ended by now; in seconds."""
    labelled = np.flatnonzero(is_labelled(table))
    if not len(labelled):
        return -np.inf
    known_at, started_at = table.known_at[labelled], table.started_at[labelled]
    newest = np.argsort(known_at, kind="stable")[-_DELAYS:]
    delay = np.quantile(known_at[newest] - started_at[newest], _SETTLED)
    return float(known_at.max() - delay)


def judged_in(table: Table, window: Window) -> Bools:
    """Mark the labelled builds of a window."""
    started_at = table.started_at
    return (
        is_labelled(table)
        & (started_at >= window.starts_at)
        & (started_at <= window.ends_at)
    )


def newest_window(table: Table, new_since: float, tolerances: Tolerances) -> Window:
    """
    Choose the newest builds that suffice to judge, all of them new to the champion.

    Args:
        table: The history.
        new_since: What became known by then the champion was taught; in seconds.
        tolerances: How many builds, and how many days, it takes.

    Returns:
        The window; it is empty, or too small, if there are not enough.
    """
    ends_at = settled_until(table)
    new = judged_in(table, Window(np.nextafter(new_since, np.inf), ends_at))
    started_at = table.started_at[new]
    if not len(started_at):
        return Window(ends_at, ends_at)
    enough = started_at[-min(tolerances.builds, len(started_at))]
    long_enough = ends_at - tolerances.days * DAY
    first = started_at[np.searchsorted(started_at, min(enough, long_enough))]
    return Window(float(first), ends_at)


def lacks(table: Table, window: Window, tolerances: Tolerances) -> str | None:
    """Say what a window lacks to be judged on; None if nothing."""
    builds = int(judged_in(table, window).sum())
    if builds < tolerances.builds:
        return (
            f"{builds} settled outcomes are new to all that are judged; it takes "
            f"{tolerances.builds}"
        )
    days = (window.ends_at - window.starts_at) / DAY
    # A night without builds may lie before the first one.
    if days < tolerances.days - 1:
        return (
            f"the outcomes that are new to all that are judged reach {days:.1f} days "
            f"back; it takes {tolerances.days:g}"
        )
    return None
