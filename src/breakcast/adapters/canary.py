"""
The canary: a synthetic forecast, asked for as any client asks.

Where nobody asks for hours, a server that does not answer is not missed: the canary
misses it. Its requests are those of the specification, and count as any other.
"""

import time
from collections.abc import Callable
from datetime import datetime

import httpx

from breakcast.errors import BadSettings
from breakcast.monitoring.health import Canary

TIMEOUT_SECONDS = 5.0

_QUESTION = {"instances": [[0.5, 0.3, 0.8, 0.2]]}
_OK = 200


class CanaryClient:
    """
    Asks a server for a forecast.

    Args:
        url: Where the server is, as http://127.0.0.1:8080.
        name: What its model is called.
        token: What it wants to be shown; None for nothing.
        now: Tells the time.

    Raises:
        BadSettings: If `url` is no server's.
    """

    def __init__(
        self,
        url: str,
        name: str,
        token: str | None,
        now: Callable[[], datetime],
    ) -> None:
        parsed = httpx.URL(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
            message = (
                "canary_url is to name a server and nothing secret, as "
                "http://127.0.0.1:8080 does"
            )
            raise BadSettings(message)
        self._url = f"{url.rstrip('/')}/v1/models/{name}:predict"
        self._now = now
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=TIMEOUT_SECONDS,
        )

    def ask(self) -> Canary:
        """Ask once, and say what became of it."""
        at, began = self._now(), time.monotonic()
        trouble = None
        try:
            reply = self._client.post(self._url, json=_QUESTION)
            trouble = _wrong(reply)
        except httpx.HTTPError as error:
            trouble = f"{type(error).__name__}: {error}"
        return Canary(
            asked_at=at,
            is_answered=trouble is None,
            seconds=time.monotonic() - began,
            trouble=trouble,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _wrong(reply: httpx.Response) -> str | None:
    """Say what is wrong with an answer; None if it is a probability."""
    if reply.status_code != _OK:
        return f"the server answered {reply.status_code}"
    try:
        (said,) = reply.json()["predictions"]
        is_probability = 0.0 <= float(said) <= 1.0
    except (ValueError, KeyError, TypeError):
        is_probability = False
    return None if is_probability else "the server's answer is no probability"
