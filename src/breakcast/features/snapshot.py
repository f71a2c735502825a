"""
A saved feature state: MessagePack inside an envelope that is checked first.

The envelope carries the format's number and the SHA-256 of its body; the body
carries the catalog's hash, so a state is never read under other columns than
those it was built for.
"""

import hashlib

import msgspec

from breakcast.errors import SnapshotError
from breakcast.features.change import SizeDistribution
from breakcast.features.lineage import BuildNode
from breakcast.features.neighbourhood import Neighbourhood
from breakcast.features.packing import UNREADABLE, packed, reader_of
from breakcast.features.pending import Pending
from breakcast.features.surroundings import Board, CommitRecord
from breakcast.features.track import Tally, TrackRecord
from breakcast.history.events import Event

FORMAT = 2


class Records(msgspec.Struct):
    """All records of a state, by kind and key, each kind lightest first."""

    tracks: dict[str, TrackRecord]
    tallies: dict[str, Tally]
    nodes: dict[str, BuildNode]
    commits: dict[str, CommitRecord]
    boards: dict[str, Board]
    sizes: dict[str, SizeDistribution]
    neighbourhoods: dict[str, Neighbourhood]
    pending: dict[str, Pending]


class Snapshot(msgspec.Struct):
    """A feature state at one ledger position; `held` are its last instant's facts."""

    catalog: str
    position: int
    facts_seen: int
    known_until: float
    held: list[Event]
    held_at: float
    records: Records


class _Envelope(msgspec.Struct):
    format: int
    sha256: str
    body: bytes


def pack(snapshot: Snapshot) -> bytes:
    """Encode a snapshot, sealed with its SHA-256."""
    body = packed(snapshot)
    return packed(_Envelope(FORMAT, hashlib.sha256(body).hexdigest(), body))


def unpack(sealed: bytes, catalog: str) -> Snapshot:
    """
    Decode what `pack` encoded, for the catalog of this hash.

    Raises:
        SnapshotError: If it is damaged, of another format or of another catalog.
    """
    try:
        envelope = msgspec.msgpack.decode(sealed, type=_Envelope)
    except UNREADABLE as error:
        raise SnapshotError(_refusal(f"cannot be read ({error})")) from error
    if envelope.format != FORMAT:
        wrong = f"has format {envelope.format}, this code reads {FORMAT}"
        raise SnapshotError(_refusal(wrong))
    digest = hashlib.sha256(envelope.body).hexdigest()
    if digest != envelope.sha256:
        wrong = f"is damaged: its SHA-256 is {digest}, its seal says {envelope.sha256}"
        raise SnapshotError(_refusal(wrong))
    try:
        snapshot = _READER.decode(envelope.body)
    except UNREADABLE as error:
        raise SnapshotError(_refusal(f"cannot be read ({error})")) from error
    if snapshot.catalog != catalog:
        wrong = f"is of catalog {snapshot.catalog[:12]}, wanted is {catalog[:12]}"
        raise SnapshotError(_refusal(wrong))
    return snapshot


def _refusal(wrong: str) -> str:
    return f"the saved state {wrong}; replay the ledger to make it anew"


_READER: msgspec.msgpack.Decoder[Snapshot] = reader_of(Snapshot)
