"""
Webhooks: verified, on disk, answered; all else comes afterwards.

A provider waits some seconds for its answer and does not deliver again by itself:
what was answered with 202 is kept, whatever happens next.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec
from starlette.types import Receive, Scope, Send

from breakcast.errors import (
    LedgerError,
    Malformed,
    NotReady,
    TooLarge,
    Unauthenticated,
    Unstorable,
)
from breakcast.history.inbox import Delivery
from breakcast.live.inboxwriting import InboxWriter
from breakcast.serving.http import BodyReader, Gone, Reply, refusal, send_reply
from breakcast.serving.observing import ServingMetrics

OTHER = "other"
"""The event of a delivery that says nothing we read; it is counted, and not kept."""

BODY_LIMIT_BYTES = 25 * 1024 * 1024
"""GitHub delivers nothing larger."""
BODY_SECONDS = 10.0
"""GitHub waits no longer."""

_LIGHT_BYTES = 128 * 1024
_RESULT_OF: Mapping[type[Exception], str] = {
    Unauthenticated: "forged",
    Malformed: "malformed",
    TooLarge: "too_large",
}


class WebhookReader(Protocol):
    """One provider's way to sign deliveries and to word them."""

    source: str
    """The provider, as builds name it, and the last part of the path."""

    def read(self, headers: Mapping[bytes, bytes], body: bytes) -> Delivery:
        """
        Verify a delivery, then read it; its event is `OTHER` if it is of no use.

        Raises:
            Unauthenticated: If it is not the provider's.
            Malformed: If it is not what the provider sends.
        """
        ...


class _Taken(msgspec.Struct):
    status: str


class Webhook:
    """
    The endpoint of one provider's deliveries.

    Args:
        reader: Verifies and reads them.
        inbox: Keeps them.
        metrics: Counts them.
        now: Tells the time.
    """

    route = "webhooks"

    def __init__(
        self,
        reader: WebhookReader,
        inbox: InboxWriter,
        metrics: ServingMetrics,
        now: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._inbox = inbox
        self._metrics = metrics
        self._now = now
        self._bodies = BodyReader(limit=BODY_LIMIT_BYTES, seconds=BODY_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        event = OTHER
        try:
            headers = dict(scope["headers"])
            at = self._now()
            body = await self._bodies.read(headers, receive)
            delivery = await self._read(headers, body)
            event = delivery.event
            result = await self._kept(delivery, at)
            reply = Reply(msgspec.json.encode(_Taken(result)), 202)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - a bug gets its answer, and into the log
            result = _RESULT_OF.get(type(error), "failed")
            reply = refusal(error)
        self._metrics.delivered(event, result)
        await send_reply(send, reply)

    async def _read(
        self, headers: Mapping[bytes, bytes], body: bytes | bytearray
    ) -> Delivery:
        if len(body) <= _LIGHT_BYTES:
            return self._reader.read(headers, bytes(body))
        return await asyncio.to_thread(self._reader.read, headers, bytes(body))

    async def _kept(self, delivery: Delivery, at: datetime) -> str:
        if delivery.event == OTHER:
            return "ignored"
        try:
            is_new = await self._inbox.take(delivery, at)
        except Unstorable as error:
            raise Malformed(str(error)) from error
        except LedgerError as error:
            message = f"the delivery could not be kept, deliver it again: {error}"
            raise NotReady(message) from error
        return "accepted" if is_new else "repeated"
