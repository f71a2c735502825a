"""A place for a ledger in each kind of database, as history's own tests have it."""

from tests.history.conftest import place

__all__ = ["place"]
