"""Rows read at a given rate, whether or not those before have been."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.feast.builds import SEED, asked_at
from breakcast.adapters.feast.client import FeatureServer
from breakcast.errors import StoreError
from breakcast.features.catalog import Catalog
from breakcast.features.records import read_row
from breakcast.history.events import Build

THREADS = 32


def pace(
    url: str, catalog: Catalog, builds: Sequence[Build], rate: int, seconds: int
) -> dict[str, Any]:
    """Read rows at random moments, so many a second; latency counts from when due."""
    gaps = np.random.default_rng(SEED).exponential(1 / rate, rate * seconds)
    store = FeatureServer(url)
    took = np.zeros(len(gaps))
    failed = 0
    lock = threading.Lock()
    began = time.perf_counter() + 0.1

    def read(place: int, due: float) -> None:
        nonlocal failed
        try:
            read_row(store, catalog, builds[place % len(builds)], asked_at())
        except StoreError:
            with lock:
                failed += 1
        took[place] = time.perf_counter() - due

    with ThreadPoolExecutor(THREADS) as pool:
        for place, moment in enumerate((began + gaps.cumsum()).tolist()):
            time.sleep(max(0.0, moment - time.perf_counter()))
            pool.submit(read, place, moment)
    store.close()
    third = len(took) // 3
    median, high, most = np.percentile(took, (50, 99, 100)) * 1e3
    return {
        "reads": len(took),
        "failed": failed,
        "p50_ms": float(median),
        "p99_ms": float(high),
        "max_ms": float(most),
        "p50_ms_first_third": float(np.median(took[:third]) * 1e3),
        "p50_ms_last_third": float(np.median(took[-third:]) * 1e3),
    }
