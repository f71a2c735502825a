"""
Where records are kept for others to read: written by workers, read by predictors.

A store holds the newest version of every record, packed, by kind and key. It
knows nothing of what is in it; `records` packs and reads.

How fresh all of it is say the pulses: organisations fall into shards, and whoever
publishes a shard's records writes its pulse again and again. A store that was
emptied lacks its marks, which are written only after all records of a shard were.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias
from zlib import crc32

KINDS = (
    "tracks",
    "tallies",
    "nodes",
    "commits",
    "boards",
    "sizes",
    "neighbourhoods",
)
"""The kinds of records, named as their shelves in `memory`."""

PULSES, MARKS = "pulses", "marks"
"""The kinds of what is written of a shard as a whole; see `records.shard_key`."""

HEADS = "heads"
"""The kind of what says up to where an organisation's records may have been written."""

SHARDS = 32
"""Into so many shards organisations fall, whatever they are called."""


class StoredRecord(NamedTuple):
    """
    One version of a record.

    Attributes:
        stamp: When the newest fact in it became known, in microseconds since 1970;
            every change of a record has a greater one. A pulse's is when all that
            the ledger held was published.
        record: The record as MessagePack; empty once it has been dropped, and in
            pulses and marks.
    """

    stamp: int
    record: bytes


Named: TypeAlias = Mapping[str, Mapping[str, StoredRecord]]
"""Records by kind and key; every record's key begins with its organisation."""


def shard_of(organisation: str) -> int:
    """
    Tell which shard an organisation is in, the same in every process.

    >>> shard_of("acme")
    30
    """
    return crc32(organisation.encode()) % SHARDS


class RecordStore(Protocol):
    """A store of records; called in any thread."""

    def read(self, wanted: Mapping[str, Sequence[str]]) -> Named:
        """
        Read the records of these kinds and keys; those it has none of are left out.

        Raises:
            StoreError: If it cannot be reached in time.
        """
        ...

    def write(self, changed: Named) -> None:
        """
        Write records; of two versions of one the newer stays.

        Raises:
            StoreError: If it cannot be reached; any part may have been written, and
                writing all of it again does no harm.
        """
        ...

    def close(self) -> None:
        """Close what is open; a closed store is not used again."""
        ...
