"""A real feature server: every trap on the way, and what becomes of it."""

import random
import secrets
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from breakcast.adapters.feast.client import FeatureServer
from breakcast.adapters.feast.repository import SetUp
from breakcast.errors import StoreError
from breakcast.features.columns import catalog_of
from breakcast.features.store import Named, StoredRecord
from tests.adapters.feast.conftest import PATIENT_SECONDS, Online
from tests.adapters.feast.servers import WORKERS, FeastServer, apply

NOON = 1_777_896_000_000_000


@pytest.fixture
def organisation() -> str:
    """Name an organisation of which no other test knows."""
    return f"acme-{secrets.token_hex(4)}"


def one(organisation: str, stamp: int, record: bytes) -> Named:
    return {"tracks": {organisation: StoredRecord(stamp, record)}}


def test_what_is_written_is_read_to_the_byte_and_the_microsecond(
    client: FeatureServer, organisation: str
) -> None:
    rng = random.Random(7)  # noqa: S311 - no secret
    names = [
        "",
        " ",
        "ä/ö",
        "\x1f\n\t",
        '"quoted"',
        "\U0001d518",
        "null",
        "1",
        "x" * 2_000,
    ]
    written = {
        kind: {
            f"{organisation}\x1f{name}": StoredRecord(
                rng.randrange(10**15, 2 * 10**15), rng.randbytes(rng.randrange(500))
            )
            for name in names
        }
        for kind in ("tracks", "nodes", "pulses")
    }
    client.write(written)

    wanted = {
        kind: [*records, f"{organisation}\x1fabsent"]
        for kind, records in written.items()
    }
    assert client.read(wanted) == written


def test_many_records_and_a_large_one_are_kept(
    client: FeatureServer, organisation: str
) -> None:
    written = {
        "tallies": {
            f"{organisation}\x1f{i}": StoredRecord(NOON + i, bytes(60))
            for i in range(1_100)
        },
        "neighbourhoods": {
            organisation: StoredRecord(NOON, random.Random(1).randbytes(200_000))  # noqa: S311 - no secret
        },
    }
    client.write(written)

    wanted = {kind: list(records) for kind, records in written.items()}
    assert client.read(wanted) == written


def test_the_newer_of_two_versions_stays_whichever_comes_first(
    client: FeatureServer, organisation: str
) -> None:
    newer, older = one(organisation, NOON + 1, b"new"), one(organisation, NOON, b"old")
    for version in (older, newer, older):
        client.write(version)

    assert client.read({"tracks": [organisation]}) == newer


def test_of_two_versions_of_one_time_the_first_stays(
    client: FeatureServer, organisation: str
) -> None:
    """Hence every change of a record has a greater stamp than the one before."""
    first = one(organisation, NOON, b"first")
    client.write(first)
    client.write(one(organisation, NOON, b"second"))
    assert client.read({"tracks": [organisation]}) == first

    later = one(organisation, NOON + 1, b"second")
    client.write(later)
    assert client.read({"tracks": [organisation]}) == later


def test_a_record_that_is_dropped_is_read_as_empty(
    client: FeatureServer, organisation: str
) -> None:
    client.write(one(organisation, NOON, b"x"))
    dropped = one(organisation, NOON + 1, b"")
    client.write(dropped)

    assert client.read({"tracks": [organisation]}) == dropped


def test_a_record_is_given_however_old_with_its_stamp(
    client: FeatureServer, organisation: str
) -> None:
    """Feast applies no limit of age when serving: readers look at the stamp."""
    ancient = one(organisation, 946_684_800_000_000, b"of the year 2000")
    client.write(ancient)

    assert client.read({"tracks": [organisation]}) == ancient


def test_its_workers_begin_as_the_repository_says(online: Online) -> None:
    log = online.server.log.read_text(encoding="utf-8")

    assert log.count("Loaded static artifacts from static_artifacts.py") >= WORKERS
    assert "Failed to load static artifacts" not in log


@pytest.mark.slow
def test_a_worker_answers_more_than_a_thousand_requests_and_stays(
    online: Online,
) -> None:
    """By its defaults Feast replaces it then, and for a second nobody answers."""
    with closing(FeatureServer(online.server.url, read_seconds=1)) as client:
        for _ in range(2_300):
            client.read({"tracks": ["acme"]})

    assert "Autorestarting" not in online.server.log.read_text(encoding="utf-8")


def test_while_redis_is_away_reads_and_writes_fail_and_recover(
    online: Online, organisation: str
) -> None:
    record = one(organisation, NOON, b"x")
    with closing(
        FeatureServer(online.server.url, read_seconds=PATIENT_SECONDS)
    ) as client:
        client.write(record)
        online.redis.stop()
        try:
            with pytest.raises(StoreError, match="answered 500 to push"):
                client.write(record)
            for _ in range(5):
                with pytest.raises(StoreError, match="answered 500 to get-online"):
                    client.read({"tracks": [organisation]})
            with pytest.raises(StoreError, match="is not asked"):
                client.read({"tracks": [organisation]})
        finally:
            online.redis.start()

        end = time.monotonic() + 30
        while client.breaker.is_open and time.monotonic() < end:
            try:
                # It forgets all when it stops; the record is published again.
                assert client.read({"tracks": [organisation]}) == {}
            except StoreError:
                time.sleep(0.1)
        client.write(record)
        assert client.read({"tracks": [organisation]}) == record


@pytest.fixture(scope="module")
def development(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeastServer]:
    folder = tmp_path_factory.mktemp("development")
    repository = apply(folder, catalog_of(), SetUp.DEVELOPMENT)
    with FeastServer(repository) as server:
        yield server


def test_in_development_a_version_that_comes_late_replaces_a_newer_one(
    development: FeastServer,
) -> None:
    """A trap of Feast's SQLite store: it is for one writer, who writes in order."""
    with closing(
        FeatureServer(development.url, read_seconds=PATIENT_SECONDS)
    ) as client:
        client.write(one("acme", NOON + 1, b"new"))
        client.write(one("acme", NOON, b"old"))

        assert client.read({"tracks": ["acme"]}) == one("acme", NOON, b"old")
