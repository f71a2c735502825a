"""
The reconciling poll: finds what webhooks missed, and tells it as received now.

Webhooks are delivered once; a provider's list and the attempts that the ledger
holds open say what did not arrive. Of a build that was re-run after it left the
list's hours only webhooks and back-fill tell.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from breakcast.errors import SourceError
from breakcast.history.events import KIND_ORDER, BuildKey, Event
from breakcast.history.held import missing, unfinished
from breakcast.history.ledger import Ledger
from breakcast.live.source import RecentSource

OPEN_DAYS = 35
"""No run lasts longer: GitHub ends it then, waiting for approval included."""

OPEN_ASKED = 50
"""How many open attempts of one repository are asked about in one poll."""

_OPEN_LOOKED_AT = 2_000
_LOG = logging.getLogger("breakcast.reconcile")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """
    What one poll found.

    Attributes:
        found: Facts that were missing, and were told.
        failed: The repositories that could not be asked, and why.
    """

    found: int
    failed: dict[str, str]


def reconcile(
    ledger: Ledger,
    source: RecentSource,
    repos: Iterable[str],
    receive: Callable[[Sequence[Event]], object],
    *,
    now: datetime,
    hours: float = 24.0,
) -> Reconciled:
    """
    Tell what the provider knows of the last hours and the ledger does not.

    Args:
        ledger: What is known.
        source: The provider.
        repos: Of which repositories.
        receive: Adds facts to the ledger as received now.
        now: The time.
        hours: How far back builds are listed; older ones that the ledger holds
            open are asked about one by one.

    Returns:
        What was found; a repository that cannot be asked does not stop the others.

    Raises:
        LedgerError: If the database fails.
    """
    found = 0
    failed = {}
    for repo in repos:
        try:
            facts = _of(ledger, source, repo, now, timedelta(hours=hours))
        except SourceError as error:
            _LOG.warning("%s cannot be polled: %s", repo, error)
            failed[repo] = str(error)
            continue
        if facts:
            receive(facts)
            _LOG.info("%s: %d facts did not arrive by webhook", repo, len(facts))
            found += len(facts)
    return Reconciled(found, failed)


def _of(
    ledger: Ledger, source: RecentSource, repo: str, now: datetime, back: timedelta
) -> list[Event]:
    """Give the facts that are missing of one repository."""
    listed = source.recent(repo, now - back).facts
    told = {fact.key for fact in listed}
    still_open = unfinished(
        ledger,
        source.name,
        repo,
        known_after=now - timedelta(days=OPEN_DAYS),
        limit=_OPEN_LOOKED_AT,
    )
    asked = _in_turn([key for key in still_open if key not in told], now)
    older = [fact for key in asked for fact in source.attempt(key)]
    facts = missing(ledger, [*listed, *older])
    # In this order they become known: as they happened, not as they are listed.
    facts.sort(key=lambda fact: (fact.occurred_at, KIND_ORDER[type(fact)]))
    return facts


def _in_turn(keys: list[BuildKey], now: datetime) -> list[BuildKey]:
    """Give as many as may be asked about, others at another time."""
    # What a provider has deleted stays open here: it must not keep the rest out.
    start = int(now.timestamp()) // 60 * OPEN_ASKED % max(len(keys), 1)
    return [*keys[start:], *keys[:start]][:OPEN_ASKED]
