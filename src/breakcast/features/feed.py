"""
Facts in, rows out: the one loop that training and serving share.

A build is asked about when it starts. What its commit changed may become known
a moment later: then its row is refined, if it has not finished meanwhile.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple, Self

import msgspec
import numpy as np
from msgspec.structs import replace

from breakcast.errors import SnapshotError
from breakcast.features.catalog import Catalog
from breakcast.features.packing import UNREADABLE, packed, reader_of
from breakcast.features.state import FeatureState, Row
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    ChangeSeen,
    Event,
)

REFINED_WITHIN = timedelta(minutes=1)
"""A change seen so soon after its build's start still refines the answer to it."""


class Asked(NamedTuple):
    """A build, its row, and as of when; `is_refined` if it is not the first one."""

    build: Build
    as_of: datetime
    row: Row
    is_refined: bool = False


class _Saved(msgspec.Struct):
    state: bytes
    still_open: list[tuple[BuildStarted, bytes]]


_READER: msgspec.msgpack.Decoder[_Saved] = reader_of(_Saved)


class Feed:
    """
    Feeds facts to a state in the order they became known, and reads rows on the way.

    >>> from breakcast.features.columns import catalog_of
    >>> feed = Feed(FeatureState(catalog_of()))
    >>> noon = datetime.fromisoformat("2026-05-04T12:00Z")
    >>> build = Build(BuildKey("github", "acme/shop", "ci.yml", "7"))
    >>> feed.take(BuildStarted(occurred_at=noon, build=build)).row.shape
    (210,)
    """

    def __init__(self, state: FeatureState) -> None:
        self.state = state
        self._open: OrderedDict[BuildKey, tuple[BuildStarted, Row]] = OrderedDict()

    def save(self) -> bytes:
        """Pack the state, and the rows that may still be refined."""
        still_open = [(start, row.tobytes()) for start, row in self._open.values()]
        return packed(_Saved(self.state.save(), still_open))

    @classmethod
    def load(cls, saved: bytes, catalog: Catalog) -> Self:
        """
        Restore what `save` packed.

        Raises:
            SnapshotError: As `FeatureState.load` does.
        """
        try:
            read = _READER.decode(saved)
        except UNREADABLE as error:
            message = f"the saved feed cannot be read ({error}); replay the ledger"
            raise SnapshotError(message) from error
        feed = cls(FeatureState.load(read.state, catalog))
        for start, row in read.still_open:
            feed._open[start.key] = (start, np.frombuffer(row, np.float32))
        return feed

    def take(self, event: Event) -> Asked | None:
        """Take a fact; give the row it asks for, read before the fact is learnt."""
        asked = None
        if isinstance(event, BuildStarted):
            row = self.state.row(event.build, event.known_at)
            asked = Asked(event.build, event.known_at, row)
            if event.build.change is None:
                self._close_old(event.known_at)
                self._open[event.key] = (event, row)
        elif isinstance(event, ChangeSeen):
            asked = self._refined(event)
        elif isinstance(event, BuildFinished):
            self._open.pop(event.key, None)
        self.state.observe(event)
        return asked

    def _refined(self, seen: ChangeSeen) -> Asked | None:
        start, row = self._open.pop(seen.key, (None, None))
        if start is None or row is None:
            return None
        if seen.known_at - start.known_at > REFINED_WITHIN:
            return None
        build = replace(start.build, change=seen.change)
        refined = self.state.refined(row, build, seen.known_at)
        return Asked(build, seen.known_at, refined, is_refined=True)

    def _close_old(self, now: datetime) -> None:
        while self._open:
            key, (start, _) = next(iter(self._open.items()))
            if now - start.known_at <= REFINED_WITHIN:
                return
            del self._open[key]
