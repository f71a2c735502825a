"""
What is known of builds right now: states folded from the ledger, kept at its tail.

The same fold as in training. Facts that were added late, in an import of old
history, sort before what is folded already: their organisation is folded anew.
"""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from breakcast.errors import LedgerError
from breakcast.features.catalog import Catalog
from breakcast.features.state import FeatureState, Row
from breakcast.history.events import Build, Event
from breakcast.history.ledger import Ledger, News


class Known(NamedTuple):
    """A build's features, as of when, and whether facts may be missing in them."""

    row: Row
    as_of: datetime
    is_stale: bool = False


class RowSource(Protocol):
    """Where a build's features come from; called in any thread."""

    @property
    def waits(self) -> bool:
        """Whether reading waits for another machine, and takes milliseconds."""
        ...

    def row(self, build: Build, catalog_hash: str, as_of: datetime) -> Known | None:
        """
        Read a build's features; None if they are out of reach.

        Args:
            build: The question.
            catalog_hash: Of the catalog whose columns are wanted.
            as_of: When the build starts; facts known by then, and those that are
                known already, count.
        """
        ...


class FollowedRows(RowSource, Protocol):
    """Rows under the catalogs of the models that answer, whichever these are."""

    def follow(self, catalogs: Iterable[Catalog]) -> None:
        """
        Learn what is new, for these catalogs and no others.

        Called by one thread at a time, which it keeps for as long as it takes.

        Raises:
            BreakcastError: If that fails; what is known is stale until it succeeds.
        """
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class LedgerStates:
    """
    The feature states of all organisations of a ledger, in this process.

    Args:
        open_ledger: Opens the ledger, when it is first needed; gives None while there
            is none. It is closed with this.

    >>> from datetime import UTC
    >>> from breakcast.features.columns import catalog_of
    >>> from breakcast.history.events import BuildKey
    >>> build = Build(BuildKey("file", "acme/shop", "ci", "1"))
    >>> catalog, noon = catalog_of(), datetime(2026, 5, 4, 12, tzinfo=UTC)
    >>> with Ledger.temporary() as ledger:
    ...     states = LedgerStates(lambda: ledger)
    ...     before = states.row(build, catalog.hash, noon)
    ...     states.follow([catalog])
    ...     states.row(build, catalog.hash, noon).row.shape
    (210,)
    >>> before is None
    True
    """

    waits = False

    def __init__(self, open_ledger: Callable[[], Ledger | None]) -> None:
        self._open_ledger = open_ledger
        self._ledger: Ledger | None = None
        self._folds: dict[str, _Fold] = {}
        self._is_stale = False

    def row(self, build: Build, catalog_hash: str, as_of: datetime) -> Known | None:
        """Read a build's features; None if their catalog was never followed."""
        fold = self._folds.get(catalog_hash)
        if fold is None:
            return None
        # Of an organisation never heard of nothing is known, and nothing is kept:
        # anybody may ask for any name.
        kept = fold.kept.get(build.key.organisation) or _Kept(fold.catalog)
        with kept.lock:
            as_of = kept.state.earliest(as_of)
            return Known(kept.state.row(build, as_of), as_of, self._is_stale)

    def follow(self, catalogs: Iterable[Catalog]) -> None:
        """Learn what the ledger has learnt since; LedgerError if it fails."""
        wanted = {catalog.hash: catalog for catalog in catalogs}
        try:
            self._ledger = self._ledger or self._open_ledger()
            if self._ledger is None:
                return
            for key, catalog in wanted.items():
                fold = self._folds.get(key) or _Fold(catalog)
                fold.catch_up(self._ledger)
                self._folds[key] = fold
        except LedgerError:
            self._is_stale = True
            raise
        self._is_stale = False
        for key in set(self._folds) - set(wanted):
            del self._folds[key]

    def close(self) -> None:
        """Close the ledger, if it was opened."""
        if self._ledger is not None:
            self._ledger.close()


class _Kept:
    """One organisation's state, and up to which position of the ledger it has come."""

    def __init__(self, catalog: Catalog, events: Iterable[Event] = ()) -> None:
        self.lock = threading.Lock()
        self.state = FeatureState(catalog)
        for event in events:
            self.state.observe(event)
        self.position = 0


class _Fold:
    """All organisations' states under one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.kept: dict[str, _Kept] = {}
        self._position = 0

    def catch_up(self, ledger: Ledger) -> None:
        reached = self._position
        for organisation, news in ledger.news(reached).items():
            self._learn(ledger, organisation, news)
            reached = max(reached, news.position)
        self._position = reached

    def _learn(self, ledger: Ledger, organisation: str, news: News) -> None:
        kept = self.kept.get(organisation)
        if kept is None or not kept.state.follows(news.oldest):
            events = ledger.events(organisation, until=news.position)
            kept = self.kept[organisation] = _Kept(self.catalog, events)
        else:
            # Read whole before any is learnt: a ledger that fails halfway must not
            # leave a state that has learnt half, and would learn it again.
            for event in list(
                ledger.events(organisation, kept.position, news.position)
            ):
                with kept.lock:
                    kept.state.observe(event)
        kept.position = news.position
