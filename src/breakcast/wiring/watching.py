"""A look at how things stand, and at a challenger, again and again beside a worker."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Self

from breakcast import wiring
from breakcast.adapters.canary import CanaryClient
from breakcast.monitoring.watch import Watch
from breakcast.settings import Settings
from breakcast.wiring.promotions import Promotions
from breakcast.wiring.standing import published_at_of, watch_of
from breakcast.wiring.trial import look_at_trial

_IDLE_SECONDS = 0.2
_ENDING_SECONDS = 10.0
_LOG = logging.getLogger("breakcast.watch")


class Watching(AbstractContextManager["Watching"]):
    """
    Looks again and again, beside a worker's loop; a context in which that goes on.

    Args:
        settings: How often, and what the canary asks.
        leads: Tells whether it is this worker that looks for all.

    Raises:
        BadSettings: If the canary's server is none.
    """

    def __init__(self, settings: Settings, leads: Callable[[], bool]) -> None:
        self._settings = settings
        self._leads = leads
        self._canary: CanaryClient | None = None
        if settings.canary_url is not None:
            token = settings.canary_token
            self._canary = CanaryClient(
                settings.canary_url,
                settings.name,
                token.get_secret_value() if token is not None else None,
                wiring.now,
            )
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._again_and_again,
                args=(step, seconds),
                name=f"watch-{step.__name__}",
                daemon=True,
            )
            for step, seconds in (
                (self._look, settings.watch_seconds),
                (self._ask, settings.canary_seconds),
            )
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(_ENDING_SECONDS)
        if self._canary is not None:
            self._canary.close()

    def _again_and_again(
        self, step: Callable[[Watch, Promotions], None], seconds: float
    ) -> None:
        with wiring.open_ledger(self._settings) as ledger:
            watch, promotions = (
                watch_of(self._settings, ledger),
                Promotions(self._settings),
            )
            next_at = float("-inf")
            while not self._ended.wait(_IDLE_SECONDS):
                if time.monotonic() < next_at or not self._leads():
                    continue
                next_at = time.monotonic() + seconds
                try:
                    step(watch, promotions)
                except Exception:  # noqa: BLE001 - it is tried again, and stale till then
                    _LOG.exception("no health report")

    def _look(self, watch: Watch, promotions: Promotions) -> None:
        models = promotions()
        published_at = published_at_of(self._settings, models)
        watch.keep(watch.look(models, wiring.now(), published_at=published_at))
        look_at_trial(self._settings, watch, wiring.now())

    def _ask(self, watch: Watch, promotions: Promotions) -> None:
        del promotions
        if self._canary is not None:
            watch.keep_canary(self._canary.ask())
