"""What tests of every room may ask for."""

import os
from pathlib import Path

import pytest

from tests.engines import bucket, object_store, postgres, redis

__all__ = ["bucket", "object_store", "postgres", "redis", "shared_data"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """
    The folder of real build histories, beside the checkout or where told.

    They carry no licence to redistribute: where they are absent, the test that
    asks for them is skipped.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BREAKCAST_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(
            f"no real build histories in {folder}; set BREAKCAST_SHARED_DATA to "
            "their folder to run this test"
        )
    return folder
