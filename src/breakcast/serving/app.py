"""
The HTTP application: which path is answered by what.

Paths belong to roles, so that a predictor's pod answers nothing else.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from typing import Literal, TypeAlias

import msgspec
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from breakcast.errors import BreakcastError, NotReady
from breakcast.serving.access import Access
from breakcast.serving.endpoints import Forecast, Names, Page, check_names
from breakcast.serving.following import Follower
from breakcast.serving.gate import Gate, Lifecycle
from breakcast.serving.http import BodyReader, on_error, on_unrouted
from breakcast.serving.observing import ServingMetrics
from breakcast.serving.openapi import openapi
from breakcast.serving.predictor import Predictor
from breakcast.serving.v1 import V1
from breakcast.serving.v2 import V2
from breakcast.serving.v2messages import ServerMetadata
from breakcast.serving.work import Workshop

ServerRole: TypeAlias = Literal["predict", "ingest", "console"]
"""What a server answers: forecasts, webhooks, the pages for people."""

HEAVY_AT_ONCE = 2
"""Large requests that are worked on side by side; others wait."""
WAITING_AT_ONCE = 16
"""Requests that wait for another machine side by side."""

_V1 = "/v1/models/{model:name}"
_V2 = "/v2/models/{model:name}"
_VERSION = f"{_V2}/versions/{{version}}"
_PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class ServingParts:
    """
    All that the application is made of.

    Attributes:
        name: What the model is called in paths.
        predictor: Answers.
        follower: Keeps it up to date; says when it is ready.
        v1: KServe's protocol.
        v2: The Open Inference protocol.
        metrics: Counts.
        access: Lets in.
        lifecycle: Says when the end is near.
        lifespan: Starts and ends what runs beside the application.
        webhooks: What takes deliveries, by path; for the role `ingest`.
        pages: What people look at, by path; for the role `console`.
        roles: Which paths there are.
        logs_access: Whether every request is logged.
        body_limit_bytes: The most bytes of a body.
        body_seconds: How long a body may take to arrive.
    """

    name: str
    predictor: Predictor
    follower: Follower
    v1: V1
    v2: V2
    metrics: ServingMetrics
    access: Access
    lifecycle: Lifecycle
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]]
    webhooks: Mapping[str, ASGIApp]
    pages: Mapping[str, Page]
    roles: frozenset[ServerRole]
    logs_access: bool
    body_limit_bytes: int
    body_seconds: float


class _ModelName(Convertor[str]):
    """A model's name: without a colon, after which comes the verb."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("name", _ModelName())


def make_app(parts: ServingParts) -> ASGIApp:
    """Make the application; what it needs is started by its lifespan."""
    forecasts = _forecasts(parts) if "predict" in parts.roles else {}
    app = Starlette(
        routes=_routes(parts, forecasts),
        exception_handlers={
            BreakcastError: on_error,
            HTTPException: on_unrouted,
            Exception: on_error,
        },
        lifespan=parts.lifespan,
    )
    return Gate(
        app,
        {
            path.replace("{model:name}", parts.name): forecast
            for path, forecast in forecasts.items()
            if "{version}" not in path
        },
        metrics=parts.metrics,
        lifecycle=parts.lifecycle,
        logs_access=parts.logs_access,
    )


def _forecasts(parts: ServingParts) -> dict[str, Forecast]:
    at_once = WAITING_AT_ONCE if parts.predictor.waits else HEAVY_AT_ONCE
    threads = ThreadPoolExecutor(at_once, thread_name_prefix="heavy")
    forecast = partial(
        Forecast,
        name=parts.name,
        predictor=parts.predictor,
        metrics=parts.metrics,
        access=parts.access,
        workshop=Workshop(parts.predictor, threads),
        bodies=BodyReader(limit=parts.body_limit_bytes, seconds=parts.body_seconds),
    )
    infer = forecast(parts.v2.infer, "v2_infer")
    return {
        f"{_V1}:predict": forecast(parts.v1.predict, "v1_predict"),
        f"{_V1}:explain": forecast(parts.v1.explain, "v1_explain"),
        f"{_V2}/infer": infer,
        f"{_VERSION}/infer": infer,
    }


def _routes(parts: ServingParts, forecasts: Mapping[str, Forecast]) -> list[BaseRoute]:
    pages = _Pages(parts)
    reading = partial(Page, access=parts.access)
    metrics = Page(pages.metrics, "metrics", content_type=_PROMETHEUS, is_slow=True)
    shown = {
        "/": Page(pages.alive, "health"),
        "/v2": Page(pages.server, "metadata"),
        "/v2/": Page(pages.server, "metadata"),
        "/v2/health/live": Page(pages.live, "health"),
        "/v2/health/ready": Page(pages.ready, "health"),
        "/metrics": metrics,
        "/openapi.json": reading(pages.described, "metadata", is_slow=True),
    }
    if "predict" in parts.roles:
        ready = Page(pages.model_ready, "health")
        metadata = reading(pages.model, "metadata")
        shown |= {
            "/v1/models": reading(pages.models, "metadata"),
            _V1: ready,
            _V2: metadata,
            f"{_V2}/ready": ready,
            _VERSION: metadata,
            f"{_VERSION}/ready": ready,
        }
    if "console" in parts.roles:
        shown |= parts.pages
    posted: dict[str, ASGIApp] = {**forecasts}
    if "ingest" in parts.roles:
        posted |= parts.webhooks
    return [
        *(Route(path, one, methods=["POST"]) for path, one in posted.items()),
        *(Route(path, page, methods=["GET"]) for path, page in shown.items()),
    ]


class _Pages:
    """What pages say, each from what its path names."""

    def __init__(self, parts: ServingParts) -> None:
        self._parts = parts

    def alive(self, names: Names) -> bytes:
        """KServe's V1 clients ask here whether a server lives."""
        del names
        return _ENCODE({"status": "alive"})

    def live(self, names: Names) -> bytes:
        del names
        return _ENCODE({"live": True})

    def ready(self, names: Names) -> bytes:
        del names
        self._require_ready()
        return _ENCODE({"ready": True})

    def model_ready(self, names: Names) -> bytes:
        check_names(names, self._parts.name, self._parts.predictor.models())
        self._require_ready()
        return _ENCODE({"name": self._parts.name, "ready": True})

    def models(self, names: Names) -> bytes:
        del names
        return _ENCODE({"models": [self._parts.name]})

    def model(self, names: Names) -> bytes:
        models = self._parts.predictor.models()
        check_names(names, self._parts.name, models)
        return _ENCODE(self._parts.v2.metadata(models))

    def server(self, names: Names) -> bytes:
        del names
        return _ENCODE(ServerMetadata("breakcast", version("breakcast"), []))

    def metrics(self, names: Names) -> bytes:
        del names
        return self._parts.metrics.exposition()

    def described(self, names: Names) -> bytes:
        del names
        return self._openapi

    @cached_property
    def _openapi(self) -> bytes:
        return _ENCODE(openapi(self._parts.name, version("breakcast")))

    def _require_ready(self) -> None:
        if self._parts.lifecycle.is_draining:
            message = "the server is about to end; ask another one"
            raise NotReady(message)
        if "predict" in self._parts.roles and not self._parts.follower.is_ready:
            message = "no model is loaded yet, or history is still being read"
            raise NotReady(message)
