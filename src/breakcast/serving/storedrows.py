"""Rows read off the records that workers publish: a server then keeps no history."""

import logging
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from breakcast.errors import StoreError
from breakcast.features.catalog import Catalog
from breakcast.features.records import read_row
from breakcast.features.store import RecordStore
from breakcast.history.events import Build
from breakcast.serving.states import Known

_LOG = logging.getLogger("breakcast.store")


class StoredRows:
    """
    The features of builds, off a store of records; as `states.FollowedRows`.

    Args:
        store: Where the records are; it is closed with this.
        stale_after: Records last published longer ago than this are stale.
        waits: Whether the store is on another machine.
    """

    def __init__(
        self, store: RecordStore, stale_after: timedelta, *, waits: bool
    ) -> None:
        self.waits = waits
        self._store = store
        self._stale_after = stale_after
        self._catalogs: dict[str, Catalog] = {}
        self._lock = threading.Lock()
        self._is_failing = False

    def row(self, build: Build, catalog_hash: str, as_of: datetime) -> Known | None:
        """Read a build's features; None if the store cannot be reached in time."""
        catalog = self._catalogs.get(catalog_hash)
        if catalog is None:
            return None
        try:
            reading = read_row(self._store, catalog, build, as_of)
        except StoreError as error:
            self._tell(str(error))
            return None
        self._tell("")
        if reading.pulse is None:
            # No worker has published anything: that is not the same as no history.
            return None
        is_stale = as_of - reading.pulse > self._stale_after
        return Known(reading.row, reading.as_of, is_stale)

    def follow(self, catalogs: Iterable[Catalog]) -> None:
        """Read rows under these catalogs, and no others."""
        self._catalogs = {catalog.hash: catalog for catalog in catalogs}

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _tell(self, trouble: str) -> None:
        """Log a trouble once, and once more when it is over."""
        if bool(trouble) == self._is_failing:
            return
        with self._lock:
            if bool(trouble) == self._is_failing:
                return
            self._is_failing = bool(trouble)
        if trouble:
            _LOG.error("records cannot be read, answers are degraded: %s", trouble)
        else:
            _LOG.info("records can be read again")
