"""Blobs are written once, whole or not at all, whoever races and whatever ends."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore

from breakcast.blobs import (
    LONGEST_KEY_BYTES,
    BlobStore,
    FolderBlobs,
    ObstoreBlobs,
    blob_store,
)
from breakcast.errors import BadInput


@pytest.fixture(params=["folder", "obstore's folder", "memory", "S3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    """One suite for every store."""
    if request.param == "folder":
        yield FolderBlobs(tmp_path)
    elif request.param == "S3":
        yield blob_store(request.getfixturevalue("bucket"))
    elif request.param == "memory":
        yield ObstoreBlobs(MemoryStore())
    else:
        yield ObstoreBlobs(LocalStore(tmp_path))


@pytest.mark.parametrize("blob", [b"", b"{}", bytes(range(256)) * 5_000])
def test_what_is_put_is_got(blobs: BlobStore, blob: bytes) -> None:
    blobs.put_new("a/b.json", blob)

    assert blobs.get("a/b.json") == blob


def test_a_second_put_is_refused_and_changes_nothing(blobs: BlobStore) -> None:
    blobs.put_new("a.json", b"first")

    with pytest.raises(FileExistsError, match=r"a blob 'a\.json' exists"):
        blobs.put_new("a.json", b"second")
    assert blobs.get("a.json") == b"first"
    assert blobs.keys() == ["a.json"]


@pytest.mark.parametrize("key", ["none", "a", "a/b.json/c"])
def test_what_was_never_put_is_not_there(blobs: BlobStore, key: str) -> None:
    blobs.put_new("a/b.json", b"")

    with pytest.raises((FileNotFoundError, OSError)):
        blobs.get(key)


def test_keys_below_a_prefix_are_listed_in_order(blobs: BlobStore) -> None:
    for key in ("v1.10/z", "v1.1/b", "v1.1/a/c", "v1", "w"):
        blobs.put_new(key, b"")

    assert blobs.keys("v1.1") == ["v1.1/a/c", "v1.1/b"]
    assert blobs.keys("nothing") == []
    assert blobs.keys() == ["v1", "v1.1/a/c", "v1.1/b", "v1.10/z", "w"]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "it is empty"),
        ("/etc/passwd", "it is absolute"),
        ("..", r"a segment is '\.\.'"),
        ("a/../../b", r"a segment is '\.\.'"),
        ("a/./b", r"a segment is '\.'"),
        ("a//b", "a segment is ''"),
        ("a/", "a segment is ''"),
        ("a\x00b", r"it holds '\\x00'"),
        ("a\nb", r"it holds '\\n'"),
        ("a\x7fb", r"it holds '\\x7f'"),
        ("a\\..\\b", r"it holds '\\\\'"),
        ("a/b.json#12", "a segment ends in '#' and a number"),
        ("ä" * LONGEST_KEY_BYTES, f"it has {2 * LONGEST_KEY_BYTES} bytes"),
    ],
)
def test_what_is_no_key_is_refused_everywhere(
    blobs: BlobStore, key: str, why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        blobs.put_new(key, b"")
    with pytest.raises(BadInput, match=why):
        blobs.get(key)
    if key:
        with pytest.raises(BadInput, match=why):
            blobs.keys(key)


@pytest.mark.parametrize("key", ["a b", "ä%2e.json", "a#b", "#1x", "…", "a:b", ".a"])
def test_any_other_name_is_a_key(blobs: BlobStore, key: str) -> None:
    blobs.put_new(key, b"x")

    assert (blobs.keys(), blobs.get(key)) == ([key], b"x")


@pytest.mark.parametrize("kind", ["folder", "S3"])
def test_of_eight_processes_one_wins(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The store ends up with the winner's blob, whole, for each of many keys."""
    keys = [f"promotions/{number:08}.json" for number in range(20)]
    place = str(tmp_path) if kind == "folder" else request.getfixturevalue("bucket")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(8, mp_context=spawn) as pool:
        won = list(pool.map(_race, [place] * 8, range(8), [keys] * 8))

    blobs = blob_store(place)
    assert blobs.keys() == keys
    for at, key in enumerate(keys):
        (winner,) = [runner for runner, wins in enumerate(won) if wins[at]]
        assert blobs.get(key) == _blob(winner)
    if kind == "folder":
        assert len(list((tmp_path / "promotions").iterdir())) == len(keys)


def test_a_bucket_of_more_than_a_thousand_is_listed_whole(bucket: str) -> None:
    """S3 gives a thousand keys at a time."""
    blobs = blob_store(bucket)
    keys = [f"v1.0/{number:04}" for number in range(1_050)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: blobs.put_new(key, b""), keys))

    assert blobs.keys("v1.0") == keys


def test_a_store_that_is_away_is_told_soon_and_without_its_secrets(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        blobs = blob_store(bucket)
        began = time.monotonic()

        with pytest.raises(OSError, match="the blob store failed on 'a'") as caught:
            blobs.get("a")

    assert time.monotonic() - began < 15
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
    assert "tester" not in str(caught.value)


def test_a_bucket_that_does_not_exist_is_told(bucket: str) -> None:
    blobs = blob_store(f"{bucket}-not-there")

    with pytest.raises(OSError, match=r"NoSuchBucket|not exist|no blob"):
        blobs.get("a")
    with pytest.raises(OSError, match="the blob store failed on 'a'"):
        blobs.put_new("a", b"")


def test_a_put_ended_half_way_is_invisible_and_in_nobodys_way(tmp_path: Path) -> None:
    """The writer is killed when the blob is drafted and its name not yet given."""
    script = (
        "import os, pathlib, signal, sys\n"
        "from breakcast.blobs import FolderBlobs\n"
        "pathlib.Path.hardlink_to = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "FolderBlobs(pathlib.Path(sys.argv[1])).put_new('v1.0/manifest.json', b'half')"
    )
    ended = subprocess.run([sys.executable, "-c", script, tmp_path], check=False)  # noqa: S603
    assert ended.returncode == -signal.SIGKILL
    assert [path.name for path in (tmp_path / "v1.0").iterdir()] != []

    blobs = FolderBlobs(tmp_path)

    assert blobs.keys() == []
    blobs.put_new("v1.0/manifest.json", b"whole")
    assert blobs.get("v1.0/manifest.json") == b"whole"


def test_a_blob_is_on_the_disk_before_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    sync, link = os.fsync, os.link

    def note_sync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        steps.append("sync draft" if "#" in path.name else f"sync {path.name}")
        sync(handle)

    def note_link(draft: Path, path: Path) -> None:
        steps.append("link")
        link(draft, path)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "link", note_link)
    (tmp_path / "blobs").mkdir()

    FolderBlobs(tmp_path / "blobs").put_new("v1.0/manifest.json", b"{}")

    assert steps == ["sync draft", "link", "sync v1.0", "sync blobs"]


def test_a_folder_that_cannot_be_written_to_is_an_os_error(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    blobs.put_new("a", b"")

    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        blobs.put_new("a/b", b"")


def test_what_obstore_cannot_do_is_told_in_one_line(tmp_path: Path) -> None:
    """Its own message ends in pages of debug output, and its error is not ours."""
    blobs = FolderBlobs(tmp_path)
    blobs.put_new("a", b"")

    with pytest.raises(OSError, match=r"the blob store failed on 'a/b': .*") as caught:
        blobs.get("a/b")
    assert "\n" not in str(caught.value)


def test_a_place_is_a_folder_or_a_bucket(tmp_path: Path) -> None:
    assert isinstance(blob_store(tmp_path / "new"), FolderBlobs)
    assert (tmp_path / "new").is_dir()
    assert type(blob_store("s3://ci-failure-models/predictor")) is ObstoreBlobs


@pytest.mark.parametrize("place", ["", "ftp://models", "memory://", "http://models"])
def test_another_place_is_refused(place: str) -> None:
    with pytest.raises(BadInput, match="kept in a folder or under s3://<bucket>; got"):
        blob_store(place)


def test_a_file_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(BadInput, match="file is a file; blobs are kept in a folder"):
        blob_store(tmp_path / "file")


def test_obstores_own_draft_is_what_we_take_it_for(tmp_path: Path) -> None:
    """If obstore begins to show such names, our drafts would be seen."""
    (tmp_path / "a.json#17446744073709551615").write_bytes(b"draft")

    listed = [blob for page in obstore.list(LocalStore(tmp_path)) for blob in page]

    assert listed == []


def _race(place: str, runner: int, keys: list[str]) -> list[bool]:
    blobs = blob_store(place)
    won = []
    for key in keys:
        try:
            blobs.put_new(key, _blob(runner))
        except FileExistsError:
            won.append(False)
        else:
            won.append(True)
    return won


def _blob(runner: int) -> bytes:
    return bytes([runner]) * 100_000
