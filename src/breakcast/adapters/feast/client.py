"""Feast's feature server over HTTP: records read and pushed, without Feast itself."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import httpx

from breakcast.adapters.feast.breaker import CircuitBreaker
from breakcast.adapters.feast.messages import answer, push, question
from breakcast.adapters.feast.naming import join_key, join_keys
from breakcast.adapters.feast.spreading import SpreadTransport
from breakcast.errors import BadSettings, StoreError
from breakcast.features.store import Named, StoredRecord

READ_SECONDS = 0.15
WRITE_SECONDS = 10.0
# Of one answer; a build's records are a few hundred kilobytes at the most.
_ANSWER_BYTES = 16 * 1024 * 1024
# A push is a data frame over there: costly to begin, and then held in memory.
_PUSH_RECORDS = 500
_PUSH_BYTES = 1024 * 1024
_FAILURES, _COOL_DOWN_SECONDS = 5, 2.0
_OK = 200


class FeatureServer:
    """
    The records a feature server keeps, as a `features.store.RecordStore`.

    A read is one request and is never tried twice. When several in a row have
    failed the server is not asked at all for a while (`breaker`).

    Args:
        url: Where the server is, such as `http://feast:6566`.
        read_seconds: How long each step of a read may take: to get a connection, to
            wait for the answer, to read all of it.
        transport: What sends requests; by default at most 32 connections, used in turn.
        clock: Tells the time in seconds, from any zero, never backwards.

    Raises:
        BadSettings: If `url` is no URL of a server.

    >>> FeatureServer("http://ann:secret@feast:6566")
    Traceback (most recent call last):
    breakcast.errors.BadSettings: the feature server's URL is to name a host and \
nothing secret, as http://feast:6566 does
    """

    def __init__(
        self,
        url: str,
        *,
        read_seconds: float = READ_SECONDS,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = _checked(url)
        self._read_seconds = read_seconds
        self._clock = clock
        self.breaker = CircuitBreaker(
            failures=_FAILURES, cool_down_seconds=_COOL_DOWN_SECONDS, clock=clock
        )
        self._client = httpx.Client(
            base_url=self._url,
            # Without a content type it answers 422.
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
            transport=transport or SpreadTransport(),
        )

    def read(self, wanted: Mapping[str, Sequence[str]]) -> Named:
        """Read the records of these kinds and keys; see `RecordStore.read`."""
        places = [(kind, key) for kind, keys in wanted.items() for key in keys]
        if not places:
            return {}
        keys = [join_key(kind, key) for kind, key in places]
        with self.breaker.call():
            body = self._post("get-online-features", question(keys), self._read_seconds)
            records = answer(body, keys)
        found: dict[str, dict[str, StoredRecord]] = defaultdict(dict)
        for (kind, key), record in zip(places, records, strict=True):
            if record is not None:
                found[kind][key] = record
        return dict(found)

    def write(self, changed: Named) -> None:
        """Write records, the newer of two stays; see `RecordStore.write`."""
        for batch in _batches(changed):
            self._post("push", push(batch), WRITE_SECONDS)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _post(self, path: str, content: bytes, seconds: float) -> bytes:
        end = self._clock() + seconds
        body = bytearray()
        try:
            with self._client.stream(
                "POST", path, content=content, timeout=seconds
            ) as response:
                if response.status_code != _OK:
                    # Its body may tell how it reaches Redis: that is for its own log.
                    message = (
                        f"the feature server {self._url} answered "
                        f"{response.status_code} to {path}; its log says why"
                    )
                    raise StoreError(message)
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > _ANSWER_BYTES:
                        message = (
                            f"the feature server {self._url} answered with more than "
                            f"{_ANSWER_BYTES:,} bytes"
                        )
                        raise StoreError(message)
                    if self._clock() > end:
                        message = (
                            f"the feature server {self._url} did not end its answer "
                            f"within {seconds} s"
                        )
                        raise StoreError(message)
        except httpx.HTTPError as error:
            message = (
                f"the feature server {self._url} cannot be reached: "
                f"{type(error).__name__} {error}"
            )
            raise StoreError(message) from error
        return bytes(body)


def _checked(url: str) -> str:
    """Read a server's URL, which is shown in messages: it may hold no secret."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        parsed = httpx.URL()
    if (
        parsed.scheme not in {"http", "https"}
        or not parsed.host
        or parsed.userinfo
        or parsed.query
        or parsed.fragment
    ):
        # What cannot be read may hold a password anywhere: it is not repeated.
        message = (
            "the feature server's URL is to name a host and nothing secret, as "
            "http://feast:6566 does"
        )
        raise BadSettings(message)
    return str(parsed).rstrip("/")


def _batches(changed: Named) -> Iterator[list[tuple[str, int, bytes]]]:
    """Cut records into pushes of a bounded count and size."""
    batch: list[tuple[str, int, bytes]] = []
    size = 0
    for record in join_keys(changed):
        batch.append(record)
        size += len(record[0]) + len(record[2])
        if len(batch) == _PUSH_RECORDS or size >= _PUSH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
