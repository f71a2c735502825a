"""The two kinds of endpoints: forecasts, and pages that tell how things stand."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

from starlette.types import Receive, Scope, Send

from breakcast.errors import UnknownName
from breakcast.serving.access import Access
from breakcast.serving.http import BodyReader, Gone, Reply, refusal, send_reply
from breakcast.serving.observing import ServingMetrics
from breakcast.serving.predictor import Models, Predictor
from breakcast.serving.reading import Body
from breakcast.serving.work import Ask, Workshop

LIGHT_BYTES: Final = 16 * 1024
"""A body of so many bytes is read sooner than it is handed to another thread."""

Names: TypeAlias = Mapping[str, str]
"""What a path names, such as `model`."""

_JSON = b"application/json"
_NO_NAMES: Names = {}


class Forecast:
    """
    Answers requests for forecasts.

    Args:
        ask: Reads and checks a body.
        route: What these requests are counted as.
        name: What the model is called.
        predictor: Says which models answer.
        metrics: Is told how many rows were asked about.
        access: Lets in who may read.
        workshop: Does the work.
        bodies: Reads bodies.
    """

    def __init__(
        self,
        ask: Ask,
        route: str,
        *,
        name: str,
        predictor: Predictor,
        metrics: ServingMetrics,
        access: Access,
        workshop: Workshop,
        bodies: BodyReader,
    ) -> None:
        self.route = route
        self._ask = ask
        self._name = name
        self._predictor = predictor
        self._metrics = metrics
        self._access = access
        self._workshop = workshop
        self._bodies = bodies

    async def reply(
        self, headers: Mapping[bytes, bytes], receive: Receive, names: Names = _NO_NAMES
    ) -> Reply | None:
        """
        Answer one request, if only with what is wrong with it.

        Returns:
            The answer; None if the asker went away.
        """
        try:
            self._access.require("read", headers)
            models = self._predictor.models()
            check_names(names, self._name, models)
            return Reply(
                await self._answer(models, await self._bodies.read(headers, receive))
            )
        except Gone:
            return None
        except Exception as error:  # noqa: BLE001 - a bug gets its answer, and into the log
            return refusal(error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that came by way of the router."""
        reply = await self.reply(dict(scope["headers"]), receive, scope["path_params"])
        if reply is not None:
            await send_reply(send, reply)

    async def _answer(self, models: Models, body: Body) -> bytes:
        if len(body) <= LIGHT_BYTES:
            work = self._ask(models, body)
            rows, answer = work.rows, await self._workshop.do(models, work)
        else:
            # All of it is let go of where it is worked on: to free megabytes takes
            # milliseconds.
            held = [body]
            del body
            rows, answer = await self._workshop.in_thread(
                partial(self._answer_large, models, held)
            )
        self._metrics.asked(rows)
        return answer

    def _answer_large(self, models: Models, held: list[Body]) -> tuple[int, bytes]:
        work = self._ask(models, held.pop())
        return work.rows, self._workshop.do_here(models, work)


class Page:
    """
    Answers with what a function says.

    Args:
        answer: Gives the body, from what the path names.
        route: What these requests are counted as.
        access: Lets in; None lets everybody in.
        content_type: Of the body.
        is_slow: Whether it takes so long that it is asked in a thread.
    """

    def __init__(
        self,
        answer: Callable[[Names], bytes],
        route: str,
        *,
        access: Access | None = None,
        content_type: bytes = _JSON,
        is_slow: bool = False,
    ) -> None:
        self.route = route
        self._answer = answer
        self._access = access
        self._content_type = content_type
        self._is_slow = is_slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive
        if self._access is not None:
            self._access.require("read", dict(scope["headers"]))
        names = scope["path_params"]
        if self._is_slow:
            body = await asyncio.to_thread(self._answer, names)
        else:
            body = self._answer(names)
        await send_reply(send, Reply(body, content_type=self._content_type))


def check_names(names: Names, name: str, models: Models) -> None:
    """
    Refuse a model or a version that does not answer here.

    Raises:
        UnknownName: Says which does.
    """
    asked = names.get("model", name)
    if asked != name:
        message = f"there is no model {asked!r} here; there is {name!r}"
        raise UnknownName(message)
    version = names.get("version", models.champion.version)
    if version != models.champion.version:
        message = (
            f"version {version!r} of {name!r} does not answer; "
            f"{models.champion.version!r} does"
        )
        raise UnknownName(message)
