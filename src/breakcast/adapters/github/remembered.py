"""Answers kept with their ETag: what has not changed costs no call of the limit."""

import threading
import zlib
from collections import OrderedDict
from typing import NamedTuple

LIMIT_BYTES = 32 * 1024 * 1024
"""How much is kept, compressed; what was asked for longest ago goes first."""


class Kept(NamedTuple):
    """An answer as it was: its ETag, its body, the address of the next page."""

    etag: str
    body: bytes
    link: str


class Remembered:
    """
    A bounded memory of answers by address, safe to share between threads.

    >>> memory = Remembered()
    >>> memory.keep("/runs", Kept('"1"', b"[]", ""))
    >>> memory.get("/runs").body, memory.get("/jobs")
    (b'[]', None)
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, address: str) -> Kept | None:
        """Give what was kept of an address; None if nothing was, or is any more."""
        with self._lock:
            packed = self._kept.get(address)
            if packed is None:
                return None
            self._kept.move_to_end(address)
        return packed._replace(body=zlib.decompress(packed.body))

    def keep(self, address: str, answer: Kept) -> None:
        """Keep an answer in place of what was there."""
        packed = answer._replace(body=zlib.compress(answer.body, level=1))
        with self._lock:
            self._drop(address)
            self._kept[address] = packed
            self._bytes += len(packed.body)
            while self._bytes > self._limit:
                self._drop(next(iter(self._kept)))

    def _drop(self, address: str) -> None:
        dropped = self._kept.pop(address, None)
        if dropped is not None:
            self._bytes -= len(dropped.body)
