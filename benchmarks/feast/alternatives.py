"""
The other ways to lay records out in Feast, beside ours, in one repository.

A view a kind, read in one request (its columns of keys filled up with an empty key,
as Feast wants them equally long), or in one request a kind.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.serving.clocks import Clocks
from breakcast.adapters.feast.client import FeatureServer
from breakcast.adapters.feast.messages import EPOCH, MICROSECOND
from breakcast.adapters.feast.naming import as_text
from breakcast.features.store import KINDS, Named

READS = 500
_WARM_UP = 50
_VIEW = """
{kind} = Entity(
    name="{kind}", join_keys=["{kind}_key"], value_type=ValueType.STRING
)
{kind}_pushed = PushSource(
    name="{kind}_pushed",
    batch_source=FileSource(
        name="{kind}_history",
        path=str(Path(__file__).parent / "{kind}.parquet"),
        timestamp_field="event_timestamp",
    ),
)
{kind}_view = FeatureView(
    name="{kind}",
    entities=[{kind}],
    schema=[
        Field(name="{kind}_key", dtype=String),
        Field(name="{kind}_record", dtype=String),
    ],
    ttl=timedelta(0),
    source={kind}_pushed,
)
"""


def write_definitions(folder: Path) -> None:
    """Define a view a kind beside what the repository has."""
    imported = "Entity, FeatureService, FeatureView, Field, FileSource, PushSource"
    views = ", ".join(f"{kind}_view" for kind in KINDS)
    (folder / "alternatives.py").write_text(
        "from datetime import timedelta\nfrom pathlib import Path\n"
        f"from feast import {imported}, ValueType\nfrom feast.types import String\n"
        + "".join(_VIEW.format(kind=kind) for kind in KINDS)
        + f'by_kind = FeatureService(name="by_kind", features=[{views}])\n',
        encoding="utf-8",
    )


def compare(
    url: str, server: int, records: Named, wanted: Sequence[Mapping[str, list[str]]]
) -> dict[str, dict[str, float]]:
    """
    Read the same records each way, one read after the other.

    Args:
        url: The server.
        server: Its process.
        records: What it is given first.
        wanted: What is read, in turn.
    """
    ours = FeatureServer(url, read_seconds=10)
    client = httpx.Client(base_url=url, timeout=10)
    ours.write(records)
    for kind in KINDS:
        _push(client, kind, records)

    def at_once(keys: Mapping[str, list[str]]) -> None:
        longest = max(map(len, keys.values()))
        columns = {
            f"{kind}_key": [*keys.get(kind, []), *[""] * longest][:longest]
            for kind in KINDS
        }
        _ask(client, {"feature_service": "by_kind", "entities": columns})

    def each(keys: Mapping[str, list[str]]) -> None:
        for kind in keys:
            if kind in KINDS:
                features = [f"{kind}:{kind}_record"]
                entities = {f"{kind}_key": keys[kind]}
                _ask(client, {"features": features, "entities": entities})

    ways: dict[str, Callable[[Mapping[str, list[str]]], object]] = {
        "one view, one request": ours.read,
        "a view a kind, one request": at_once,
        "a view a kind, a request a kind": each,
    }
    found = {name: _timed(way, server, wanted) for name, way in ways.items()}
    ours.close()
    client.close()
    return found


def _timed(
    read: Callable[[Mapping[str, list[str]]], object],
    server: int,
    wanted: Sequence[Mapping[str, list[str]]],
) -> dict[str, float]:
    for place in range(_WARM_UP):
        read(wanted[place % len(wanted)])
    before = Clocks.read(server)
    took = []
    for place in range(READS):
        began = time.perf_counter()
        read(wanted[place % len(wanted)])
        took.append(time.perf_counter() - began)
    median, high = np.percentile(took, (50, 99)) * 1e3
    cpu = Clocks.read(server).since(before).server / READS * 1e3
    return {"p50_ms": float(median), "p99_ms": float(high), "server_cpu_ms": cpu}


def _push(client: httpx.Client, kind: str, records: Named) -> None:
    held = records.get(kind)
    if not held:
        return
    frame = {
        f"{kind}_key": list(held),
        f"{kind}_record": [as_text(record) for _, record in held.values()],
        "event_timestamp": [
            (EPOCH + stamp * MICROSECOND).isoformat(timespec="microseconds")
            for stamp, _ in held.values()
        ],
    }
    pushed = {"push_source_name": f"{kind}_pushed", "df": frame, "to": "online"}
    client.post("/push", json=pushed).raise_for_status()


def _ask(client: httpx.Client, question: dict[str, Any]) -> None:
    client.post("/get-online-features", json=question).raise_for_status()
