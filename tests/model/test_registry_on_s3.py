"""The registry on an S3 server: the same promises as in a folder."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from breakcast.blobs import ObstoreBlobs, blob_store
from breakcast.errors import BundleError, RegistryError
from breakcast.model.bundle import load_bundle
from breakcast.model.bundlewriting import write_bundle
from breakcast.model.manifest import FILES, MANIFEST
from breakcast.model.registry import DEFAULT_PREFIX, Registry
from tests.engines import ObjectStore
from tests.model.made_bundles import make_parts

AT = datetime(2026, 4, 1, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "written"
    write_bundle(make_parts(), folder)
    return folder


@pytest.fixture
def registry(bucket: str, written: Path) -> Registry:
    """A registry in a bucket of its own: v1.0 and v1.1, and v1.0 answers."""
    registry = Registry(blob_store(bucket))
    for _ in range(2):
        registry.publish(written)
    registry.promote("v1.0", actor="test", reason="the first", at=AT)
    return registry


class Raw:
    """A bucket as others see it: what is there can be written over, and deleted."""

    def __init__(self, bucket: str) -> None:
        self._store = S3Store.from_url(bucket)

    def get(self, key: str) -> bytes:
        return bytes(obstore.get(self._store, key).bytes())

    def put(self, key: str, blob: bytes) -> None:
        obstore.put(self._store, key, blob)

    def delete(self, key: str) -> None:
        obstore.delete(self._store, key)


@pytest.fixture
def raw(bucket: str) -> Raw:
    return Raw(bucket)


def test_version_one_lies_where_kserve_looks_for_it(
    object_store: ObjectStore,
    written: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What its storage initializer downloads from there loads as a bundle."""
    for name, value in object_store.access.items():
        monkeypatch.setenv(name, value)
    place = object_store.new_bucket("ci-failure-models")
    version = Registry(blob_store(place)).publish(written)

    bucket = Raw(place)
    for name in (*FILES, MANIFEST):
        blob = bucket.get(f"predictor/prod/v1.0/{name}")
        (tmp_path / name).write_bytes(blob)

    assert version == "v1.0"
    assert load_bundle(tmp_path).version == "v1.0"


def test_of_eight_promoters_one_wins_and_the_others_are_told_who(
    bucket: str, written: Path
) -> None:
    registry = Registry(blob_store(bucket))
    for _ in range(9):
        registry.publish(written)
    registry.promote("v1.0", actor="test", reason="the first", at=AT)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(8, mp_context=spawn) as pool:
        told = list(pool.map(_promote, [bucket] * 8, range(1, 9)))

    current = registry.current()
    assert current is not None
    assert current.seq == 2
    assert told.count("won") == 1
    assert told[int(current.champion.removeprefix("v1.")) - 1] == "won"
    assert all("promotion" in one or one == "won" for one in told)


@pytest.mark.parametrize("puts", range(len(FILES) + 1))
def test_an_upload_that_is_cut_short_is_no_version(
    registry: Registry, bucket: str, written: Path, puts: int
) -> None:
    cut_short = Registry(_CutShort(bucket, puts))

    with pytest.raises(OSError, match="the line is dead"):
        cut_short.publish(written)

    assert registry.versions() == ["v1.0", "v1.1"]
    assert registry.publish(written) == ("v1.3" if puts else "v1.2")


@pytest.mark.parametrize("name", ["model.treelite", "calibration.json", "prior.json"])
def test_a_file_that_was_changed_is_refused(
    registry: Registry, raw: Raw, name: str
) -> None:
    key = f"{DEFAULT_PREFIX}/v1.0/{name}"
    blob = bytearray(raw.get(key))
    blob[len(blob) // 2] ^= 1
    raw.put(key, bytes(blob))

    with pytest.raises(BundleError, match=f"{name} has .* it is damaged"):
        registry.load_champion()


def test_a_version_that_was_swapped_whole_is_refused(
    registry: Registry, raw: Raw, tmp_path: Path
) -> None:
    """Its manifest fits its files; only the log knows that it is another one."""
    other = tmp_path / "other"
    write_bundle(make_parts(confidence_cut=0.77), other)
    theirs = Registry(blob_store(tmp_path / "theirs"))
    theirs.publish(other)
    place = tmp_path / "theirs" / DEFAULT_PREFIX / "v1.0"
    for name in (*FILES, MANIFEST):
        raw.put(f"{DEFAULT_PREFIX}/v1.0/{name}", (place / name).read_bytes())

    assert registry.load("v1.0").confidence_cut == 0.77
    with pytest.raises(BundleError, match="was promoted; it has been changed since"):
        registry.load_champion()


def test_a_file_that_is_missing_or_added_is_refused(
    registry: Registry, raw: Raw
) -> None:
    raw.put(f"{DEFAULT_PREFIX}/v1.0/more.json", b"{}")
    with pytest.raises(BundleError, match=r"more\.json is not in"):
        registry.load_champion()
    raw.delete(f"{DEFAULT_PREFIX}/v1.0/more.json")
    raw.delete(f"{DEFAULT_PREFIX}/v1.0/prior.json")

    with pytest.raises(BundleError, match=r"prior\.json is missing"):
        registry.load_champion()


def test_a_rollback_answers_by_the_version_before(registry: Registry) -> None:
    registry.promote("v1.1", actor="test", reason="better", at=AT)

    entry = registry.rollback(actor="test", reason="worse", at=AT)

    assert (entry.seq, entry.champion) == (3, "v1.0")
    champion = registry.load_champion()
    assert champion is not None
    assert champion.version == "v1.0"


class _CutShort(ObstoreBlobs):
    """A store whose line goes dead after so many puts."""

    def __init__(self, bucket: str, puts: int) -> None:
        self._inner = blob_store(bucket)
        self._puts = puts

    def get(self, key: str) -> bytes:
        return self._inner.get(key)

    def keys(self, prefix: str = "") -> list[str]:
        return self._inner.keys(prefix)

    def put_new(self, key: str, blob: bytes) -> None:
        if not self._puts:
            message = "the line is dead"
            raise OSError(message)
        self._puts -= 1
        self._inner.put_new(key, blob)


def _promote(bucket: str, minor: int) -> str:
    registry = Registry(blob_store(bucket))
    try:
        registry.promote(
            f"v1.{minor}", actor=f"promoter {minor}", reason="race", at=AT, decided_on=1
        )
    except RegistryError as error:
        return str(error)
    return "won"
