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
from breakcast.serving.reading import Body

OTHER = "other"
"""The event of a delivery that says nothing we read; it is counted, and not kept."""

BODY_LIMIT_BYTES = 25 * 1024 * 1024
"""GitHub delivers nothing larger."""
BODY_SECONDS = 10.0
"""GitHub waits no longer."""

UNREAD_BYTES = 4 * BODY_LIMIT_BYTES
"""Bodies that are on their way announce no more bytes than this, all together."""

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

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """
        Refuse by its headers what need not be read: it could not be verified.

        Raises:
            Unauthenticated: If there is no signature.
            Malformed: If the headers are not the provider's.
        """
        ...

    def read(self, headers: Mapping[bytes, bytes], body: bytes) -> Delivery:
        """
        Verify a delivery whose headers were checked, then read it.

        Its event is `OTHER` if it is of no use.

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
        self._unread = 0
        self._bodies = BodyReader(limit=BODY_LIMIT_BYTES, seconds=BODY_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        event = OTHER
        try:
            headers = dict(scope["headers"])
            at = self._now()
            self._reader.check(headers)
            delivery = await self._read(headers, await self._body(headers, receive))
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

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> Body:
        """Read a body that nobody has vouched for yet."""
        announced = int(headers.get(b"content-length", BODY_LIMIT_BYTES))
        announced = min(announced, BODY_LIMIT_BYTES)
        if self._unread + announced > UNREAD_BYTES:
            message = "many large deliveries are on their way; deliver it again"
            raise NotReady(message)
        self._unread += announced
        try:
            return await self._bodies.read(headers, receive)
        finally:
            self._unread -= announced

    async def _read(self, headers: Mapping[bytes, bytes], body: Body) -> Delivery:
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
