"""The feature server's client: what it sends, reads, and makes of failures."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from breakcast.adapters.feast.client import FeatureServer
from breakcast.errors import BadSettings, StoreError
from breakcast.features.store import StoredRecord

URL = "http://feast:6566"
NOON = 1_777_896_000_000_123


def server(answers: Callable[[httpx.Request], httpx.Response]) -> FeatureServer:
    """Read from who answers so; an answer comes as a stream, as from a network."""

    def stream(request: httpx.Request) -> httpx.Response:
        answer = answers(request)
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=iter([answer.content])
        )

    return FeatureServer(URL, transport=httpx.MockTransport(stream))


def answer_to(request: httpx.Request, records: dict[str, bytes]) -> dict[str, object]:
    """Answer as Feast does: column by column, unknown keys as null."""
    keys = json.loads(request.content)["entities"]["record_key"]
    known = [key in records for key in keys]
    times = ["2026-05-04T12:00:00.000123Z" if one else _NEVER for one in known]
    return {
        "metadata": {"feature_names": ["record_key", "record"]},
        "results": [
            {"values": keys, "statuses": ["PRESENT"] * len(keys), **_no_times(keys)},
            {
                "values": [
                    base64.b64encode(records[key]).decode() if one else None
                    for key, one in zip(keys, known, strict=True)
                ],
                "statuses": ["PRESENT" if one else "NOT_FOUND" for one in known],
                "event_timestamps": times,
            },
        ],
    }


_NEVER = "1970-01-01T00:00:00Z"


def _no_times(keys: list[str]) -> dict[str, list[str]]:
    return {"event_timestamps": [_NEVER] * len(keys)}


def test_records_of_all_kinds_are_read_in_one_request() -> None:
    asked: list[httpx.Request] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        held = {"tracks\x1facme": b"one", "sizes\x1facme": b""}
        return httpx.Response(200, json=answer_to(request, held))

    found = server(answers).read(
        {"tracks": ["acme", "acme/none"], "sizes": ["acme"], "nodes": ["acme"]}
    )

    assert found == {
        "tracks": {"acme": StoredRecord(NOON, b"one")},
        "sizes": {"acme": StoredRecord(NOON, b"")},
    }
    (request,) = asked
    assert request.url == f"{URL}/get-online-features"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {
        "feature_service": "records",
        "entities": {
            "record_key": [
                "tracks\x1facme",
                "tracks\x1facme/none",
                "sizes\x1facme",
                "nodes\x1facme",
            ]
        },
    }


def test_nothing_wanted_asks_nobody() -> None:
    def answers(_: httpx.Request) -> httpx.Response:
        pytest.fail("it was asked")

    assert server(answers).read({"tracks": []}) == {}
    server(answers).write({"tracks": {}})


def test_records_are_pushed_with_their_stamps_to_the_microsecond() -> None:
    asked: list[httpx.Request] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    changed = {"tracks": {"acme": StoredRecord(NOON, b"one")}}
    server(answers).write(
        {**changed, "nodes": {"acme": StoredRecord(1_777_896_000_000_000, b"")}}
    )

    (request,) = asked
    assert request.url == f"{URL}/push"
    times = ["2026-05-04T12:00:00.000123+00:00", "2026-05-04T12:00:00.000000+00:00"]
    assert json.loads(request.content) == {
        "push_source_name": "records_pushed",
        "df": {
            "record_key": ["tracks\x1facme", "nodes\x1facme"],
            "record": ["b25l", ""],
            "event_timestamp": times,
            "created": times,
        },
        "to": "online",
    }


def test_many_records_are_pushed_in_pieces() -> None:
    sizes: list[int] = []

    def answers(request: httpx.Request) -> httpx.Response:
        sizes.append(len(json.loads(request.content)["df"]["record"]))
        return httpx.Response(200)

    small = {f"k{i}": StoredRecord(i, b"x") for i in range(1_200)}
    large = {f"k{i}": StoredRecord(i, bytes(600_000)) for i in range(3)}
    server(answers).write({"tracks": small})
    server(answers).write({"neighbourhoods": large})

    assert sizes == [500, 500, 200, 2, 1]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(500, text="redis password=hush"), "answered 500"),
        (httpx.Response(404), "answered 404"),
        (httpx.Response(302, headers={"Location": "http://evil/"}), "answered 302"),
        (httpx.Response(200, text="<html>"), "cannot be read"),
        (httpx.Response(200, json={"results": []}), "cannot be read"),
        (httpx.Response(200, content=b"\xff\xfe"), "cannot be read"),
        (httpx.Response(200, content=b"x" * 20_000_000), "more than 16,777,216 bytes"),
    ],
)
def test_what_is_no_answer_is_a_store_error(answer: httpx.Response, said: str) -> None:
    with pytest.raises(StoreError, match=said) as refused:
        server(lambda _: answer).read({"tracks": ["acme"]})

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": ["other"]}, "other keys"),
        ({"values": ["tracks\x1facme"] * 2}, "other keys"),
        ({"values": [1]}, "cannot be read"),
    ],
)
def test_an_answer_about_something_else_is_refused(
    change: dict[str, object], said: str
) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        body = answer_to(request, {})
        body["results"][0] |= change  # type: ignore[index]
        return httpx.Response(200, json=body)

    with pytest.raises(StoreError, match=said):
        server(answers).read({"tracks": ["acme"]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": ["not base64!"]}, "no base64"),
        ({"values": [["b25l"]]}, "cannot be read"),
        ({"event_timestamps": []}, "cannot be read"),
        ({"event_timestamps": ["2026-05-04T12:00:00"]}, "cannot be read"),
    ],
)
def test_a_record_that_is_none_is_refused(change: dict[str, object], said: str) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        body = answer_to(request, {"tracks\x1facme": b"one"})
        body["results"][1] |= change  # type: ignore[index]
        return httpx.Response(200, json=body)

    with pytest.raises(StoreError, match=said):
        server(answers).read({"tracks": ["acme"]})


def test_nobody_there_is_a_store_error_and_soon_nobody_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with closing(FeatureServer(f"http://127.0.0.1:{port}")) as client:
        for _ in range(5):
            with pytest.raises(StoreError, match="cannot be reached: ConnectError"):
                client.read({"tracks": ["acme"]})

        assert client.breaker.is_open
        with pytest.raises(StoreError, match="is not asked: 5 calls in a row"):
            client.read({"tracks": ["acme"]})


def test_a_failed_write_leaves_reads_alone() -> None:
    client = server(lambda _: httpx.Response(500))
    for _ in range(10):
        with pytest.raises(StoreError, match="answered 500 to push"):
            client.write({"tracks": {"acme": StoredRecord(1, b"x")}})

    assert not client.breaker.is_open


def test_who_does_not_answer_is_given_up_in_time() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        closing(_client_of(silent)) as client,
    ):
        begun = time.monotonic()
        with pytest.raises(StoreError, match="ReadTimeout"):
            client.read({"tracks": ["acme"]})

        assert time.monotonic() - begun < 2


def test_who_answers_drop_by_drop_is_given_up_in_time() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    with dripping(head) as listening, closing(_client_of(listening)) as client:
        begun = time.monotonic()
        with pytest.raises(StoreError, match=r"did not end its answer within 0\.2 s"):
            client.read({"tracks": ["acme"]})

        assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "url",
    [
        "feast:6566",
        "",
        "ftp://feast",
        "http://",
        "http://ann:hush@feast:6566",
        "http://feast:6566/?token=hush",
        "http://feast:hush",
    ],
)
def test_a_url_that_names_no_server_or_a_secret_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match="to name a host and nothing secret") as told:
        FeatureServer(url)

    assert "hush" not in str(told.value)


def _client_of(listening: socket.socket) -> FeatureServer:
    port = listening.getsockname()[1]
    return FeatureServer(f"http://127.0.0.1:{port}", read_seconds=0.2)


@contextmanager
def dripping(head: bytes) -> Iterator[socket.socket]:
    """Serve one answer whose body comes a byte at a time, until the block ends."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(head)
                while not ended.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening
        ended.set()
        thread.join(10)
