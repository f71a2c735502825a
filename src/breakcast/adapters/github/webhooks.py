"""
GitHub's webhooks: who sent a delivery.

Source:
    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote_to_bytes

import msgspec

from breakcast.adapters.github.deliveries import READERS
from breakcast.adapters.github.payloads import SOURCE
from breakcast.errors import BadInput, Malformed, Unauthenticated
from breakcast.history.inbox import Delivery
from breakcast.live.webhooks import OTHER

_SIGNATURE = b"x-hub-signature-256"
_EVENT = b"x-github-event"
_DELIVERY = b"x-github-delivery"
_PREFIX = b"sha256="
_FORM = b"payload="
_SIGNED = re.compile(rb"sha256=[0-9a-f]{64}")
_NAMED = re.compile(rb"[0-9A-Za-z_-]{1,100}")


class GitHubWebhooks:
    """
    Reads GitHub's deliveries; a `live.webhooks.WebhookReader`.

    Args:
        secrets: Any of them may sign, so that one can be replaced while deliveries
            come in.
        identity: Hashes an author's name; None leaves authors out.

    >>> webhooks = GitHubWebhooks(["It's a Secret to Everybody"], None)
    >>> headers = {
    ...     b"x-github-event": b"ping",
    ...     b"x-github-delivery": b"72d3162e",
    ...     b"x-hub-signature-256": b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d"
    ...     b"7586c22c46f4379c8b043e17",
    ... }
    >>> webhooks.check(headers)
    >>> webhooks.read(headers, b"Hello, World!").event
    'other'
    """

    source = SOURCE

    def __init__(
        self, secrets: Iterable[str], identity: Callable[[str], str] | None
    ) -> None:
        self._secrets = tuple(secret.encode() for secret in secrets)
        self._identity = identity

    def __repr__(self) -> str:
        """Say what this is, without the secrets."""
        return f"{type(self).__name__}(<{len(self._secrets)} secrets>)"

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """
        Refuse by its headers what could not be verified or named.

        Raises:
            Unauthenticated: If there is no signature.
            Malformed: If it names no event or no delivery.
        """
        if not _SIGNED.fullmatch(headers.get(_SIGNATURE, b"")):
            raise _unsigned()
        event, name = headers.get(_EVENT, b""), headers.get(_DELIVERY, b"")
        if not (_NAMED.fullmatch(event) and _NAMED.fullmatch(name)):
            message = (
                "x-github-event and x-github-delivery have to name the event and the "
                f"delivery; they are {event.decode('latin-1')!r} and "
                f"{name.decode('latin-1')!r}"
            )
            raise Malformed(message)

    def read(self, headers: Mapping[bytes, bytes], body: bytes) -> Delivery:
        """
        Verify a delivery whose headers were checked, then read it.

        Raises:
            Unauthenticated: If none of the secrets has signed it.
            Malformed: If it is not what GitHub sends.
        """
        self._verify(headers[_SIGNATURE], body)
        event, name = headers[_EVENT].decode(), headers[_DELIVERY].decode()
        read = READERS.get(event)
        if read is None:
            return Delivery(SOURCE, name, OTHER)
        if body.startswith(_FORM):
            body = unquote_to_bytes(body.removeprefix(_FORM).replace(b"+", b" "))
        try:
            facts, notes = read(body, self._identity)
        except (
            msgspec.MsgspecError,
            BadInput,
            OverflowError,
            UnicodeDecodeError,
        ) as error:
            message = f"the body is no {event} of GitHub's: {error}"
            raise Malformed(message) from error
        return Delivery(SOURCE, name, event, facts, notes)

    def _verify(self, given: bytes, body: bytes) -> None:
        # Every secret is tried whatever came of the one before: how long it takes
        # tells nothing.
        fits = [
            hmac.compare_digest(_signed(secret, body), given)
            for secret in self._secrets
        ]
        if not any(fits):
            raise _unsigned()


def _unsigned() -> Unauthenticated:
    return Unauthenticated(
        "x-hub-signature-256 is not the body's HMAC-SHA-256 under a secret of this "
        "server; set the same secret here and in GitHub's webhook"
    )


def _signed(secret: bytes, body: bytes) -> bytes:
    return _PREFIX + hmac.digest(secret, body, "sha256").hex().encode()
