"""
What the features and forecasts looked like in training: drift's other half.

Kept as counts by bin and by window of time, never as rows: enough to say how far a
day's builds are from those the model was taught by, and how much such days differ.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breakcast.errors import BadInput
from breakcast.model.errorblocks import ErrorBlocks, error_blocks
from breakcast.model.forecasts import Floats, Ints
from breakcast.model.sketches import Grid, Packed, Sketch, sketch_of

if TYPE_CHECKING:
    from breakcast.features.table import Table

DAY: Final = 86_400
WEEK: Final = 7 * DAY
MOST_WINDOWS: Final = 84
"""The newest windows that are kept: twelve weeks of days."""
FEWEST_WINDOWS: Final = 56
"""Windows that it takes to say how much windows differ: eight weeks of days."""
FEWEST_ROWS: Final = 100
"""Rows of a window that counts."""

_MONDAY = 4 * DAY
"""The first Monday after 1970 began."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """
    Columns over some time: each one's sketch by name, and windows in their bins.

    `window_seconds` is how long a window is: a day, or a week where days have too few
    rows.
    """

    columns: dict[str, Sketch]
    window_seconds: int
    windows: tuple[Packed, ...]


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """
    What training looked like.

    Attributes:
        builds: How many builds it was taken from.
        inputs: Every feature.
        scores: The calibrated probability of builds the forest had not seen.
        errors: How wrong that was, in blocks of builds.
    """

    builds: int
    inputs: Baseline
    scores: Baseline
    errors: ErrorBlocks


def reference_of(table: "Table", probability: Floats) -> Reference:
    """
    Sketch every feature of a table, and the forecasts for its builds.

    Args:
        table: The builds a model is compared with later on.
        probability: Calibrated forecasts, shape (n,); NaN where there is none.

    Raises:
        BadInput: If there is not one forecast a build.
    """
    if probability.shape != (len(table),):
        message = (
            f"the table has {len(table)} builds, the forecasts have shape "
            f"{probability.shape}; give one a build, NaN where there is none"
        )
        raise BadInput(message)
    seconds = table.started_at.astype(np.int64)
    scored = ~np.isnan(probability)
    judged = np.flatnonzero(scored & ~np.isnan(table.failed))
    judged = judged[np.argsort(table.known_at[judged], kind="stable")]
    return Reference(
        builds=len(table),
        inputs=baseline_of(table.catalog.names, table.rows, seconds),
        scores=baseline_of(
            (SCORE,), probability[scored][:, np.newaxis], seconds[scored]
        ),
        errors=error_blocks(table.failed[judged] > 0, probability[judged]),
    )


SCORE: Final = "probability"
"""The one column of scores."""


def baseline_of(
    names: Sequence[str], rows: NDArray[np.floating], seconds: Ints
) -> Baseline:
    """
    Sketch columns, window by window, over the newest time that has enough windows.

    Args:
        names: The columns.
        rows: Their values, shape (n, columns); NaN is unknown.
        seconds: When each row was, since 1970, shape (n,).
    """
    length, begins = _newest(seconds)
    newest = np.flatnonzero(np.isin(starts_of(seconds, length), begins))
    # One column at a time: all of them in double precision would be a table twice.
    columns = [rows[newest, at] for at in range(len(names))]
    sketches = {
        name: sketch_of(column) for name, column in zip(names, columns, strict=True)
    }
    grid = Grid(sketches)
    windows = grid.windows(grid.codes(columns), starts_of(seconds[newest], length))
    return Baseline(
        columns=sketches,
        window_seconds=length,
        windows=tuple(map(grid.packed, windows)),
    )


def _newest(seconds: Ints) -> tuple[int, Ints]:
    """Choose days, or else weeks: the newest that have enough rows; all, if few do."""
    for length in (DAY, WEEK):
        begins, rows = np.unique(starts_of(seconds, length), return_counts=True)
        full = begins[rows >= FEWEST_ROWS][-MOST_WINDOWS:]
        if len(full) >= FEWEST_WINDOWS:
            return length, full.astype(np.int64)
    begins = np.unique(starts_of(seconds, DAY)).astype(np.int64)
    return DAY, begins[-MOST_WINDOWS:]


def starts_of(seconds: Ints, length: int) -> Ints:
    """
    Give the start of the window each time lies in; weeks begin on Mondays.

    >>> starts_of(np.array([0, DAY - 1, DAY]), DAY).tolist()
    [0, 0, 86400]
    """
    return (seconds - _MONDAY) // length * length + _MONDAY


def weekday(starts_at: int) -> int:
    """Give the day of the week of a day that starts then; Monday is 0."""
    return (starts_at - _MONDAY) % WEEK // DAY
