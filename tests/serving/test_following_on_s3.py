"""A real server follows promotions on S3, and outlives the store."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from breakcast.blobs import blob_store
from breakcast.model.registry import Registry
from tests.engines import ObjectStore
from tests.serving.made_servers import bundle_folder
from tests.serving.served import HEADLINE, NAME, PREDICT, Served, wait_for

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    """An S3 server of the test's own: it is stopped."""
    with ObjectStore() as server:
        yield server


def test_the_server_keeps_its_model_while_the_store_is_away_and_says_so(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.access.items():
        monkeypatch.setenv(name, value)
    place = store.new_bucket("ci-failure-models")
    registry = Registry(blob_store(place))
    for _ in range(2):
        registry.publish(bundle_folder())
    registry.promote("v1.0", actor="test", reason="the first", at=AT)
    served = Served(["--registry", place], tmp_path)
    try:
        served.wait_ready()
        keys = registry.blobs.keys()
        kept = {key: registry.blobs.get(key) for key in keys}

        store.stop()
        wait_for(
            lambda: _says(served, "models cannot be followed"),
            "the server to say that the store is away",
        )
        assert _asked(served) == "v1.0"
        assert _failed_looks(served) > 0

        store.start()
        store.new_bucket("ci-failure-models")
        for key, blob in kept.items():
            registry.blobs.put_new(key, blob)
        registry.promote("v1.1", actor="test", reason="better", at=AT)
        wait_for(lambda: _asked(served) == "v1.1", "the server to follow again")

        assert _says(served, "models can be followed again")
        assert not _says(served, store.secret)
    finally:
        served.end()


def _says(served: Served, words: str) -> bool:
    return any(words in one for one in served.messages())


def _asked(served: Served) -> str:
    """Ask for a forecast, which must not fail; the version that answers."""
    reply = httpx.post(f"{served.url}{PREDICT}", json=HEADLINE)
    assert reply.status_code == 200
    status = httpx.get(f"{served.url}/v2/models/{NAME}").json()
    version: str = status["versions"][0]
    return version


def _failed_looks(served: Served) -> float:
    told = httpx.get(f"{served.url}/metrics").text
    name = f'breakcast_failed_looks_total{{model="{NAME}",of="models"}} '
    line = next(one for one in told.splitlines() if one.startswith(name))
    return float(line.removeprefix(name))
