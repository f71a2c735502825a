"""Ledgers to test, on every database there may be one in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from breakcast.history.ledger import Ledger
from tests.engines import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a ledger may be made: nothing is there yet."""
    if request.param == "sqlite":
        yield str(tmp_path / "ledger.db")
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def other_place(tmp_path: Path, postgres: Postgres, place: str) -> Iterator[str]:
    """Where another ledger may be made, in the other kind of database."""
    if "://" in place:
        yield str(tmp_path / "other.db")
        return
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def ledger(place: str) -> Iterator[Ledger]:
    """An empty ledger."""
    with Ledger.open(place) as opened:
        yield opened
