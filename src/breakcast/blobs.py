"""
Blobs under keys, each written once and never changed: a folder here, S3 there.

The only promise beyond reading and listing is the create-only put: of many that
race for a key one wins, and a blob is seen whole or not at all. Every store
that matters keeps it; conditional overwrites they keep each in their own way,
so nothing here overwrites.
"""

import os
import re
import secrets
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

from breakcast.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import ObjectStore, RetryConfig

LONGEST_KEY_BYTES = 512
"""S3 allows 1,024 with the bucket's prefix; ours are far shorter."""

_PATIENCE: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
"""Left alone it tries for minutes; who asks can do without, and asks again."""

# obstore hides names that end so: they are a folder's unfinished writes.
_DRAFT = re.compile(r"#\d+$")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


class BlobStore(Protocol):
    """
    Where blobs lie. A key is a relative path with `/` between its segments.

    Every method raises BadInput for a key that is not one, and OSError if the
    store cannot be reached or refuses.
    """

    def get(self, key: str) -> bytes:
        """Read a blob whole; FileNotFoundError if there is none."""
        ...

    def put_new(self, key: str, blob: bytes) -> None:
        """Write a blob where none is; FileExistsError, and no change, if one is."""
        ...

    def keys(self, prefix: str = "") -> list[str]:
        """List the keys below `prefix/` (all without a prefix), sorted."""
        ...


class ObstoreBlobs:
    """
    Blobs in any store that obstore speaks to.

    Args:
        store: The obstore store; keys are relative to its prefix.
    """

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    def get(self, key: str) -> bytes:
        """Read a blob whole; FileNotFoundError if there is none."""
        check_key(key)
        with _as_os_error(key):
            return bytes(obstore.get(self._store, key).bytes())

    def put_new(self, key: str, blob: bytes) -> None:
        """Write a blob where none is; FileExistsError, and no change, if one is."""
        check_key(key)
        try:
            with _as_os_error(key):
                obstore.put(self._store, key, blob, mode="create")
        except FileNotFoundError as error:
            message = f"the blob store failed on {key!r}: its bucket does not exist"
            raise OSError(message) from error

    def keys(self, prefix: str = "") -> list[str]:
        """List the keys below `prefix/` (all without a prefix), sorted."""
        if prefix:
            check_key(prefix)
        with _as_os_error(prefix or "."):
            pages = obstore.list(self._store, prefix or None)
            return sorted(blob["path"] for page in pages for blob in page)


class FolderBlobs(ObstoreBlobs):
    """
    Blobs as files below a folder, which is made if need be.

    What is put is on the disk before its key can be seen: obstore drafts and
    links in the same way but does not wait for the disk, and after a power cut
    a name could stand for nothing.

    Args:
        folder: The folder.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     blobs = FolderBlobs(Path(folder))
    ...     blobs.put_new("v1.0/manifest.json", b"{}")
    ...     blobs.keys("v1.0"), blobs.get("v1.0/manifest.json")
    (['v1.0/manifest.json'], b'{}')
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            message = f"{folder} is a file; blobs are kept in a folder"
            raise BadInput(message) from error
        self.folder = folder.resolve()
        super().__init__(LocalStore(self.folder))

    def put_new(self, key: str, blob: bytes) -> None:
        """Write a blob where none is; FileExistsError, and no change, if one is."""
        check_key(key)
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}#{secrets.randbits(64)}")
        try:
            with draft.open("xb") as file:
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
            try:
                # The one portable step that fails if the name is taken and shows
                # the file only when it is whole.
                path.hardlink_to(draft)
            except FileExistsError as error:
                raise _taken(key) from error
        finally:
            draft.unlink(missing_ok=True)
        folder = path.parent
        while folder.is_relative_to(self.folder):
            _sync_folder(folder)
            folder = folder.parent


def blob_store(place: str | Path) -> ObstoreBlobs:
    """
    Open the store at a place: a folder, or `s3://bucket/prefix`.

    S3's endpoint, region and keys come from the environment (`AWS_*`).

    Raises:
        BadInput: If the place is neither.

    >>> blob_store("ftp://models")
    Traceback (most recent call last):
    breakcast.errors.BadInput: blobs are kept in a folder or under s3://<bucket>; \
got 'ftp://models'
    """
    name = str(place)
    if name.startswith("s3://"):
        return ObstoreBlobs(S3Store.from_url(name, retry_config=_PATIENCE))
    if "://" in name or not name:
        message = f"blobs are kept in a folder or under s3://<bucket>; got {name!r}"
        raise BadInput(message)
    return FolderBlobs(Path(place))


def check_key(key: str) -> None:
    """
    Refuse a key that could leave the store, or that not every store takes.

    Raises:
        BadInput: Says which rule it breaks.

    >>> check_key("predictor/prod/v1.0/manifest.json")
    >>> check_key("predictor/../../etc/passwd")
    Traceback (most recent call last):
    breakcast.errors.BadInput: 'predictor/../../etc/passwd' is no key: a segment \
is '..'; write it like 'v1.0/manifest.json'
    """
    segments = key.split("/")
    wrong = None
    if not key:
        wrong = "it is empty"
    elif key.startswith("/"):
        wrong = "it is absolute"
    elif found := _FORBIDDEN.search(key):
        wrong = f"it holds {found.group()!r}"
    elif bad := {"", ".", ".."}.intersection(segments):
        wrong = f"a segment is {min(bad)!r}"
    elif any(_DRAFT.search(segment) for segment in segments):
        wrong = "a segment ends in '#' and a number, as an unfinished write does"
    elif len(key.encode()) > LONGEST_KEY_BYTES:
        wrong = f"it has {len(key.encode())} bytes, the most is {LONGEST_KEY_BYTES}"
    if wrong:
        message = f"{key!r} is no key: {wrong}; write it like 'v1.0/manifest.json'"
        raise BadInput(message)


@contextmanager
def _as_os_error(key: str) -> "Iterator[None]":
    """Obstore's own errors stay in this file, without its pages of debug output."""
    try:
        yield
    except FileNotFoundError as error:
        message = f"there is no blob {key!r}"
        raise FileNotFoundError(message) from error
    except AlreadyExistsError as error:
        raise _taken(key) from error
    except BaseError as error:
        reason = str(error).partition("\n")[0]
        message = f"the blob store failed on {key!r}: {reason}"
        raise OSError(message) from error


def _taken(key: str) -> FileExistsError:
    return FileExistsError(f"a blob {key!r} exists; blobs are never overwritten")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
