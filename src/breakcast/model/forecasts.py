"""
A test's forecasts beside what happened: the one table all judgement reads.

Beside the model stand the two answers that cost nothing. The *parrot* repeats
the last known outcome of the build's pipeline and branch; the *majority* says
how often the repository failed in training. A model that does not beat both
is worth nothing, whatever its accuracy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

DECISION_THRESHOLD = 0.5
"""A forecast above it is read as *red*; fixed, never tuned, for all forecasters."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecasts:
    """
    Forecasts and outcomes of n labelled builds; all arrays (n,), in one order.

    Args:
        probability: The model's calibrated P(red), each in [0, 1].
        failed: What happened.
        parrot: Last known outcome of that pipeline and branch at as-of: 1.0
            red, 0.0 green, NaN when none was known (read as *passes*).
        majority: P(red) by the repository's failure rate in training.
        is_first: The last known outcome was green at as-of, so that a red
            here is a *first failure*.
        repo: Which repository, as an index into `repo_names`.
        repo_names: Names of the repositories.
        started_at: Seconds since the epoch, UTC.
        minutes: Build duration; NaN when unknown.

    Raises:
        ValueError: If shapes differ or a value lies outside its range.

    >>> forecasts = Forecasts(
    ...     probability=np.array([0.9, 0.2]),
    ...     failed=np.array([True, False]),
    ...     parrot=np.array([np.nan, 1.0]),
    ...     majority=np.array([0.3, 0.3]),
    ...     is_first=np.array([False, False]),
    ...     repo=np.array([0, 0]),
    ...     repo_names=("acme/shop",),
    ...     started_at=np.array([0.0, 60.0]),
    ...     minutes=np.array([12.0, np.nan]),
    ... )
    >>> len(forecasts), forecasts.parrot_probability.tolist()
    (2, [0.0, 1.0])
    """

    probability: Floats
    failed: Bools
    parrot: Floats
    majority: Floats
    is_first: Bools
    repo: Ints
    repo_names: tuple[str, ...]
    started_at: Floats
    minutes: Floats

    def __post_init__(self) -> None:
        """Refuse what would give a wrong number instead of an error later."""
        shape = self.probability.shape
        for name in _COLUMNS:
            column = getattr(self, name)
            if column.shape != shape or column.ndim != 1:
                message = (
                    f"every column of the forecasts has one row a build; probability "
                    f"has shape {shape}, {name} has {column.shape}"
                )
                raise ValueError(message)
        for name in ("failed", "is_first"):
            if getattr(self, name).dtype != np.bool_:
                message = f"{name} must be boolean; got {getattr(self, name).dtype}"
                raise ValueError(message)
        for name in ("probability", "majority"):
            _require(name, getattr(self, name), "in [0, 1]", _is_probability)
        _require("parrot", self.parrot, "0.0, 1.0 or NaN", _is_outcome)
        _require("started_at", self.started_at, "finite", np.isfinite)
        _require("minutes", self.minutes, "at least 0 or NaN", _is_duration)
        known = len(self.repo_names)
        if len(self) and (self.repo.min() < 0 or self.repo.max() >= known):
            message = (
                f"repo must index repo_names (0 to {known - 1}); "
                f"got {self.repo.min()} to {self.repo.max()}"
            )
            raise ValueError(message)

    def __len__(self) -> int:
        """How many builds."""
        return int(self.probability.shape[0])

    @property
    def parrot_probability(self) -> Floats:
        """The parrot's answer as P(red), shape (n,): nothing known is *passes*."""
        return np.nan_to_num(self.parrot, nan=0.0)

    def take(self, rows: Ints | Bools) -> Self:
        """The forecasts of some rows, by index or mask."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return type(self)(repo_names=self.repo_names, **columns)

    def rows_by_repo(self) -> list[tuple[str, Ints]]:
        """
        Each repository that has builds here, with its rows in their order.

        Returns:
            Pairs of name and row indices; most builds first, then by name.
        """
        order = np.argsort(self.repo, kind="stable").astype(np.int64)
        codes, starts = np.unique(self.repo[order], return_index=True)
        parts = np.split(order, starts[1:]) if len(codes) else []
        named = [
            # Plain, because names of a numpy array are not: JSON refuses those.
            (str(self.repo_names[code]), rows)
            for code, rows in zip(codes, parts, strict=True)
        ]
        return sorted(named, key=lambda pair: (-len(pair[1]), pair[0]))


_COLUMNS = (
    "probability",
    "failed",
    "parrot",
    "majority",
    "is_first",
    "repo",
    "started_at",
    "minutes",
)


def _require(
    name: str, column: Floats, wanted: str, allowed: Callable[[Floats], Bools]
) -> None:
    wrong = ~allowed(column)
    if wrong.any():
        row = int(np.argmax(wrong))
        message = f"{name} must be {wanted}; row {row} is {column[row]}"
        raise ValueError(message)


def _is_probability(column: Floats) -> Bools:
    return np.logical_and(column >= 0, column <= 1)


def _is_outcome(column: Floats) -> Bools:
    return np.isnan(column) | np.isin(column, [0, 1])


def _is_duration(column: Floats) -> Bools:
    return np.isnan(column) | (column >= 0)
