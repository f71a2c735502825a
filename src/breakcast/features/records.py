"""
Records between a state and a store: what has changed, and what a build is read by.

A store's reader makes a small memory of the few records a build needs and reads
the row off it exactly as a state does.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np

from breakcast.errors import StoreError
from breakcast.features.catalog import Catalog
from breakcast.features.keys import keys_of
from breakcast.features.lineage import KNOWN_ANCESTORS, STEPS, BuildNode
from breakcast.features.memory import Memory
from breakcast.features.packing import UNREADABLE, packed, reader_of
from breakcast.features.paths import path_keys
from breakcast.features.reading import read_features
from breakcast.features.snapshot import Records
from breakcast.features.state import FeatureState, Row
from breakcast.features.store import (
    HEADS,
    KINDS,
    MARKS,
    PULSES,
    RecordStore,
    StoredRecord,
    shard_of,
)
from breakcast.history.events import Build

HINTED = 16
"""So many ancestors are named beside a build's node, to be read at once with it."""

_SEPARATOR = "\x1f"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _HintedNode(msgspec.Struct, array_like=True):
    node: BuildNode
    ancestors: list[str]


class Reading(NamedTuple):
    """
    A row read from a store.

    Attributes:
        row: The features, in catalog order.
        as_of: Up to when facts were used: what was asked for or, if later, just
            after the newest fact in the records.
        pulse: When all that the ledger held was published; None if that never was,
            or is lost.
    """

    row: Row
    as_of: datetime
    pulse: datetime | None


def changed_records(
    state: FeatureState, organisation: str, after: int = 0
) -> dict[str, dict[str, StoredRecord]]:
    """
    Give what has changed in a watched state since it was last asked for.

    Args:
        state: Of one organisation; its memory is watched.
        organisation: Whose.
        after: The last stamp that was given: a state that was made anew, with a
            late fact in it, changes records without having learnt newer facts.
    """
    changed: dict[str, dict[str, StoredRecord]] = {}
    for kind in KINDS:
        shelf = state.memory.shelves[kind]
        if shelf.changed:
            stamp = max(round(state.known_until * 1e6), after + 1)
            suffix = _code(state.catalog) if kind == "neighbourhoods" else ""
            changed[kind] = {
                f"{organisation}{_SEPARATOR}{key}{suffix}": StoredRecord(
                    stamp, _packed(kind, key, state.memory)
                )
                for key in shelf.changed
            }
            shelf.changed.clear()
    return changed


def all_records(
    state: FeatureState, organisation: str, after: int = 0
) -> dict[str, dict[str, StoredRecord]]:
    """Give all records of a watched state, as if each of them had just changed."""
    for kind in KINDS:
        shelf = state.memory.shelves[kind]
        if shelf.changed is not None:
            shelf.changed.update(shelf)
    return changed_records(state, organisation, after)


def shard_key(shard: int, catalog: Catalog) -> str:
    """Name a shard's pulse and mark, for the rows of a catalog."""
    return f"{shard}{_code(catalog)}"


def pulse_of(
    shards: Iterable[int], catalog: Catalog, at: datetime
) -> dict[str, dict[str, StoredRecord]]:
    """Say that what the ledger held at a time is published, of these shards."""
    return {PULSES: _of_shards(shards, catalog, at)}


def mark_of(
    shards: Iterable[int], catalog: Catalog, at: datetime
) -> dict[str, dict[str, StoredRecord]]:
    """Say that all records of these shards have been written."""
    return {MARKS: _of_shards(shards, catalog, at)}


def head_of(
    organisation: str, catalog: Catalog, position: int, stamp: int
) -> dict[str, dict[str, StoredRecord]]:
    """Say that records may have been written of facts up to a ledger's position."""
    name = head_key(organisation, catalog)
    return {HEADS: {name: StoredRecord(stamp, str(position).encode())}}


def head_key(organisation: str, catalog: Catalog) -> str:
    """Name an organisation's head, for the rows of a catalog."""
    return f"{organisation}{_code(catalog)}"


def position_of(head: StoredRecord) -> int:
    """
    Read the position that a head says.

    Raises:
        StoreError: If it says none.
    """
    if not head.record.isdigit():
        message = f"a head in the store is {head.record[:40]!r}, and no position"
        raise StoreError(message)
    return int(head.record)


def names_of(build: Build, catalog: Catalog) -> dict[str, list[str]]:
    """
    Name the records a build's features are read off, by kind.

    Of its lineage only the parent is named; the parent's record names more.
    """
    keys = keys_of(build)
    repo = build.key.repo
    paths = () if build.change is None else build.change.paths
    files, directories = path_keys(repo, paths)
    prefix = f"{build.key.organisation}{_SEPARATOR}"
    names = {
        "tracks": [track for track in keys.tracks if track is not None],
        "tallies": ["", repo, *files, *directories],
        "nodes": [] if keys.parent is None else [keys.parent],
        "commits": [] if keys.commit is None else [keys.commit],
        "boards": [keys.board],
        "sizes": [repo],
        "neighbourhoods": [f"{repo}{_code(catalog)}"] if catalog.code_state else [],
    }
    return {
        kind: [prefix + name for name in named]
        for kind, named in names.items()
        if named
    }


def read_row(
    store: RecordStore, catalog: Catalog, build: Build, as_of: datetime
) -> Reading:
    """
    Read a build's features from a store.

    Raises:
        StoreError: If it cannot be reached, or holds what is no record.
    """
    organisation = build.key.organisation
    wanted = names_of(build, catalog)
    wanted[PULSES] = wanted[MARKS] = [shard_key(shard_of(organisation), catalog)]
    reader = _Reader(store, f"{organisation}{_SEPARATOR}")
    reader.read(wanted)
    reader.read_lineage(keys_of(build).parent)
    newest = _EPOCH + reader.newest * _MICROSECOND
    as_of = as_of if as_of > newest else newest + _MICROSECOND
    values = read_features(reader.memory(), catalog, build, as_of.timestamp())
    return Reading(np.array(values, np.float32), as_of, reader.pulse)


class _Reader:
    """What has been read for one build so far."""

    def __init__(self, store: RecordStore, prefix: str) -> None:
        self.newest = 0
        self.pulse: datetime | None = None
        self._store = store
        self._prefix = prefix
        self._found: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self._hints: dict[str, list[str]] = {}

    def read(self, wanted: Mapping[str, list[str]]) -> None:
        found = dict(self._store.read(wanted))
        pulses, marks = found.pop(PULSES, None), found.pop(MARKS, None)
        if pulses and marks:
            # Of one organisation there is one.
            (pulse,) = pulses.values()
            self.pulse = _EPOCH + pulse.stamp * _MICROSECOND
        for kind, records in found.items():
            for name, (stamp, record) in records.items():
                self.newest = max(self.newest, stamp)
                if record:
                    self._keep(kind, name.removeprefix(self._prefix), record)

    def _keep(self, kind: str, key: str, record: bytes) -> None:
        try:
            value = _READERS[kind].decode(record)
        except UNREADABLE as error:
            message = (
                f"the store's record of {kind} {key!r} cannot be read ({error}); "
                "publish the records again"
            )
            raise StoreError(message) from error
        if kind == "nodes":
            self._hints[key] = value.ancestors
            value = value.node
        elif kind == "neighbourhoods":
            key = key.rpartition(_SEPARATOR)[0]
        self._found[kind][key] = value

    def read_lineage(self, parent: str | None) -> None:
        """Read the nodes that a walk up from a parent visits, many at a time."""
        nodes = self._found["nodes"]
        asked = {parent}
        hints: list[str] = []
        key, known = parent, 0
        for _ in range(STEPS):
            if key is None or known == KNOWN_ANCESTORS:
                return
            if key not in nodes and key not in asked:
                names = [
                    name for name in dict.fromkeys((key, *hints)) if name not in asked
                ]
                asked.update(names)
                self.read({"nodes": [self._prefix + name for name in names]})
            node = nodes.get(key)
            if node is None:
                return
            hints = self._hints[key]
            known += node.failed == node.failed
            key = node.parent

    def memory(self) -> Memory:
        return Memory.of(Records(**self._found, pending={}))


def _of_shards(
    shards: Iterable[int], catalog: Catalog, at: datetime
) -> dict[str, StoredRecord]:
    stored = StoredRecord((at - _EPOCH) // _MICROSECOND, b"")
    return {shard_key(shard, catalog): stored for shard in shards}


def _code(catalog: Catalog) -> str:
    """Name the signals a neighbourhood is of: two models may choose differently."""
    named = "\n".join(catalog.code_state).encode()
    return f"{_SEPARATOR}{hashlib.sha256(named).hexdigest()[:12]}"


def _packed(kind: str, key: str, memory: Memory) -> bytes:
    record = memory.shelves[kind].get(key)
    if record is None:
        return b""
    if kind == "nodes":
        return packed(_HintedNode(record, _ancestors(record, memory)))
    return packed(record)


def _ancestors(node: BuildNode, memory: Memory) -> list[str]:
    ancestors: list[str] = []
    parent: BuildNode | None = node
    while parent is not None and parent.parent and len(ancestors) < HINTED:
        ancestors.append(parent.parent)
        parent = memory.nodes.get(parent.parent)
    return ancestors


_TYPES = {
    field.name: field.type.__args__[1]
    for field in msgspec.structs.fields(Records)
    if field.name in KINDS
}
_READERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    kind: reader_of(_HintedNode if kind == "nodes" else record)
    for kind, record in _TYPES.items()
}
