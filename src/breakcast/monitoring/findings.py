"""
Data quality: what is wrong or strange about data, whatever chance says of it.

These findings are apart from drift: a column that broke is to be mended, and until it
is, no model must be taught by it.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from breakcast.model.sketches import Grid, Sketch, Window
from breakcast.monitoring.driftreport import Finding

FEWEST_ROWS: Final = 20
"""Rows that a share is spoken of, at the least."""

_MORE_MISSING = 0.1
_ALL_BUT_MISSING = 0.95
_OUTSIDE = 0.01
_MANY_UNSEEN = 0.5
_MOSTLY_ONE = 0.9


def findings_of(
    grid: Grid,
    current: Window,
    *,
    absent: Iterable[str] = (),
    added: Iterable[str] = (),
    unreadable: Iterable[str] = (),
) -> tuple[Finding, ...]:
    """
    Look through the columns of some rows.

    Args:
        grid: What the baseline looked like.
        current: The rows.
        absent: The baseline's columns that the rows do not have.
        added: Columns that the baseline does not have.
        unreadable: Columns that hold something else than in the baseline.
    """
    gone = {*absent, *unreadable}
    found = [
        Finding(
            kind="absent_column",
            column=name,
            blocks=True,
            words=f"{name} is not there any more",
        )
        for name in absent
    ]
    found += [
        Finding(kind="new_column", column=name, words=f"{name} was not in the baseline")
        for name in added
    ]
    found += [
        Finding(
            kind="unreadable",
            column=name,
            blocks=True,
            words=f"{name} cannot be read as what it was in the baseline",
        )
        for name in unreadable
    ]
    if current.rows >= FEWEST_ROWS:
        for column, (name, sketch) in enumerate(
            zip(grid.names, grid.sketches, strict=True)
        ):
            if name not in gone:
                counts = current.counts[grid.bins(column)]
                found += _of_column(name, sketch, counts.tolist(), current.rows)
    return tuple(found)


def _of_column(
    name: str, sketch: Sketch, counts: list[int], rows: int
) -> Iterable[Finding]:
    known = sum(counts)
    missing = (rows - known) / rows
    if missing - sketch.missing_share >= _MORE_MISSING:
        yield Finding(
            kind="missing",
            column=name,
            share=missing,
            blocks=missing >= _ALL_BUT_MISSING and sketch.missing_share < _MANY_UNSEEN,
            words=f"{name} is unknown in {missing:.0%} of the rows, "
            f"{sketch.missing_share:.0%} before",
        )
    if known < FEWEST_ROWS or not sum(sketch.counts):
        return
    # Beyond the edges many values share a bin: what counts on and on ends up there.
    inner = [count for count, was in zip(counts, sketch.counts, strict=True) if was]
    if max(inner) == known and sketch.lump < _MOSTLY_ONE:
        yield Finding(
            kind="constant",
            column=name,
            share=1.0,
            blocks=True,
            words=f"{name} has the same value, or nearly, in all {known} rows",
        )
    seen = np.array(sketch.counts) > 0
    strange = sum(np.array(counts)[~seen].tolist()) / known
    if sketch.is_category and strange > 0:
        yield Finding(
            kind="unseen_category",
            column=name,
            share=strange,
            blocks=strange >= _MANY_UNSEEN,
            words=f"{name} has words never seen before in {strange:.1%} of the rows",
        )
    elif strange >= _OUTSIDE:
        yield Finding(
            kind="out_of_range",
            column=name,
            share=strange,
            words=f"{name} lies outside of {sketch.edges[0]:.6g} to "
            f"{sketch.edges[-1]:.6g} in {strange:.1%} of the rows",
        )
