"""A challenger's trial: judged by live outcomes, and ended when they have decided."""

import logging
from datetime import datetime

from breakcast import wiring
from breakcast.model.promotions import Promotion
from breakcast.model.registry import Registry
from breakcast.monitoring.watch import Watch
from breakcast.retraining.trial import Outcome, TrialLimits, end_trial
from breakcast.settings import Settings

ACTOR = "trial"
_LOG = logging.getLogger("breakcast.trial")


def look_at_trial(settings: Settings, watch: Watch, at: datetime) -> Promotion | None:
    """
    Judge the challenger there is, and promote, discard or roll back if that is due.

    Returns:
        What was decided; None if nothing was.

    Raises:
        LedgerError: If the ledger fails.
        BundleError: If somebody else decided something meanwhile, or what should answer
            cannot be loaded.
        OSError: If the registry cannot be reached.
    """
    if not wiring.follows_registry(settings):
        return None
    registry = wiring.open_registry(settings)
    entry = registry.current()
    if entry is None or entry.challenger is None:
        return None
    report = watch.try_challenger(entry.champion, entry.challenger, entry.at, at)
    outcome = end_trial(
        report,
        at,
        TrialLimits(settings.trial_outcomes, settings.trial_days),
        is_former=registry.is_former(entry),
    )
    if outcome.act == "wait":
        return None
    decided = _decide(registry, entry, outcome, at)
    _LOG.warning("%s: %s", outcome.act, outcome.reason)
    return decided


def _decide(
    registry: Registry, entry: Promotion, outcome: Outcome, at: datetime
) -> Promotion:
    reason = outcome.reason
    if outcome.act == "promote" and entry.challenger is not None:
        return registry.promote(
            entry.challenger,
            actor=ACTOR,
            reason=reason,
            at=at,
            decided_on=entry.seq,
            former_shadows=True,
        )
    decide = registry.rollback if outcome.act == "rollback" else registry.discard
    return decide(actor=ACTOR, reason=reason, at=at, decided_on=entry.seq)
