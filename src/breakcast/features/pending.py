"""Builds in flight: what a finish will have to teach, kept from the start."""

import msgspec

from breakcast.features.keys import RecordKeys
from breakcast.history.events import Build


class Pending(msgspec.Struct):
    """A build that has started; `touched_at` is when, in seconds since 1970."""

    touched_at: float
    build: Build
    keys: RecordKeys
