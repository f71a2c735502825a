"""
Signing in at GitHub: with a token, as a GitHub App, or not at all.

An App proves who it is by a key, gets a token for each installation, an hour
long, and asks for no more than reading.

Source:
    https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

import re
import threading
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from breakcast.adapters.github.answers import Question
from breakcast.adapters.github.calls import Calls
from breakcast.adapters.github.client import checked_repo
from breakcast.errors import BadInput

PERMISSIONS = {
    "actions": "read",
    "contents": "read",
    "metadata": "read",
    "pull_requests": "read",
}
"""All that a token of an installation may do, whatever the App itself may."""

_MARGIN_SECONDS = 300
_JWT_BACK_SECONDS = 60
# Ten minutes are allowed, on a clock that may be behind ours.
_JWT_AHEAD_SECONDS = 540
_TOKEN = re.compile(r"[\x21-\x7e]{1,1024}")


class PlainToken:
    """
    One token for every repository; None asks as nobody, sixty times an hour.

    Raises:
        BadInput: If it could not be a token; the message does not show it.

    >>> PlainToken("ghp_secret")
    PlainToken(<hidden>)
    >>> PlainToken("two words")
    Traceback (most recent call last):
    breakcast.errors.BadInput: the GitHub token has blanks or characters that no \
token has; copy it again
    """

    def __init__(self, token: str | None) -> None:
        if token is not None and not _TOKEN.fullmatch(token):
            message = (
                "the GitHub token has blanks or characters that no token has; "
                "copy it again"
            )
            raise BadInput(message)
        self._token = token

    def token(self, repo: str) -> str | None:  # noqa: ARG002 - it is for all of them
        """Give the token."""
        return self._token

    def refused(self, repo: str, token: str | None) -> bool:  # noqa: ARG002
        """Say that there is no other."""
        return False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'none' if self._token is None else '<hidden>'})"


class AppTokens:
    """
    Tokens of a GitHub App's installations, renewed five minutes before they end.

    Safe to share between threads; of many that need a token one fetches it.

    Args:
        app_id: The App's id, as its page at GitHub says.
        key_file: Its private key, a PEM file that GitHub made.
        calls: How GitHub is asked.

    Raises:
        BadInput: If there is no such key, or the extra `[github]` is not installed.
    """

    def __init__(self, app_id: int, key_file: Path, calls: Calls) -> None:
        self._app_id = app_id
        self._key = _private_key(key_file)
        self._calls = calls
        self._lock = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._installations: dict[str, int] = {}
        self._tokens: dict[str, _InstallationToken] = {}

    def token(self, repo: str) -> str:
        """
        Give a token for the installation that sees a repository.

        Raises:
            SourceError: If the App is not installed there, or GitHub refuses.
        """
        owner = checked_repo(repo).partition("/")[0]
        # An App is installed once an owner: one token serves all of theirs.
        with self._lock:
            lock = self._locks[owner]
        with lock:
            held = self._tokens.get(owner)
            now = self._calls.now()
            if held is None or held.expires_at.timestamp() - now < _MARGIN_SECONDS:
                held = self._tokens[owner] = self._fetched(owner, repo)
            return held.token

    def refused(self, repo: str, token: str | None) -> bool:
        """Forget a token that GitHub did not take; another can be had."""
        owner = repo.partition("/")[0]
        with self._lock:
            lock = self._locks[owner]
        with lock:
            held = self._tokens.get(owner)
            if held is not None and held.token == token:
                # The App may have been installed anew, under another id.
                del self._tokens[owner]
                self._installations.pop(owner, None)
        return True

    def __repr__(self) -> str:
        return f"{type(self).__name__}(app_id={self._app_id}, key=<hidden>)"

    def _fetched(self, owner: str, repo: str) -> "_InstallationToken":
        signed = self._signed()
        if owner not in self._installations:
            question = Question(
                f"/repos/{repo}/installation", permission="the App installed there"
            )
            read = msgspec.json.Decoder(_Installation).decode
            found = self._calls.send(question, signed, read).value
            self._installations[owner] = found.id
        question = Question(
            f"/app/installations/{self._installations[owner]}/access_tokens",
            method="POST",
            body={"permissions": PERMISSIONS},
            permission=", ".join(f"{name}: read" for name in PERMISSIONS),
        )
        read_token = msgspec.json.Decoder(_InstallationToken).decode
        return self._calls.send(question, signed, read_token).value

    def _signed(self) -> str:
        import jwt  # noqa: PLC0415 - an extra; `_private_key` has seen that it is there

        now = int(self._calls.now())
        claims = {
            # Their clock may be behind ours.
            "iat": now - _JWT_BACK_SECONDS,
            "exp": now + _JWT_AHEAD_SECONDS,
            "iss": str(self._app_id),
        }
        return jwt.encode(claims, self._key, algorithm="RS256")


class _Installation(msgspec.Struct, frozen=True):
    id: Annotated[int, msgspec.Meta(ge=0)]


class _InstallationToken(msgspec.Struct, frozen=True):
    token: Annotated[str, msgspec.Meta(pattern=f"^{_TOKEN.pattern}$")]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<hidden>, expires_at={self.expires_at})"


def _private_key(path: Path) -> Any:  # noqa: ANN401 - cryptography's key; the extra may be absent
    try:
        import jwt  # noqa: F401, PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric.rsa import (  # noqa: PLC0415
            RSAPrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
        )
    except ImportError as error:
        message = (
            f"signing in as a GitHub App needs {error.name}; "
            "pip install 'breakcast[github]'"
        )
        raise BadInput(message) from error
    try:
        pem = path.read_bytes()
    except OSError as error:
        message = (
            f"the App's private key {path} cannot be read: {error.strerror}; set "
            "github_app_key to the .pem file that GitHub made"
        )
        raise BadInput(message) from error
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, ValueError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        # No cause is chained: what cryptography says may quote the file.
        message = (
            f"{path} holds no RSA private key in PEM; set github_app_key to the .pem "
            "file that GitHub made"
        )
        raise BadInput(message)
    return key
