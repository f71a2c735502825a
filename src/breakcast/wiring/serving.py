"""Settings become a server: what answers, what it knows, what it tells."""

import gc
import logging
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.types import ASGIApp

from breakcast import wiring
from breakcast.adapters import webserver
from breakcast.adapters.github.webhooks import GitHubWebhooks
from breakcast.adapters.prometheus import PrometheusMetrics
from breakcast.adapters.prometheus.health import HealthGauges, Standing
from breakcast.history.ledger import Ledger
from breakcast.live.inboxwriting import InboxWriter
from breakcast.live.webhooks import Webhook
from breakcast.serving.access import Access, Token
from breakcast.serving.app import ServingParts, make_app
from breakcast.serving.endpoints import Names, Page
from breakcast.serving.following import Follower, PromotedModels
from breakcast.serving.gate import Lifecycle
from breakcast.serving.instances import InstanceReader
from breakcast.serving.journalwriting import JournalWriter
from breakcast.serving.logs import configure_logs
from breakcast.serving.observing import ServingMetrics
from breakcast.serving.predictor import Predictor
from breakcast.serving.states import FollowedRows, LedgerStates
from breakcast.serving.storedrows import StoredRows
from breakcast.serving.v1 import V1
from breakcast.serving.v2 import V2
from breakcast.settings import Settings
from breakcast.wiring.standing import LastStanding

GARBAGE_THRESHOLDS = (20_000, 20, 100)
"""Python's own is 700 objects: a collection every fifty requests."""

_LOG = logging.getLogger("breakcast.server")


def serve(settings: Settings) -> None:
    """
    Serve until a signal says to end.

    Raises:
        BadInput: If the address cannot be had, or a setting will not do.
        BreakcastError: If the server could not start.
    """
    configure_logs(logs_access=settings.access_log)
    # A setting that will not do is told before anything is started.
    access = access_of(settings)
    listening = webserver.listen(
        settings.host, settings.port, is_shared=settings.server_workers > 1
    )
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    _LOG.info("listening on http://%s:%d", shown, port)
    if access.is_open and not webserver.is_loopback(settings.host):
        _LOG.warning("others can reach this address, and no tokens are set")
    with ExitStack() as stack:
        shared = None
        if settings.server_workers > 1:
            folder = tempfile.TemporaryDirectory(prefix="breakcast-serve-")
            shared = Path(stack.enter_context(folder))
        webserver.run(
            partial(make_server, settings, listening, shared),
            listening,
            workers=settings.server_workers,
        )
    _LOG.info("ended")


def access_of(settings: Settings) -> Access:
    """Say who may come in; on an address only this machine can reach, everybody."""
    if webserver.is_loopback(settings.host):
        return Access()
    return Access(map(Token.parse, settings.tokens))


def make_server(
    settings: Settings, listening: webserver.Listening, shared: Path | None
) -> ASGIApp:
    """
    Make the application of one process; its lifespan starts the rest.

    Args:
        settings: How to serve.
        listening: What it will listen on.
        shared: A folder that all processes of this server see; None if it is one.
    """
    configure_logs(logs_access=settings.access_log)
    sys.setswitchinterval(webserver.SWITCH_SECONDS)
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(settings.name, registry, shared)
    open_ledger = partial(_open_ledger, settings)
    standing = LastStanding(open_ledger)
    registry.register(HealthGauges(settings.name, partial(_gauged, standing)))
    states = _rows(settings, open_ledger)
    journal = JournalWriter(open_ledger, metrics.journal_dropped)
    predictor = Predictor(states, [metrics.predicted, journal])
    follower = Follower(
        predictor,
        metrics,
        floor=settings.model_dir,
        promoted=_promoted(settings, metrics),
        states=states,
        poll_seconds=settings.poll_seconds,
    )
    inbox = InboxWriter(partial(wiring.open_ledger, settings))
    lifecycle = Lifecycle()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if threading.current_thread() is threading.main_thread():
            webserver.drain_on_sigterm(lifecycle, listening, settings.drain_seconds)
            webserver.end_with_parent()
        follower.start()
        # What there is by now stays: it need not be looked through for garbage.
        # The rest is young and dies young: it is looked through seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        yield
        follower.close()
        inbox.close()
        journal.close()
        states.close()
        standing.close()

    return make_app(
        ServingParts(
            name=settings.name,
            predictor=predictor,
            follower=follower,
            v1=V1(
                predictor,
                InstanceReader(
                    identity=wiring.identity_of(settings),
                    now=wiring.now,
                    row_limit=settings.row_limit,
                ),
            ),
            v2=V2(name=settings.name, row_limit=settings.row_limit),
            metrics=metrics,
            access=access_of(settings),
            lifecycle=lifecycle,
            lifespan=lifespan,
            webhooks=_webhooks(settings, inbox, metrics),
            pages=_pages(settings, standing),
            roles=settings.roles,
            logs_access=settings.access_log,
            body_limit_bytes=settings.body_limit_bytes,
            body_seconds=settings.body_seconds,
        )
    )


def _pages(settings: Settings, standing: LastStanding) -> dict[str, Page]:
    """Show people the last report, and machines the same one."""
    access = access_of(settings)

    def page(_: Names) -> bytes:
        # Templates take a while to import, and few servers are looked at.
        from breakcast.console.health import render_health  # noqa: PLC0415

        found = standing()
        report, decision = found if found is not None else (None, None)
        return render_health(report, decision).encode()

    def record(_: Names) -> bytes:
        found = standing()
        return msgspec.json.encode(found._asdict() if found is not None else None)

    return {
        "/health": Page(
            page,
            "other",
            access=access,
            content_type=b"text/html; charset=utf-8",
            is_slow=True,
        ),
        "/health.json": Page(record, "other", access=access, is_slow=True),
    }


def _gauged(standing: LastStanding) -> Standing | None:
    found = standing()
    return Standing(found.health, found.decision.is_due) if found is not None else None


def _rows(settings: Settings, open_ledger: Callable[[], Ledger | None]) -> FollowedRows:
    """Read features off the store that is named; else fold the ledger here."""
    if settings.store is None:
        return LedgerStates(open_ledger)
    stale_after = timedelta(seconds=settings.store_stale_seconds)
    store = wiring.open_store(settings.store)
    return StoredRows(store, stale_after, waits=wiring.is_far(settings.store))


def _webhooks(
    settings: Settings, inbox: InboxWriter, metrics: ServingMetrics
) -> dict[str, ASGIApp]:
    """Take deliveries of each provider with whom a secret is shared."""
    secrets = [secret.get_secret_value() for secret in settings.github_secrets]
    if not secrets:
        return {}
    github = GitHubWebhooks(secrets, wiring.identity_of(settings))
    return {
        f"/webhooks/{reader.source}": Webhook(reader, inbox, metrics, wiring.now)
        for reader in (github,)
    }


def _promoted(settings: Settings, metrics: ServingMetrics) -> PromotedModels | None:
    """Follow the registry that is named or, where no folder is either, the home's."""
    if not wiring.follows_registry(settings):
        return None
    return PromotedModels(wiring.open_registry(settings), metrics.refused_swap)


def _open_ledger(settings: Settings) -> Ledger | None:
    """Open the ledger there is; a server makes none."""
    place = settings.ledger_place
    if "://" not in place and not Path(place).exists():
        return None
    return Ledger.open(place)
