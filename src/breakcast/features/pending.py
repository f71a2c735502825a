"""Builds in flight: what a finish will have to teach, kept from the start."""

from collections.abc import Iterable, Iterator

import msgspec

from breakcast.features.keys import RecordKeys
from breakcast.history.events import Build

LOST_AFTER_SECONDS = 86_400.0
"""A build that has not finished a day after its start no longer counts as in flight."""


class Pending(msgspec.Struct):
    """A build that has started; `touched_at` is when, in seconds since 1970."""

    touched_at: float
    build: Build
    keys: RecordKeys


def lost_by(now: float, pending: Iterable[Pending]) -> Iterator[Pending]:
    """Pick the builds that count as lost by `now`, of all in the order they started."""
    for build in pending:
        if build.touched_at > now - LOST_AFTER_SECONDS:
            return
        yield build
