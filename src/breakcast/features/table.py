"""
The training table: every build's row as it stood when the build started.

Organisations share nothing, so each is replayed on its own, on whatever
executor is given; the table is the same however many workers there are.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import repeat
from math import nan
from typing import Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from breakcast.features.catalog import Catalog
from breakcast.features.feed import Feed
from breakcast.features.state import FeatureState
from breakcast.history.events import (
    BuildFinished,
    BuildKey,
    BuildStarted,
    Event,
    Outcome,
)
from breakcast.history.ledger import Ledger

Rows: TypeAlias = NDArray[np.float32]

_Kind = TypeVar("_Kind", bound=np.generic)
# A cache line of float32: as few columns as cost no more to move than one.
_COLUMNS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """
    One row a build, in the order they started; n builds, `catalog.width` columns.

    Attributes:
        catalog: What the columns of `rows` are.
        rows: Features just before the start, float32, shape (n, width); those of
            a change that was seen within a minute, as they stood then.
        failed: 1.0 red, 0.0 green, NaN where there is no label (yet); (n,).
        started_at: The as-of, in seconds since 1970; (n,).
        known_at: When the outcome became known, likewise; NaN if never; (n,).
        minutes: How long the build ran; NaN if unknown or assumed; (n,).
        repo: Which repository, as an index into `repo_names`; (n,).
        repo_names: Names of the repositories, in alphabetical order.
        build_ids: The builds' own names; (n,).
    """

    catalog: Catalog
    rows: Rows
    failed: NDArray[np.float64]
    started_at: NDArray[np.float64]
    known_at: NDArray[np.float64]
    minutes: NDArray[np.float64]
    repo: NDArray[np.int64]
    repo_names: tuple[str, ...]
    build_ids: NDArray[np.str_]

    def __len__(self) -> int:
        """How many builds the table holds."""
        return len(self.failed)

    def column(self, name: str) -> NDArray[np.float32]:
        """One feature of all builds, by its name in the catalog."""
        return self.rows[:, self.catalog.column(name)]

    def before(self, as_of: float) -> Self:
        """
        Give the table as it was known then; the rows are not copied.

        Args:
            as_of: In seconds since 1970. Builds that started then or later are left
                out; outcomes that became known then or later are no labels.
        """
        builds = slice(int(np.searchsorted(self.started_at, as_of)))
        is_known = self.known_at[builds] < as_of
        return replace(
            self,
            rows=self.rows[builds],
            failed=np.where(is_known, self.failed[builds], nan),
            started_at=self.started_at[builds],
            known_at=np.where(is_known, self.known_at[builds], nan),
            minutes=np.where(is_known, self.minutes[builds], nan),
            repo=self.repo[builds],
            build_ids=self.build_ids[builds],
        )


def build_table(
    ledger: Ledger,
    catalog: Catalog,
    executor: Executor | None = None,
    *,
    until: int | None = None,
) -> Table:
    """
    Replay a ledger into a table.

    Args:
        ledger: The history.
        catalog: The columns wanted.
        executor: Where the organisations are replayed; in this thread if None.
            A pool of processes needs a ledger that other processes can open.
        until: The position of the last fact that counts; the last one if None.
    """
    # Several processes read it, each a little later: all read as much.
    until = ledger.position() if until is None else until
    # The largest first, so that no worker is left alone with it at the end.
    by_size = sorted(
        ledger.organisations(until).items(), key=lambda item: (-item[1], item[0])
    )
    names = [organisation for organisation, _ in by_size]
    counts = [builds for _, builds in by_size]
    # Parts go into the table as they come: the rows are never held twice.
    rows = np.empty((sum(counts), catalog.width), np.float32)
    parts: list[_Part] = []
    filled = 0
    if executor is None or len(names) == 1:
        for organisation, builds in by_size:
            space = rows[filled : filled + builds]
            events = ledger.events(organisation, until=until)
            part = _replayed(events, space, catalog)
            parts.append(part)
            filled += len(part.failed)
    else:
        replayed = executor.map(
            _replay_one,
            repeat(ledger.url),
            names,
            counts,
            repeat(catalog),
            repeat(until),
        )
        for found, part in replayed:
            rows[filled : filled + len(found)] = found
            parts.append(part)
            filled += len(found)
    return _joined(rows[:filled], parts, catalog)


@dataclass(slots=True)
class _Part:
    """One organisation's builds: what a table holds of them beside their rows."""

    failed: NDArray[np.float64]
    started_at: NDArray[np.float64]
    known_at: NDArray[np.float64]
    minutes: NDArray[np.float64]
    repo: NDArray[np.str_]
    build_ids: NDArray[np.str_]


def _replay_one(
    url: str, organisation: str, builds: int, catalog: Catalog, until: int
) -> tuple[Rows, _Part]:
    rows = np.empty((builds, catalog.width), np.float32)
    with Ledger.open(url) as ledger:
        events = ledger.events(organisation, until=until)
        part = _replayed(events, rows, catalog)
    return rows[: len(part.failed)], part


def _replayed(events: Iterator[Event], rows: Rows, catalog: Catalog) -> _Part:
    """Replay one organisation's facts, filling the rows from the first on."""
    builds = len(rows)
    feed = Feed(FeatureState(catalog))
    failed, known_at, minutes = (np.full(builds, nan) for _ in range(3))
    started_at = np.empty(builds)
    repo: list[str] = []
    ids: list[str] = []
    flying: dict[BuildKey, tuple[int, BuildStarted]] = {}
    for event in events:
        asked = feed.take(event)
        if isinstance(event, BuildStarted):
            at = len(ids)
            started_at[at] = event.known_at.timestamp()
            repo.append(event.key.repo)
            ids.append(event.key.build_id)
            flying[event.key] = (at, event)
        elif isinstance(event, BuildFinished) and event.key in flying:
            at, start = flying.pop(event.key)
            if event.outcome is not Outcome.NONE:
                failed[at] = float(event.outcome is Outcome.FAILED)
                known_at[at] = event.known_at.timestamp()
                if not event.is_assumed:
                    ran = event.occurred_at - start.occurred_at
                    minutes[at] = ran.total_seconds() / 60
        if asked is not None:
            at, _ = flying[event.key]
            rows[at] = asked.row
    found = len(ids)
    return _Part(
        failed[:found],
        started_at[:found],
        known_at[:found],
        minutes[:found],
        np.array(repo, str),
        np.array(ids, str),
    )


def _joined(rows: Rows, parts: Sequence[_Part], catalog: Catalog) -> Table:
    """Put the builds of all organisations in order, the rows where they are."""
    names, repo = np.unique(
        _stacked([part.repo for part in parts], np.dtype(str)), return_inverse=True
    )
    ids = _stacked([part.build_ids for part in parts], np.dtype(str))
    number = np.dtype(np.float64)
    started_at = _stacked([part.started_at for part in parts], number)
    order = np.lexsort((ids, repo, started_at))
    for first in range(0, catalog.width, _COLUMNS_AT_ONCE):
        columns = slice(first, first + _COLUMNS_AT_ONCE)
        rows[:, columns] = rows[order, columns]
    return Table(
        catalog=catalog,
        rows=rows,
        failed=_stacked([part.failed for part in parts], number)[order],
        started_at=started_at[order],
        known_at=_stacked([part.known_at for part in parts], number)[order],
        minutes=_stacked([part.minutes for part in parts], number)[order],
        repo=repo[order],
        repo_names=tuple(names.tolist()),
        build_ids=ids[order],
    )


def _stacked(columns: list[NDArray[_Kind]], dtype: np.dtype[_Kind]) -> NDArray[_Kind]:
    return np.concatenate(columns) if columns else np.empty(0, dtype)
