"""
A large body in pieces, so that reading it never holds the interpreter for long.

A JSON decoder reads a body in one go, in whatever thread, and nothing else runs
meanwhile: eight megabytes take fifty milliseconds. Here the one long array of a
request is found and cut between its elements; the decoder then reads piece by
piece, and what is left, the skeleton, as it reads a small body.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from breakcast.errors import Malformed, TooLarge
from breakcast.serving.reading import Body

WHOLE_BYTES = 128 * 1024
"""A body of so many bytes is read whole: in about two thirds of a millisecond."""
PIECE_BYTES = 64 * 1024
"""Read in about a third of a millisecond."""
LONGEST_STRING_BYTES = 64 * 1024
DEEPEST = 64
MOST_BESIDE_BYTES = 64 * 1024
"""What a large body may hold beside its long array."""

_MARK = re.compile(rb'["\[\]{}]')
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_COLON = re.compile(rb"\s*:\s*")


class Pieces(NamedTuple):
    """
    A body taken apart.

    Attributes:
        skeleton: The body with an empty array in place of the long one.
        parts: The long array's elements in order, as many small JSON arrays.
        is_flat: Whether the elements are plain values, not arrays or objects.
    """

    skeleton: bytes
    parts: Iterator[bytes]
    is_flat: bool


def take_apart(body: Body, key: str, depth: int) -> Pieces:
    """
    Cut a body's long array into pieces.

    Args:
        body: JSON; what is wrong with it the decoder will find in its pieces.
        key: Under which name the array stands.
        depth: Inside how many objects and arrays.

    Raises:
        Malformed: If there is no such array, or a string is too long to be meant.
        TooLarge: If there is too much beside it.

    >>> body = b'{"id": 1, "rows": [[1, 2], [3]]}'
    >>> pieces = take_apart(body, "rows", 1)
    >>> pieces.skeleton, list(pieces.parts)
    (b'{"id": 1, "rows": []}', [b'[[1, 2], [3]]'])
    """
    scan = _Scan(body, key.encode(), depth)
    scan.run()
    if scan.end < 0:
        message = f"the body has no array {key!r} that ends; a large body needs one"
        raise Malformed(message)
    start, end = scan.start, scan.end
    beside = len(body) - (end - start)
    if beside > MOST_BESIDE_BYTES:
        message = (
            f"the body has {beside} bytes beside {key}; a large one may have "
            f"{MOST_BESIDE_BYTES}"
        )
        raise TooLarge(message)
    is_flat = not scan.has_containers
    cuts = _commas(body, start, end) if is_flat else scan.cuts
    return Pieces(
        bytes(body[:start] + b"[]" + body[end:]),
        _parts(body, start, end, cuts),
        is_flat,
    )


class _Scan:
    """One pass over a body's brackets and strings, a few bytes at a time."""

    def __init__(self, body: Body, key: bytes, depth: int) -> None:
        self._body = body
        self._key = key
        self._wanted = depth
        self._depth = 0
        self._named = -1
        """Where the value of the wanted name begins."""
        self.start = self.end = -1
        """Of the long array, its brackets included."""
        self.has_containers = False
        self.cuts: list[int] = []
        """Ends of elements, each a piece after the one before."""

    def run(self) -> None:
        body, size, at = self._body, len(self._body), 0
        while at < size:
            mark = _MARK.search(body, at, at + PIECE_BYTES)
            if mark is None:
                at += PIECE_BYTES
            elif mark[0] == b'"':
                at = self._string(mark.end())
            else:
                at = mark.end()
                if mark[0] in b"[{":
                    self._open(mark.start())
                else:
                    self._close(at)

    def _string(self, begin: int) -> int:
        body = self._body
        rest = _REST_OF_STRING.match(body, begin, begin + LONGEST_STRING_BYTES)
        if rest is None:
            message = (
                f"byte {begin} begins a string that does not end, or has more than "
                f"{LONGEST_STRING_BYTES} bytes"
            )
            raise Malformed(message)
        if self._depth == self._wanted and body[begin : rest.end() - 1] == self._key:
            colon = _COLON.match(body, rest.end(), rest.end() + PIECE_BYTES)
            if colon is not None:
                self._named = colon.end()
        return rest.end()

    def _open(self, at: int) -> None:
        if self._depth == self._wanted and at == self._named and self.start < 0:
            self.start = at
        elif self._is_within():
            self.has_containers = True
        self._depth += 1
        if self._depth > DEEPEST:
            message = (
                f"the body is nested too deeply: more than {DEEPEST} times at byte {at}"
            )
            raise Malformed(message)

    def _close(self, at: int) -> None:
        self._depth -= 1
        if self._depth == self._wanted and self._is_within():
            self.end = at
        elif self._depth == self._wanted + 1 and self._is_within():
            before = self.cuts[-1] if self.cuts else self.start
            if at - before >= PIECE_BYTES:
                self.cuts.append(at)

    def _is_within(self) -> bool:
        return self.start >= 0 > self.end


def _commas(body: Body, start: int, end: int) -> Iterator[int]:
    at = body.find(b",", start + PIECE_BYTES, end)
    while at >= 0:
        yield at
        at = body.find(b",", at + PIECE_BYTES, end)


def _parts(
    body: Body, start: int, end: int, cuts: Iterator[int] | list[int]
) -> Iterator[bytes]:
    begin = start + 1
    for cut in [*cuts, end - 1]:
        piece = body[begin:cut]
        if begin > start + 1:
            # A piece but the first begins with the comma after the one before.
            piece = piece.lstrip()
            if not piece.startswith(b","):
                if not piece and cut == end - 1:
                    return
                message = f"there is no comma between elements at byte {begin}"
                raise Malformed(message)
            piece = piece[1:]
        yield b"[" + piece + b"]"
        begin = cut
