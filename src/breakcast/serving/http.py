"""The edge of HTTP: a body in, a status and bytes out, an error as its status."""

import asyncio
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Send

from breakcast.errors import (
    Forbidden,
    Malformed,
    NotReady,
    TooLarge,
    TooSlow,
    Unauthenticated,
    UnknownName,
    Unprocessable,
    Unsupported,
)
from breakcast.serving.reading import Body
from breakcast.serving.running import running

STATUS_OF: Mapping[type[Exception], int] = {
    Malformed: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    UnknownName: 404,
    TooSlow: 408,
    TooLarge: 413,
    Unsupported: 415,
    Unprocessable: 422,
    NotReady: 503,
}
"""The one table of what an error is in HTTP; any other is the server's own fault."""

SERVER_FAULT = 500

_LOG = logging.getLogger("breakcast.server")
_HEADERS_OF: Mapping[type[Exception], tuple[tuple[bytes, bytes], ...]] = {
    Unauthenticated: ((b"www-authenticate", b"Bearer"),),
    NotReady: ((b"retry-after", b"1"),),
}
_NOT_FOUND = 404

# curl sends a body as a form unless told otherwise; the specification's own request
# works both ways.
_MEDIA = frozenset({"", "application/json", "application/x-www-form-urlencoded"})
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})
_BINARY_HEADER = b"inference-header-content-length"
_SWEEP_SECONDS = 0.5


class Gone(Exception):
    """The asker went away while its body was read."""


class ErrorBody(msgspec.Struct, frozen=True):
    """What was wrong, the value, and what would be right."""

    error: str


class Reply(NamedTuple):
    """An answer as HTTP has it; `headers` are those beside type and length."""

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


async def send_reply(
    send: Send, reply: Reply, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Send an answer whole, with more headers."""
    body, status, content_type, its_headers = reply
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                *its_headers,
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


def refusal(error: Exception) -> Reply:
    """
    Say an error in HTTP; one that we did not raise on purpose goes into the log.

    >>> refusal(NotReady("no model yet")).status
    503
    """
    status = STATUS_OF.get(type(error), SERVER_FAULT)
    said = str(error)
    if status == SERVER_FAULT:
        _LOG.error("a request could not be answered", exc_info=error)
        said = "the server failed; its log says more, under this answer's x-request-id"
    headers = _HEADERS_OF.get(type(error), ())
    return Reply(msgspec.json.encode(ErrorBody(said)), status, headers=headers)


async def on_error(_: Request, error: Exception) -> Response:
    """Answer an error that an endpoint raised."""
    reply = refusal(error)
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, reply.status, headers, "application/json")


async def on_unrouted(request: Request, error: Exception) -> Response:
    """Answer a path or a method that is not here."""
    path, headers = request.url.path, getattr(error, "headers", None) or {}
    status = error.status_code if isinstance(error, HTTPException) else _NOT_FOUND
    if status == _NOT_FOUND:
        said = f"there is nothing at {path!r}; GET /openapi.json lists what there is"
    else:
        allowed = headers.get("Allow", "another method")
        said = f"{path!r} does not take {request.method}; it takes {allowed}"
    body = msgspec.json.encode(ErrorBody(said))
    return Response(body, status, headers, "application/json")


class BodyReader:
    """
    Reads bodies whole, within limits.

    One look every half second finds the bodies that are late: a timer a request
    would cost more than reading does.

    Args:
        limit: The most bytes a body may have.
        seconds: How long it may take to arrive.
    """

    def __init__(self, *, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._is_watched = False

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> Body:
        """
        Read one body.

        Raises:
            Unsupported: If its headers say that it is not JSON in UTF-8.
            TooLarge: If it has more bytes than allowed.
            TooSlow: If it did not arrive in time.
            Gone: If the asker went away.
        """
        check_form(headers)
        # The HTTP server has seen to it that it is a number.
        announced = int(headers.get(b"content-length", b"0"))
        self._limit_to(announced)
        loop, task = running()
        self._waiting[task] = loop.time()
        if not self._is_watched:
            self._is_watched = True
            loop.call_later(_SWEEP_SECONDS, self._sweep, loop)
        try:
            return await self._receive(receive)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            task.uncancel()
            message = (
                f"the body did not arrive within {self._seconds:g} s; send it faster"
            )
            raise TooSlow(message) from None
        finally:
            del self._waiting[task]
            self._late.discard(task)

    async def _receive(self, receive: Receive) -> Body:
        message = await self._next(receive)
        part: bytes = message["body"]
        self._limit_to(len(part))
        if not message["more_body"]:
            return part
        # Grown as it comes, never by what is announced: that costs its sender nothing.
        # Joined at the end, eight megabytes would keep the loop for five milliseconds.
        body = bytearray(part)
        while message["more_body"]:
            message = await self._next(receive)
            part = message["body"]
            self._limit_to(len(body) + len(part))
            body += part
        return body

    async def _next(self, receive: Receive) -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        return message

    def _limit_to(self, size: int) -> None:
        if size > self._limit:
            message = (
                f"the body has {size} bytes or more; at most {self._limit} are read, "
                "send fewer rows at once"
            )
            raise TooLarge(message)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        since = loop.time() - self._seconds
        for task, began in self._waiting.items():
            if began < since and task not in self._late:
                self._late.add(task)
                task.cancel()
        self._is_watched = bool(self._waiting)
        if self._is_watched:
            loop.call_later(_SWEEP_SECONDS, self._sweep, loop)


def check_form(headers: Mapping[bytes, bytes]) -> None:
    """
    Refuse a body that is not JSON in UTF-8, by its headers.

    Raises:
        Unsupported: Names the header.

    >>> check_form({b"content-type": b"application/json; charset=utf-8"})
    >>> check_form({b"content-type": b"text/csv"})
    Traceback (most recent call last):
    breakcast.errors.Unsupported: content-type is 'text/csv'; send application/json
    """
    _check_content_type(headers.get(b"content-type", b""))
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        named = encoding.decode("latin-1")
        message = f"content-encoding is {named!r}; send the body as it is"
        raise Unsupported(message)
    if _BINARY_HEADER in headers:
        message = (
            "the header Inference-Header-Content-Length says that tensors are binary, "
            "which is not supported; send them as JSON"
        )
        raise Unsupported(message)


@lru_cache(maxsize=64)
def _check_content_type(header: bytes) -> None:
    content_type = header.decode("latin-1")
    media, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if media not in _MEDIA and not media.endswith("+json"):
        message = f"content-type is {content_type!r}; send application/json"
        raise Unsupported(message)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"')
        if name.strip() == "charset" and charset not in _CHARSETS:
            message = f"charset is {charset!r}; send UTF-8"
            raise Unsupported(message)
