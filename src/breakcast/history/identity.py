"""
Authors under a keyed hash: who is who stays comparable, names stay out.

The key is made on first use and kept beside the ledger. Whoever holds only the
ledger cannot tell which name a hash stands for, nor test a list of names.
"""

import hmac
import os
import re
import secrets
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Self

from breakcast.errors import BadInput

KEY_FILE = "author.key"
"""Name of the key's file in BREAKCAST_HOME."""

KEY_BYTES = 32
"""Length of the key."""

EXPORTED_PREFIX = "h:"
"""What an exported hash begins with, so that an import does not hash it again."""

_EXPORTED = re.compile(r"h:[0-9a-f]{16}")
_REMEMBERED_NAMES = 65_536


class AuthorIdentity:
    """
    Turns an author's name into 16 hexadecimal digits, always the same ones.

    HMAC-SHA256 under a key, cut to 64 bits: of a million authors, two share a
    hash with a chance of one in 37 million. A name of the exported form
    `h:<16 digits>` is a hash already and passes through without its prefix.

    Args:
        key: 32 secret bytes.

    Raises:
        BadInput: If the key has another length.

    >>> identity = AuthorIdentity(bytes(32))
    >>> identity("Ada Lovelace")
    '87178fa0f6da1e3e'
    >>> identity("h:87178fa0f6da1e3e")
    '87178fa0f6da1e3e'
    >>> identity
    AuthorIdentity(key=<hidden>)
    """

    __slots__ = ("_hash",)

    def __init__(self, key: bytes) -> None:
        """Take the key; it is kept in a closure, out of `repr` and `vars`."""
        if len(key) != KEY_BYTES:
            message = f"the author key has {len(key)} bytes; it needs {KEY_BYTES}"
            raise BadInput(message)

        def hashed(name: str) -> str:
            if _EXPORTED.fullmatch(name):
                return name.removeprefix(EXPORTED_PREFIX)
            return hmac.digest(key, name.encode(), "sha256").hex()[:16]

        self._hash = lru_cache(maxsize=_REMEMBERED_NAMES)(hashed)

    @classmethod
    def load(cls, home: Path) -> Self:
        """
        Read the key from `home`, making it first where there is none.

        Many processes may do so at once: one key wins and all of them use it.

        Raises:
            BadInput: If the file there does not hold 32 bytes, or can be neither
                read nor made.
        """
        path = home / KEY_FILE
        try:
            if not path.exists():
                _create(path)
            key = path.read_bytes()
        except OSError as error:
            message = f"the author key {path} can be neither read nor made: {error}"
            raise BadInput(message) from error
        if len(key) != KEY_BYTES:
            message = (
                f"{path} holds {len(key)} bytes; an author key has {KEY_BYTES}. "
                "Restore it from a backup, or remove it: then a new one is made "
                "and authors already in the ledger are strangers"
            )
            raise BadInput(message)
        return cls(key)

    def __call__(self, name: str) -> str:
        """Hash a name to 16 hexadecimal digits."""
        return self._hash(name)

    def __repr__(self) -> str:
        """Say what this is, without the key."""
        return f"{type(self).__name__}(key=<hidden>)"


def _create(path: Path) -> None:
    """Put a whole new key at `path`, unless another process is faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp creates with mode 0600. A hard link is the one portable step that
    # both fails if the name is taken and shows the file only when complete.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{KEY_FILE}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        Path(draft).unlink()
