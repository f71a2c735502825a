"""
Facts in, rows out: the one loop that training and serving share.

A build is asked about when it starts. What its commit changed may become known
a moment later: then its row is refined, if it has not finished meanwhile.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

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
