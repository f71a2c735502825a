"""Logs: one JSON object a line, under the request it belongs to."""

import json
import logging
import sys

import pytest

from breakcast.serving.logs import REQUEST, JsonLines, RequestContext

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def line(**record: object) -> dict[str, object]:
    made = logging.makeLogRecord(
        {"name": "x", "levelname": "INFO", "msg": "hi"} | record
    )
    written: dict[str, object] = json.loads(JsonLines().format(made))
    return written


def test_a_line_tells_when_how_grave_where_and_what() -> None:
    written = line(msg="%d rows", args=(3,), created=0.0)

    assert written == {
        "at": "1970-01-01T00:00:00Z",
        "level": "info",
        "logger": "x",
        "message": "3 rows",
    }


def test_a_line_names_its_request_and_trace() -> None:
    context = RequestContext.of({b"x-request-id": b"r-1", b"traceparent": TRACE})
    token = REQUEST.set(context)
    try:
        written = line()
    finally:
        REQUEST.reset(token)

    assert written["request_id"] == "r-1"
    assert written["traceparent"] == TRACE.decode()


def test_fields_and_tracebacks_stay_on_one_line() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        record = logging.makeLogRecord({"msg": "a\nb", "exc_info": sys.exc_info()})
    record.fields = {"status": 200}

    written = JsonLines().format(record)

    assert "\n" not in written
    assert json.loads(written)["status"] == 200
    assert "ZeroDivisionError" in json.loads(written)["traceback"]


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 129, b"a\nb", b'"', b"\xff"])
def test_an_id_that_could_forge_a_line_is_not_taken_over(given: bytes) -> None:
    context = RequestContext.of({b"x-request-id": given, b"traceparent": given})

    assert len(context.request_id) == 16
    assert context.traceparent == ""
