"""
What our things are called in Feast, and how a record is written there.

One view holds the records of all kinds: a build's records are then one column of
keys, read by one request and pushed by another. A view a kind costs twice as much to
read (`benchmarks/results/feast.md`), and as many pushes as there are kinds.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator

from breakcast.errors import StoreError
from breakcast.features.store import Named

PROJECT = "breakcast"
ENTITY = "record"
JOIN_KEY = "record_key"
VIEW = "records"
FIELD = "record"
PUSH_SOURCE = "records_pushed"
HISTORY_SOURCE = "records_history"
SERVICE = "records"

HISTORY_FOLDER = "history"
"""Where the repository keeps every version of every record, as Parquet."""

REFERENCE = "@"
"""In the history, what begins a stamp in place of a large record: no base64 has it."""

EVENT_TIME, CREATED_TIME = "event_timestamp", "created"
"""When a version became known, and when it was made."""


def join_key(kind: str, key: str) -> str:
    r"""
    Write a record's kind and key as one.

    >>> join_key("tracks", "acme/shop")
    'tracks\x1facme/shop'
    """
    return f"{kind}\x1f{key}"


def join_keys(changed: Named) -> Iterator[tuple[str, int, bytes]]:
    """Go through records: each one's join key, stamp and bytes."""
    for kind, records in changed.items():
        for key, (stamp, record) in records.items():
            yield join_key(kind, key), stamp, record


def as_text(record: bytes) -> str:
    """
    Write a record as text: JSON takes no raw bytes, nor does Feast's push.

    >>> as_text(b"any"), as_text(b"")
    ('YW55', '')
    """
    return b64encode(record).decode()


def as_record(text: str) -> bytes:
    """
    Read what `as_text` wrote.

    Raises:
        StoreError: If it is something else.
    """
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        message = (
            f"a record of {len(text)} characters is no base64 ({error}); write it "
            "anew with `breakcast features push`"
        )
        raise StoreError(message) from error
