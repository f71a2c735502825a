"""What every request passes: its id, its count, its log line, and the drain."""

import time
from collections.abc import Mapping
from typing import TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breakcast.serving.endpoints import Forecast
from breakcast.serving.http import send_reply
from breakcast.serving.logs import ACCESS, REQUEST, RequestContext
from breakcast.serving.observing import ServingMetrics

_GONE = 499
"""The asker went away before there was an answer: nginx's code for it."""
_CLOSE = (b"connection", b"close")

_Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Lifecycle:
    """Where the server stands between its start and its end."""

    def __init__(self) -> None:
        self.is_draining = False
        """Whether it is about to end: it still answers, and closes connections."""


class Gate:
    """
    Answers what is asked all the time, and passes on the rest.

    A forecast under its plain path goes past the application's middleware and
    routing, which take as long as all else together.

    Args:
        app: Answers the rest.
        forecasts: By path; for POST.
        metrics: Counts.
        lifecycle: While it drains, every connection is closed after its answer, so
            that none is left to be cut.
        logs_access: Whether every request is logged.
    """

    def __init__(
        self,
        app: ASGIApp,
        forecasts: Mapping[str, Forecast],
        *,
        metrics: ServingMetrics,
        lifecycle: Lifecycle,
        logs_access: bool,
    ) -> None:
        self._app = app
        self._forecasts = forecasts
        self._metrics = metrics
        self._lifecycle = lifecycle
        self._logs_access = logs_access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        context = RequestContext.of(headers)
        REQUEST.set(context)
        ours: _Headers = ((b"x-request-id", context.request_id.encode()),)
        if self._lifecycle.is_draining:
            ours = (*ours, _CLOSE)
        forecast = self._forecasts.get(scope["path"])
        outcome = _Outcome()
        began = time.perf_counter()
        self._metrics.began()
        try:
            if forecast is None or scope["method"] != "POST":
                await self._route(scope, receive, send, ours, outcome)
            else:
                outcome.route = forecast.route
                reply = await forecast.reply(headers, receive)
                if reply is not None:
                    outcome.status = reply.status
                    await send_reply(send, reply, ours)
        finally:
            seconds = time.perf_counter() - began
            self._metrics.ended(outcome.route, outcome.status, seconds)
            if self._logs_access:
                _log_access(scope, outcome, seconds)

    async def _route(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        ours: "_Headers",
        outcome: "_Outcome",
    ) -> None:
        async def passed_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome.status = message["status"]
                message["headers"] = [*message["headers"], *ours]
            await send(message)

        try:
            await self._app(scope, receive, passed_on)
        finally:
            outcome.route = getattr(scope.get("endpoint"), "route", outcome.route)


class _Outcome:
    """What became of a request, known bit by bit."""

    __slots__ = ("route", "status")

    def __init__(self) -> None:
        self.route = "other"
        self.status = _GONE


def _log_access(scope: Scope, outcome: _Outcome, seconds: float) -> None:
    fields = {
        "method": scope["method"],
        "path": scope["path"],
        "route": outcome.route,
        "status": outcome.status,
        "milliseconds": round(seconds * 1000, 3),
        "client": (scope.get("client") or ("",))[0],
    }
    ACCESS.info("answered", extra={"fields": fields})
