"""Parts of a server, put together in this process."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import httpx
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.types import ASGIApp

from breakcast.adapters.prometheus import PrometheusMetrics
from breakcast.model.bundle import Bundle, load_bundle
from breakcast.model.bundlewriting import write_bundle
from breakcast.serving.access import Access
from breakcast.serving.app import ServerRole, ServingParts, make_app
from breakcast.serving.following import Follower
from breakcast.serving.gate import Lifecycle
from breakcast.serving.instances import InstanceReader
from breakcast.serving.observing import ServingMetrics
from breakcast.serving.prediction import Observer
from breakcast.serving.predictor import Models, Predictor
from breakcast.serving.states import LedgerStates
from breakcast.serving.v1 import V1
from breakcast.serving.v2 import V2
from tests.model.made_bundles import make_parts

NAME = "m"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALL_ROLES: frozenset[ServerRole] = frozenset({"predict", "ingest", "console"})


@cache
def bundle_folder() -> Path:
    """A folder that holds a bundle; shared, so not to be written to."""
    folder = Path(mkdtemp(prefix="breakcast-tests-")) / "bundle"
    write_bundle(make_parts(), folder)
    return folder


@cache
def made_bundle() -> Bundle:
    """The bundle in it."""
    return load_bundle(bundle_folder())


def no_ledger() -> None:
    """There is no ledger."""


class MadeServer:
    """A server's parts, with a model but no history unless given."""

    def __init__(
        self,
        *,
        models: Models | None = None,
        states: LedgerStates | None = None,
        observers: Iterable[Observer] = (),
        access: Access | None = None,
        roles: frozenset[ServerRole] = ALL_ROLES,
        row_limit: int = 50,
        body_limit_bytes: int = 100_000,
        body_seconds: float = 5.0,
        identity: Callable[[str], str] | None = None,
        is_loaded: bool = True,
        webhooks: Callable[[ServingMetrics], Mapping[str, ASGIApp]] = lambda _: {},
    ) -> None:
        self.metrics = PrometheusMetrics(NAME, CollectorRegistry())
        self.states = states or LedgerStates(no_ledger)
        self.predictor = Predictor(self.states, [self.metrics.predicted, *observers])
        self.lifecycle = Lifecycle()
        self.follower = Follower(
            self.predictor,
            self.metrics,
            floor=bundle_folder() if is_loaded else None,
            promoted=None,
            states=self.states,
            poll_seconds=3600,
        )
        if is_loaded:
            self.predictor.swap(models or Models(made_bundle()))
        reader = InstanceReader(identity=identity, now=lambda: NOW, row_limit=row_limit)
        self.v1 = V1(self.predictor, reader)
        self.v2 = V2(name=NAME, row_limit=row_limit)
        self.app = make_app(
            ServingParts(
                name=NAME,
                predictor=self.predictor,
                follower=self.follower,
                v1=self.v1,
                v2=self.v2,
                metrics=self.metrics,
                access=access or Access(),
                lifecycle=self.lifecycle,
                lifespan=_nothing,
                webhooks=webhooks(self.metrics),
                pages={},
                roles=roles,
                logs_access=False,
                body_limit_bytes=body_limit_bytes,
                body_seconds=body_seconds,
            )
        )

    def client(self) -> httpx.AsyncClient:
        """A client of the application, without a network."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://server")

    def counted(self) -> dict[str, float]:
        """Every sample of the metrics, by its name and labels as they are written."""
        lines = self.metrics.exposition().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@asynccontextmanager
async def _nothing(_: Starlette) -> AsyncIterator[None]:
    yield
