"""What Feast's server is asked and answers, as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

import msgspec

from breakcast.adapters.feast.naming import (
    CREATED_TIME,
    EVENT_TIME,
    FIELD,
    JOIN_KEY,
    PUSH_SOURCE,
    SERVICE,
    as_record,
    as_text,
)
from breakcast.errors import StoreError
from breakcast.features.store import StoredRecord

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


_Zoned: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class _Question(msgspec.Struct):
    feature_service: str
    entities: dict[str, Sequence[str]]


class _Push(msgspec.Struct):
    push_source_name: str
    df: dict[str, list[str]]
    to: str = "online"


class _Column(msgspec.Struct):
    values: list[str | None]
    event_timestamps: list[_Zoned] = []


class _About(msgspec.Struct):
    feature_names: list[str]


class _Answer(msgspec.Struct):
    metadata: _About
    results: list[_Column]


def question(keys: Sequence[str]) -> bytes:
    """Ask for the records of these join keys."""
    return msgspec.json.encode(_Question(SERVICE, {JOIN_KEY: keys}))


def answer(body: bytes, keys: Sequence[str]) -> list[StoredRecord | None]:
    """
    Read the records out of an answer, in the order of the join keys asked for.

    Raises:
        StoreError: If it is not an answer to that question.
    """
    try:
        said = _DECODER.decode(body)
        # Feast writes an answer column by column, in an order of its own.
        columns = dict(zip(said.metadata.feature_names, said.results, strict=True))
        asked, found = columns[JOIN_KEY], columns[FIELD]
        cells = list(zip(found.values, found.event_timestamps, strict=True))
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, KeyError) as error:
        message = f"the feature server's answer cannot be read: {error}"
        raise StoreError(message) from error
    if asked.values != list(keys):
        message = "the feature server answered about other keys than it was asked for"
        raise StoreError(message)
    return [
        None if text is None else StoredRecord(stamp_of(at), as_record(text))
        for text, at in cells
    ]


def push(records: Sequence[tuple[str, int, bytes]]) -> bytes:
    """Ask that records (join key, stamp, bytes) are kept."""
    keys, stamps, packed = zip(*records, strict=True)
    at = [_time(stamp) for stamp in stamps]
    frame = {
        JOIN_KEY: list(keys),
        FIELD: [as_text(record) for record in packed],
        EVENT_TIME: at,
        CREATED_TIME: at,
    }
    return msgspec.json.encode(_Push(PUSH_SOURCE, frame))


def stamp_of(at: datetime) -> int:
    """
    Count the microseconds since 1970, exactly.

    >>> stamp_of(datetime(1970, 1, 1, 0, 0, 1, 5, UTC))
    1000005
    """
    return (at - EPOCH) // MICROSECOND


def _time(stamp: int) -> str:
    # All with six digits: pandas takes the form of the first for that of the rest.
    return (EPOCH + stamp * MICROSECOND).isoformat(timespec="microseconds")


_DECODER = msgspec.json.Decoder(_Answer)
