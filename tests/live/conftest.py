"""A place for a ledger in each kind of database, and a shop in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.history.ledger import Ledger
from tests.history.conftest import place
from tests.live.shop import Shop

__all__ = ["place", "shop"]


@pytest.fixture
def shop(place: str | Path, tmp_path: Path) -> Iterator[Shop]:
    store = SqliteStore(tmp_path / "records.db")
    with Ledger.open(place) as ledger:
        yield Shop(ledger, store)
    store.close()
