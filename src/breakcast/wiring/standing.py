"""How things stand: looked at, or as they were reported last; and what to do."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import NamedTuple

import msgspec

from breakcast import wiring
from breakcast.errors import BundleError, LedgerError, StoreError
from breakcast.features.catalog import Catalog
from breakcast.features.records import shard_key
from breakcast.features.store import PULSES, SHARDS
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerrows import moment_of
from breakcast.history.runs import Runs
from breakcast.monitoring.health import HealthReport
from breakcast.monitoring.watch import Watch, last_report
from breakcast.retraining.trigger import DAY, OLD, Decision, decide
from breakcast.serving.predictor import Models
from breakcast.settings import Settings
from breakcast.wiring.promotions import Promotions

CHECK_DRIFT = "check-drift"
RETRAIN = "retrain"
"""The steps of a run that decide whether to train anew, and do."""

_READ_SECONDS = 5.0
_LOG = logging.getLogger("breakcast.watch")


class Look(NamedTuple):
    """How things stand, and what is to be done about it."""

    health: HealthReport
    decision: Decision


def look(settings: Settings) -> Look:
    """
    Look at how things stand; keeps the report, and decides nothing for good.

    Raises:
        LedgerError: If the ledger cannot be opened, or fails.
        BundleError: If the model that answers cannot be read.
    """
    with wiring.open_ledger(settings) as ledger:
        return look_at(ledger, settings)


def look_at(ledger: Ledger, settings: Settings) -> Look:
    """
    Look as `look` does, at a ledger that is open.

    Raises:
        LedgerError: If it fails.
        BundleError: If the model that answers cannot be read.
    """
    watch = watch_of(settings, ledger)
    models = _required(settings)
    published_at = published_at_of(settings, models)
    report = watch.look(models, wiring.now(), published_at=published_at)
    watch.keep(report)
    return Look(report, decide(report, asked_before(ledger, report.at)))


def _required(settings: Settings) -> Models | None:
    """Load what is promoted; None only if nothing is."""
    models = Promotions(settings)()
    if models is None and wiring.follows_registry(settings):
        current = wiring.open_registry(settings).current()
        if current is not None:
            message = (
                f"{current.champion} is promoted and cannot be loaded; promote one "
                "that is sound, or `breakcast rollback`"
            )
            raise BundleError(message)
    return models


def asked_before(ledger: Ledger, at: datetime) -> list[Decision]:
    """
    Read the retrainings that were asked for in the week before, the newest first.

    One of which nothing came within a day, because its training never ended, is as if
    it had not been asked for.
    """
    runs = Runs(ledger)
    asked = []
    for run, result in runs.results_since(CHECK_DRIFT, at - OLD):
        decision = msgspec.json.decode(result, type=Decision)
        is_new = at - decision.at < DAY
        if decision.is_due and (is_new or runs.result(run, RETRAIN) is not None):
            asked.append(decision)
    return asked


class LastStanding:
    """
    Reads the last report for whoever shows it; not more often than a few seconds.

    Args:
        open_ledger: Opens the ledger; gives None while there is none.
    """

    def __init__(self, open_ledger: Callable[[], Ledger | None]) -> None:
        self._open_ledger = open_ledger
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._found: Look | None = None
        self._trouble = ""

    def __call__(self) -> Look | None:
        """Give the last report and what it comes to; None if there is none."""
        with self._lock:
            if time.monotonic() - self._read_at >= _READ_SECONDS:
                self._read_at = time.monotonic()
                self._found = self._read()
            return self._found

    def close(self) -> None:
        """Close the ledger."""
        if self._ledger is not None:
            self._ledger.close()

    def _read(self) -> Look | None:
        try:
            self._ledger = self._ledger or self._open_ledger()
            found = last_look(self._ledger) if self._ledger is not None else None
        except LedgerError as error:
            if self._trouble != str(error):
                _LOG.error("the health report cannot be read: %s", error)
            self._trouble = str(error)
            return None
        self._trouble = ""
        return found


def last_look(ledger: Ledger) -> Look | None:
    """
    Read the last report, and decide by it; None if there is none.

    Raises:
        LedgerError: If the ledger fails.
    """
    report = last_report(ledger)
    if report is None:
        return None
    return Look(report, decide(report, asked_before(ledger, report.at)))


def published_at_of(settings: Settings, models: Models | None) -> datetime | None:
    """
    Say up to when facts are in the store that is named; None if nobody knows.

    A store that is away is told of by degraded answers: no look has to wait for it.
    """
    if settings.store is None or models is None:
        return None
    try:
        return published_at(settings.store, models.champion.catalog)
    except StoreError as error:
        _LOG.warning("how old published records are is not known: %s", error)
        return None


def published_at(place: str, catalog: Catalog) -> datetime | None:
    """
    Say up to when facts are in a store; None if nobody published any.

    Raises:
        StoreError: If it cannot be read.
    """
    keys = [shard_key(shard, catalog) for shard in range(SHARDS)]
    with closing(wiring.open_store(place)) as store:
        pulses = store.read({PULSES: keys}).get(PULSES, {})
    return moment_of(min(one.stamp for one in pulses.values())) if pulses else None


def watch_of(settings: Settings, ledger: Ledger) -> Watch:
    """Make what looks, as the settings say."""
    return Watch(
        ledger,
        threshold=settings.drift_threshold,
        objective=settings.target_accuracy,
    )
