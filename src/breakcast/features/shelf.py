"""
Bounded memory: the records of one kind, lightest first.

Every record's weight halves with time since it was last touched, so the one
untouched for longest is the lightest, and it goes first: when the shelf is
full, or when it has not been touched for `FORGET_AFTER_SECONDS`. By then its
month-scale counts have halved 24 times: what is lost weighs below 1e-7.
"""

from collections import OrderedDict
from typing import Protocol, TypeVar

FORGET_AFTER_SECONDS = 24 * 30 * 86_400.0


class Touched(Protocol):
    """A record that knows when it was last touched, in seconds since 1970."""

    touched_at: float


RecordT = TypeVar("RecordT", bound=Touched)


class Shelf(OrderedDict[str, RecordT]):
    """
    At most `limit` records by key, in the order they were last touched.

    >>> from breakcast.features.track import Tally
    >>> shelf = Shelf(limit=2)
    >>> for key in ("a", "b", "a", "c"):
    ...     tally = shelf.touch(key) or shelf.put(key, Tally())
    >>> list(shelf)
    ['a', 'c']
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.changed: set[str] | None = None
        """Keys whose record is not what it was; None while nobody asks."""

    def put(self, key: str, record: RecordT) -> RecordT:
        """Put a record last; drop the lightest one if the shelf is overfull."""
        self[key] = record
        self.move_to_end(key)
        if self.changed is not None:
            self.changed.add(key)
        if len(self) > self.limit:
            self._drop_first()
        return record

    def change(self, key: str) -> RecordT | None:
        """Give a record that is about to change, where it is; None if there is none."""
        record = self.get(key)
        if record is not None and self.changed is not None:
            self.changed.add(key)
        return record

    def touch(self, key: str) -> RecordT | None:
        """Give a record that is about to change, and is now last."""
        record = self.change(key)
        if record is not None:
            self.move_to_end(key)
        return record

    def forget(self, now: float) -> None:
        """Drop what was last touched `FORGET_AFTER_SECONDS` or longer ago."""
        oldest = now - FORGET_AFTER_SECONDS
        while self and next(iter(self.values())).touched_at <= oldest:
            self._drop_first()

    def _drop_first(self) -> None:
        key, _ = self.popitem(last=False)
        if self.changed is not None:
            self.changed.add(key)
