"""Structured logs: one JSON object a line, with the request it belongs to."""

import logging
import random
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

ACCESS = logging.getLogger("breakcast.access")
"""One line a request, if that is wanted."""

_REQUEST_ID = re.compile(rb"[\w.:/+=-]{1,128}", re.ASCII)
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}.*")
_ENCODER = msgspec.json.Encoder()


class RequestContext(NamedTuple):
    """Which request is worked on; `traceparent` as it came, empty if none did."""

    request_id: str
    traceparent: str = ""

    @classmethod
    def of(cls, headers: dict[bytes, bytes]) -> "RequestContext":
        """
        Read it off the headers; what is not well formed is not taken over.

        >>> RequestContext.of({b"x-request-id": b"a-1"})
        RequestContext(request_id='a-1', traceparent='')
        """
        given = headers.get(b"x-request-id")
        trace = headers.get(b"traceparent")
        return cls(
            given.decode()
            if given is not None and _REQUEST_ID.fullmatch(given)
            else f"{random.getrandbits(64):016x}",
            trace.decode()
            if trace is not None and _TRACEPARENT.fullmatch(trace)
            else "",
        )


REQUEST: ContextVar[RequestContext | None] = ContextVar("request", default=None)
"""The request that this task answers."""


def configure_logs(*, logs_access: bool) -> None:
    """Write all logs of this process to standard error, as lines of JSON."""
    lines = logging.StreamHandler()
    lines.setFormatter(JsonLines())
    logging.basicConfig(handlers=[lines], level=logging.INFO, force=True)
    ACCESS.setLevel(logging.INFO if logs_access else logging.WARNING)
    # It tells every request it sends: a canary's, two a minute.
    logging.getLogger("httpx").setLevel(logging.WARNING)


class JsonLines(logging.Formatter):
    """
    Writes a record as one line of JSON.

    Whatever is given as `extra={"fields": {...}}` stands beside the message.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = REQUEST.get()
        if request is not None:
            line["request_id"] = request.request_id
            if request.traceparent:
                line["traceparent"] = request.traceparent
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _ENCODER.encode(line).decode()
