"""
Columns out of whatever a caller has: arrays, data frames, mappings of columns.

Nothing is refused: what cannot be read as numbers is read as words, and what cannot
be read at all is named. No data frame library is imported; pandas, Polars and
PyArrow are known by their manners.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breakcast.model.forecasts import Floats, Ints

Words = dict[str, int]
"""Words of a category, each with the number that stands for it."""

MOST_WORDS = 60
"""Words that are told apart; all others count as one."""
NEVER = int(np.iinfo(np.int64).min)
"""Stands for no time."""

_MATRIX = 2
_NUMBERS = "biuf"


class Frame(NamedTuple):
    """
    Columns by name, all of one length.

    Attributes:
        rows: How many rows.
        numbers: Columns that hold numbers, NaN where unknown.
        words: Columns that hold anything else, None where unknown.
        unreadable: Names of what could not be read.
    """

    rows: int
    numbers: dict[str, Floats]
    words: dict[str, list[str | None]]
    unreadable: tuple[str, ...] = ()


def read_frame(given: object) -> Frame:
    """
    Read columns; those of arrays are named by number: "0", "1", and so on.

    Args:
        given: An array of shape (rows,) or (rows, columns), a data frame, or a
            mapping of columns.

    >>> frame = read_frame({"minutes": [1, None], "event": ["push", None]})
    >>> frame.numbers, frame.words
    ({'minutes': array([ 1., nan])}, {'event': ['push', None]})
    """
    columns, unreadable = _columns(given)
    rows = max((len(one) for one in columns.values() if one.ndim), default=0)
    numbers: dict[str, Floats] = {}
    words: dict[str, list[str | None]] = {}
    for name, column in columns.items():
        if column.ndim != 1 or len(column) != rows:
            unreadable.append(name)
            continue
        as_numbers = _numbers(column)
        if as_numbers is not None:
            numbers[name] = as_numbers
        else:
            words[name] = [_word(value) for value in column.tolist()]
    return Frame(rows, numbers, words, tuple(unreadable))


def commonest(words: Iterable[str | None]) -> Words:
    """
    Number the commonest words of a column.

    >>> commonest(["push", "push", None, "schedule"])
    {'push': 0, 'schedule': 1}
    """
    counted = Counter(word for word in words if word is not None)
    most = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:MOST_WORDS]
    return {word: number for number, (word, _) in enumerate(most)}


def numbered(words: Iterable[str | None], known: Words) -> Floats:
    """
    Write words as their numbers, NaN where unknown; one more for all without.

    >>> numbered(["push", None, "tag"], {"push": 0})
    array([ 0., nan,  1.])
    """
    other = float(len(known))
    return np.array(
        [math.nan if word is None else known.get(word, other) for word in words],
        np.float64,
    )


def moments(given: object) -> Ints | None:
    """
    Read times as seconds since 1970; one without an offset is taken as UTC.

    Args:
        given: Times in any of the shapes people have: datetimes, numpy's, pandas',
            ISO 8601 text, or seconds.

    Returns:
        Shape (rows,), `NEVER` where there is none; None if these are no times.

    >>> moments(["2026-01-01T00:00:00", "2026-01-01T01:00:00+01:00"]).tolist()
    [1767225600, 1767225600]
    """
    column = _array(given)
    if column is None or column.ndim != 1:
        return None
    if column.dtype.kind in "iuf":
        known = np.isfinite(column)
        seconds = np.where(known, column, 0).astype(np.int64)
        return np.where(known, seconds, NEVER)
    try:
        if column.dtype.kind != "M":
            column = np.array([_naive(one) for one in column.tolist()], "M8[us]")
        return np.asarray(column.astype("M8[s]").astype(np.int64))
    except (TypeError, ValueError, OverflowError):
        return None


def _naive(one: object) -> object:
    """Write a time in UTC without its offset; what is unknown as None."""
    if isinstance(one, str):
        one = datetime.fromisoformat(one)
    if isinstance(one, datetime) and not _is_unknown(one):
        return one if one.tzinfo is None else one.astimezone(UTC).replace(tzinfo=None)
    return None if _is_unknown(one) else one


def _columns(given: object) -> tuple[dict[str, NDArray[Any]], list[str]]:
    names = getattr(given, "column_names", None)  # PyArrow's
    if names is None:
        names = getattr(given, "columns", None)  # pandas', Polars'
    if names is None and isinstance(given, Mapping):
        names = list(given)
    if names is None:
        return _of_array(given)
    found: dict[str, NDArray[Any]] = {}
    unreadable = []
    for name in names:
        column = _array(given[name])  # type: ignore[index]
        if column is None or str(name) in found:
            unreadable.append(str(name))
        else:
            found[str(name)] = column
    return found, unreadable


def _of_array(given: object) -> tuple[dict[str, NDArray[Any]], list[str]]:
    matrix = _array(given)
    if matrix is None or matrix.ndim > _MATRIX:
        return {}, ["all"]
    if matrix.ndim < _MATRIX:
        return {"0": matrix.reshape(-1)}, []
    return {str(at): matrix[:, at] for at in range(matrix.shape[1])}, []


def _array(given: object) -> NDArray[Any] | None:
    try:
        return np.asarray(given)
    except Exception:  # noqa: BLE001 - a column's own library says what it raises
        return None


def _numbers(column: NDArray[Any]) -> Floats | None:
    """Read a column as numbers; None if it holds anything else."""
    if column.dtype.kind in _NUMBERS:
        return column.astype(np.float64, copy=False)
    if column.dtype.kind == "M":
        seconds = column.astype("M8[s]").astype(np.float64)
        return np.where(np.isnat(column), np.nan, seconds)
    if column.dtype.kind != "O":
        return None
    values = column.tolist()
    try:
        return np.array(
            [math.nan if _is_unknown(one) else _number(one) for one in values],
            np.float64,
        )
    except (TypeError, ValueError, OverflowError):
        return None


def _number(one: Any) -> float:  # noqa: ANN401 - whatever a column holds
    if isinstance(one, str | bytes | complex):
        message = f"{one!r} is no number"
        raise TypeError(message)
    return float(one)


def _is_unknown(one: Any) -> bool:  # noqa: ANN401 - whatever a column holds
    """Tell None, NaN, NaT, and pandas' NA, which is equal to nothing."""
    if one is None or type(one).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(one, float | np.floating) and math.isnan(one)


def _word(one: Any) -> str | None:  # noqa: ANN401 - whatever a column holds
    return None if _is_unknown(one) else str(one)
