"""Settings become a look at how things stand, and a decision about it."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from breakcast import wiring
from breakcast.history.ledger import Ledger
from breakcast.history.watched import Reports
from breakcast.monitoring.health import HealthReport
from breakcast.monitoring.watch import KEPT, Watch
from breakcast.retraining.trigger import COOL_DOWN, Decision, decide
from breakcast.settings import Settings
from breakcast.wiring.promotions import Promotions

RETRAINING = "retraining"
"""The kind under which decisions to train anew are kept."""


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
        watch = watch_of(settings, ledger)
        report = watch.look(Promotions(settings)(), wiring.now())
        watch.keep(report)
        return Look(report, decide(report, asked_since(ledger, report.at - COOL_DOWN)))


def ask_for_retraining(settings: Settings, decision: Decision) -> None:
    """
    Remember that a retraining is asked for: it is not asked for again too soon.

    Raises:
        LedgerError: If the ledger cannot be opened, or fails.
    """
    with wiring.open_ledger(settings) as ledger:
        Reports(ledger, RETRAINING).add(
            decision.at, msgspec.json.encode(decision), forget=decision.at - KEPT
        )


def asked_since(ledger: Ledger, since: datetime) -> list[Decision]:
    """Read the retrainings that were asked for since a time, the newest first."""
    return [
        msgspec.json.decode(one.payload, type=Decision)
        for one in Reports(ledger, RETRAINING).since(since)
    ]


def watch_of(settings: Settings, ledger: Ledger) -> Watch:
    """Make what looks, as the settings say."""
    return Watch(
        ledger,
        threshold=settings.drift_threshold,
        objective=settings.target_accuracy,
    )
