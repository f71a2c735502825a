"""
Sketches: what columns looked like over some rows, in counts that add up.

A column is cut once, by a baseline, into at most 64 bins of about equal count,
between one bin for all below the smallest value seen and one for all above the
greatest. Every window of rows is then counted in the same bins: enough to say how far
a day is from others, too little to tell what any row was. Windows merge by adding.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from breakcast.model.forecasts import Floats, Ints

BINS = 64
"""How many parts of equal count a column is cut into, as far as its ties allow."""
RELATED = 40
"""Of so many columns, at the most, a window keeps how they move together."""

_MISSING = 255
_LUMPY = 0.5
_MANY, _FEW_EDGES = 10_000, 8
_CELLS = 65_536

Codes = NDArray[np.uint8]
"""Which bin each value lies in, 255 where it is unknown; shape (rows, columns)."""


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """
    One column of a baseline: how many values lie in each bin, how many are unknown.

    Bin i holds the values x with `edges[i - 1] < x <= edges[i]`: the first those below
    the range, the last those above it; none, in the baseline itself, but infinities.

    >>> flags = sketch_of(np.array([0, 0, 1, np.nan]))
    >>> flags.counts, flags.missing, flags.edges[1:]
    ((0, 2, 1, 0), 1, (0.0, 1.0))
    """

    rows: int
    missing: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    is_category: bool = False

    @property
    def missing_share(self) -> float:
        """Share of the rows whose value is unknown; 0 without rows."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def lump(self) -> float:
        """Share of the known values that lie in the fullest bin; 1 without any."""
        known = sum(self.counts)
        return max(self.counts) / known if known else 1.0


def sketch_of(values: NDArray[np.floating], *, is_category: bool = False) -> Sketch:
    """
    Cut values into bins of about equal count; edges are values that occur.

    Args:
        values: One column, shape (n,); NaN is unknown.
        is_category: Whether the numbers only stand for words: each is a bin then.
    """
    column = values.astype(np.float64)
    finite = np.sort(column[np.isfinite(column)])
    edges = np.empty(0)
    if len(finite) and is_category:
        edges = np.unique(finite)
    elif len(finite):
        ranks = np.ceil(np.arange(1, BINS + 1) / BINS * len(finite)).astype(np.int64)
        with np.errstate(over="ignore"):
            below = np.nextafter(finite[:1], -np.inf)
        edges = np.unique(np.r_[below[np.isfinite(below)], finite[ranks - 1]])
    codes = _coded(column, edges)
    counts = np.bincount(codes[codes != _MISSING], minlength=len(edges) + 1)
    return Sketch(
        rows=len(column),
        missing=int(np.isnan(column).sum()),
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        is_category=is_category,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """
    Some rows, counted: those of a day, say.

    Attributes:
        starts_at: When the window begins, in seconds since 1970; smallest when merged.
        rows: How many rows.
        counts: How many values lie in each bin, all columns' bins in a row.
        missing: How many are unknown, one a column.
        sums: Sums of the related columns' scores, shape (related,).
        products: Sums of their products in pairs, shape (related, related).
    """

    starts_at: int
    rows: int
    counts: Ints
    missing: Ints
    sums: Floats
    products: Floats

    def __add__(self, other: Self) -> "Window":
        """Merge two windows of one grid."""
        return Window(
            min(self.starts_at, other.starts_at),
            self.rows + other.rows,
            self.counts + other.counts,
            self.missing + other.missing,
            self.sums + other.sums,
            self.products + other.products,
        )


class Packed(msgspec.Struct, frozen=True):
    """A window as it is kept: its counts, small, in bytes."""

    starts_at: int
    rows: int
    counts: bytes
    sums: bytes


class Grid:
    """
    The bins of all columns of a baseline, side by side.

    Args:
        sketches: One a column, by its name.

    Attributes:
        names: The columns, in order.
        starts: Where each column's bins begin among all; and one more, their number.
        scores: What each bin counts as: the normal score of its middle rank in the
            baseline, so that a heavy tail weighs no more than any other.
        related: The columns of which windows keep how they move together: numbers
            that are not mostly one value, the finest first.

    >>> grid = Grid({"minutes": sketch_of(np.arange(100.0))})
    >>> window = grid.window(grid.codes([np.array([-1.0, 50.0, 500.0, np.nan])]))
    >>> window.rows, window.missing.tolist(), window.counts[[0, -1]].tolist()
    (4, [1], [1, 1])
    """

    def __init__(self, sketches: dict[str, Sketch]) -> None:
        self.names = tuple(sketches)
        self.sketches = tuple(sketches.values())
        self._edges = [np.array(one.edges, np.float64) for one in self.sketches]
        widths = [len(one.counts) for one in self.sketches]
        self.starts = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
        fine = [
            column
            for column, one in enumerate(self.sketches)
            if not one.is_category and one.lump < _LUMPY
        ]
        fine.sort(key=lambda column: -widths[column])
        self.related = np.sort(np.array(fine[:RELATED], np.int64))

    @cached_property
    def scores(self) -> Floats:
        """Each bin's score, all columns' bins in a row."""
        parts = [_scores(np.array(one.counts, np.float64)) for one in self.sketches]
        return np.concatenate(parts) if parts else np.empty(0)

    def bins(self, column: int) -> slice:
        """Where a column's bins are among all."""
        return slice(int(self.starts[column]), int(self.starts[column + 1]))

    def codes(self, columns: Sequence[NDArray[np.floating]]) -> Codes:
        """
        Say which bin each value lies in, shape (rows, columns).

        Args:
            columns: One a column of this grid, all of one length; NaN is unknown.
        """
        rows = len(columns[0]) if columns else 0
        codes = np.empty((rows, len(columns)), np.uint8, order="F")
        for at, (column, edges) in enumerate(zip(columns, self._edges, strict=True)):
            codes[:, at] = _coded(column, edges)
        return codes

    def window(self, codes: Codes, starts_at: int = 0) -> Window:
        """Count rows, given as `codes`."""
        wide = np.zeros(int(self.starts[-1]), np.int64)
        missing = np.zeros(len(self.names), np.int64)
        for column in range(len(self.names)):
            found = np.bincount(codes[:, column], minlength=_MISSING + 1)
            place = self.bins(column)
            wide[place] = found[: place.stop - place.start]
            missing[column] = found[_MISSING]
        scored = self._scored(codes)
        return Window(
            starts_at,
            len(codes),
            wide,
            missing,
            scored.sum(axis=0, dtype=np.float64),
            (scored.T @ scored).astype(np.float64),
        )

    def windows(self, codes: Codes, starts_at: Ints) -> list[Window]:
        """
        Count rows window by window, in the order of time.

        Args:
            codes: The rows.
            starts_at: When each row's window begins, shape (rows,).
        """
        order = np.argsort(starts_at, kind="stable")
        begins, first = np.unique(starts_at[order], return_index=True)
        ends = [*first[1:].tolist(), len(order)]
        return [
            self.window(codes[order[start:end]], int(at))
            for at, start, end in zip(begins, first, ends[: len(begins)], strict=True)
        ]

    def packed(self, window: Window) -> Packed:
        """Pack a window to be kept."""
        upper = np.triu_indices(len(self.related))
        return Packed(
            window.starts_at,
            window.rows,
            zlib.compress(np.r_[window.missing, window.counts].astype("<u4").tobytes()),
            np.r_[window.sums, window.products[upper]].astype("<f4").tobytes(),
        )

    def unpacked(self, packed: Packed) -> Window:
        """
        Unpack a window.

        Raises:
            ValueError: If it is of another grid, or damaged.
        """
        try:
            counts = np.frombuffer(zlib.decompress(packed.counts), "<u4")
        except zlib.error as error:
            message = f"the counts of a window are damaged: {error}"
            raise ValueError(message) from error
        sums = np.frombuffer(packed.sums, "<f4").astype(np.float64)
        columns, related = len(self.names), len(self.related)
        upper = np.triu_indices(related)
        wanted = columns + int(self.starts[-1]), related + len(upper[0])
        if (len(counts), len(sums)) != wanted:
            message = (
                f"a window of {len(counts)} counts and {len(sums)} sums is not of this "
                f"grid, which has {wanted[0]} and {wanted[1]}"
            )
            raise ValueError(message)
        products = np.zeros((related, related))
        products[upper] = sums[related:]
        products.T[upper] = sums[related:]
        return Window(
            packed.starts_at,
            packed.rows,
            counts[columns:].astype(np.int64),
            counts[:columns].astype(np.int64),
            sums[:related],
            products,
        )

    def _scored(self, codes: Codes) -> NDArray[np.float32]:
        scored = np.empty((len(codes), len(self.related)), np.float32)
        for at, column in enumerate(self.related.tolist()):
            # Unknown counts as the middle.
            table = np.zeros(_MISSING + 1, np.float32)
            score = self.scores[self.bins(column)]
            table[: len(score)] = score
            scored[:, at] = table[codes[:, column]]
        return scored


def _coded(values: NDArray[np.floating], edges: Floats) -> Codes:
    # In the edges' own precision: cells of others would be rounded otherwise.
    column = values.astype(np.float64, copy=False)
    codes = np.empty(len(column), np.uint8)
    missing = np.isnan(column)
    known = column[~missing] if missing.any() else column
    if len(known) >= _MANY and len(edges) > _FEW_EDGES:
        codes[~missing] = _searched_by_cells(known, edges)
    else:
        codes[~missing] = np.searchsorted(edges, known, side="left")
    codes[missing] = _MISSING
    return codes


def _searched_by_cells(column: Floats, edges: Floats) -> Codes:
    """
    Search for many values at once, several times as quickly as one by one.

    The range is cut into cells of equal width. In a cell without an edge all values
    have the same bin; only what shares a cell with an edge is searched for.
    """
    # Not the first edge: it lies a hair below the smallest value.
    low, high = float(edges[1]), float(edges[-1])
    with np.errstate(over="ignore", divide="ignore"):
        scale = (_CELLS - 1) / (high - low)
    if not 0.0 < scale < np.inf:
        return np.searchsorted(edges, column, side="left").astype(np.uint8)

    def cell(values: Floats) -> NDArray[np.int32]:
        # Rises with the value, whatever is rounded: no value passes an edge's cell.
        cells = (np.clip(values, low, high) - low) * scale
        return np.asarray(cells.astype(np.int32))

    held = np.bincount(cell(edges), minlength=_CELLS)
    bins = np.cumsum(held).astype(np.uint8)
    bins[held > 0] = _MISSING
    codes = bins[cell(column)]
    unclear = np.flatnonzero(codes == _MISSING)
    codes[unclear] = np.searchsorted(edges, column[unclear], side="left")
    return codes


def _scores(counts: Floats) -> Floats:
    """
    Give the bins' normal scores; mean 0 and spread 1 in the baseline.

    What is beyond the range counts as the end of it: how much lies there is looked at
    by itself, and would outweigh all else here.
    """
    from scipy.special import ndtri  # noqa: PLC0415 - a server needs no scores

    known = counts.sum()
    if not known:
        return np.zeros_like(counts)
    middle = (np.cumsum(counts) - counts / 2) / known
    filled = np.flatnonzero(counts)
    scores = ndtri(np.clip(middle, middle[filled[0]], middle[filled[-1]]))
    scores -= (counts @ scores) / known
    spread = np.sqrt((counts @ scores**2) / known)
    return np.asarray(scores / spread if spread > 0 else scores, np.float64)
