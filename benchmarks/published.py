"""Waits until a worker has published all that a ledger holds."""

import time
from contextlib import closing
from pathlib import Path

from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.features.catalog import Catalog
from breakcast.features.records import shard_key
from breakcast.features.store import PULSES, SHARDS

PATIENCE_SECONDS = 900.0


def wait_until_published(place: Path, catalog: Catalog) -> float:
    """Wait until every shard's pulse in a SQLite store is newer; for how long."""
    began, now = time.monotonic(), time.time() * 1e6
    names = [shard_key(shard, catalog) for shard in range(SHARDS)]
    with closing(SqliteStore(place)) as store:
        while time.monotonic() < began + PATIENCE_SECONDS:
            pulses = store.read({PULSES: names})[PULSES].values()
            if len(pulses) == SHARDS and all(pulse.stamp > now for pulse in pulses):
                return time.monotonic() - began
            time.sleep(0.1)
    message = f"{place} does not hold all records after {PATIENCE_SECONDS:.0f} s"
    raise TimeoutError(message)
