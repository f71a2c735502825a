"""Builds in flight: what a finish will have to teach, kept from the start."""

import msgspec

from breakcast.features.keys import RecordKeys
from breakcast.history.events import Build


class Pending(msgspec.Struct, array_like=True):
    """
    A build that has started, and not finished as far as we know.

    Attributes:
        touched_at: When its start became known, in seconds since 1970.
        started_at: When it started, likewise.
        build: The build; its change may come later.
        keys: Where its records are kept.
    """

    touched_at: float
    started_at: float
    build: Build
    keys: RecordKeys
