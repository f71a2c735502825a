"""
The worker: follows the ledger, publishes records, answers builds that start.

Any number of workers share the organisations between them, by leases on shards.
Whatever a worker does it can do again: facts, answers and records come out the
same, and what another has taken over it can no longer write.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from breakcast.errors import Fenced
from breakcast.features.columns import catalog_of
from breakcast.features.feed import REFINED_WITHIN
from breakcast.features.store import SHARDS, shard_of
from breakcast.history.events import (
    BuildFinished,
    BuildStarted,
    CauseSettled,
    Event,
)
from breakcast.history.inbox import Inbox
from breakcast.history.leases import Leases
from breakcast.history.ledger import Guard, Ledger
from breakcast.live.answers import AnswerKeeper, Rows, answered
from breakcast.live.causes import causes_told_by
from breakcast.live.changes import ChangeFinder
from breakcast.live.folding import Learnt
from breakcast.live.folds import Folds
from breakcast.live.publishing import Publisher
from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Models

LEASE_SECONDS = 10.0
"""How long a worker that has died keeps others waiting."""
ANSWERED_WITHIN = timedelta(minutes=5)
"""A build that started longer ago is not answered any more: nobody waits for it."""

DELIVERIES_KEPT = timedelta(days=30)
"""GitHub delivers again for three days, when it is asked to."""

_TIDY_EVERY = timedelta(hours=6)
_RENEW_AFTER = timedelta(seconds=LEASE_SECONDS / 3)
_AGAIN_AFTER = timedelta(seconds=5)
_LOG = logging.getLogger("breakcast.worker")


class Worker:
    """
    One of any number of workers.

    Args:
        ledger: The history; open for as long as this is used.
        name: Unlike any other worker's.
        keeper: Keeps answers and shows them.
        models: Gives what answers now; None while nothing does.
        publisher: Publishes records; None publishes none.
        changes: Looks up what commits changed; None looks nothing up.
        now: Tells the time.
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        *,
        keeper: AnswerKeeper,
        models: Callable[[], Models | None],
        publisher: Publisher | None,
        changes: ChangeFinder | None,
        now: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._leases = Leases(ledger, name, shards=SHARDS, seconds=LEASE_SECONDS)
        self._keeper = keeper
        self._look_for_models = models
        self._changes = changes
        self._now = now
        self._models: Models | None = None
        self._renewing = threading.Lock()
        self._granted: dict[int, int] = {}
        self._renewed_at: datetime | None = None
        self._epochs: dict[int, int] = {}
        self._reached = 0
        self._tidied_at = now()
        self._failing = dict[str, _Failing]()
        self._folds = Folds(ledger, publisher)

    def renew(self) -> None:
        """
        Renew the leases, if it is time; in any thread, however long a step takes.

        Raises:
            LedgerError: If the ledger fails.
        """
        with self._renewing:
            now = self._now()
            last = self._renewed_at
            if last is None or now - last >= _RENEW_AFTER:
                self._granted = self._leases.renew(now)
                self._renewed_at = now

    def step(self) -> int:
        """
        Learn what is new, answer, publish; how many organisations it learnt of.

        An organisation that cannot be learnt does not keep the others waiting: it is
        tried again in a while, and its shard has no pulse until then.

        Raises:
            LedgerError: If the ledger fails; another step may go on.
        """
        now = self._now()
        self.renew()
        self._follow_leases()
        self._follow_models()
        news = self._ledger.news(self._reached)
        until = {name: added.position for name, added in news.items()}
        until |= {
            name: max(failing.until, until.get(name, 0))
            for name, failing in self._failing.items()
            if failing.again_at <= now
        }
        self._tidy(now)
        count = 0
        for organisation, position in until.items():
            if self.owns(organisation):
                count += self._try(organisation, position, now)
            self._reached = max(self._reached, position)
        self._publish(now)
        return count

    def owns(self, organisation: str) -> bool:
        """Tell whether an organisation is this worker's just now."""
        return shard_of(organisation) in self._epochs

    @property
    def leads(self) -> bool:
        """Whether this worker does what one does for all: it owns the first shard."""
        return 0 in self._epochs

    def close(self) -> None:
        """
        Publish, keep the states and give the leases up: others go on at once.

        Raises:
            LedgerError: If the ledger fails.
        """
        self._publish(self._now(), is_last=True)
        self._leases.release()

    def _tidy(self, now: datetime) -> None:
        """Forget old deliveries, now and then, in one worker."""
        if not self.leads or now < self._tidied_at + _TIDY_EVERY:
            return
        self._tidied_at = now
        Inbox(self._ledger).forget(now - DELIVERIES_KEPT)

    def _follow_leases(self) -> None:
        held = self._granted
        for shard in list(self._epochs):
            if held.get(shard) != self._epochs[shard]:
                self._lose(shard)
        if held.keys() - self._epochs.keys():
            # Their organisations may have had no news for long.
            self._reached = 0
        self._epochs = dict(held)

    def _lose(self, shard: int) -> None:
        self._epochs.pop(shard, None)
        self._folds.lose(shard)
        for organisation in list(self._failing):
            if shard_of(organisation) == shard:
                del self._failing[organisation]

    def _follow_models(self) -> None:
        self._models = self._look_for_models()
        catalogs = [catalog_of()]
        if self._models is not None:
            catalogs = [bundle.catalog for bundle in self._models if bundle]
        if self._folds.follow(catalogs):
            # The states are to be made for every organisation.
            self._reached = 0

    def _try(self, organisation: str, until: int, now: datetime) -> bool:
        """Learn of one organisation; whether that came to a good end."""
        shard = shard_of(organisation)
        guard = self._leases.guard(shard, self._epochs[shard])
        self._failing.pop(organisation, None)
        try:
            learnt = self._folds.catch_up(
                organisation, until, now=now, since=now - ANSWERED_WITHIN, guard=guard
            )
            self._work_on(learnt, now, guard)
            self._folds.offer(organisation)
        except Fenced:
            _LOG.warning("shard %d is another worker's now", shard)
            self._lose(shard)
            return False
        except Exception:  # noqa: BLE001 - one organisation's trouble is not the others'
            _LOG.exception("%s cannot be followed", organisation)
            # It may have learnt a part: it is made anew.
            self._folds.drop(organisation)
            self._failing[organisation] = _Failing(until, now + _AGAIN_AFTER)
            return False
        return True

    def _publish(self, now: datetime, *, is_last: bool = False) -> None:
        failing = {shard_of(organisation) for organisation in self._failing}
        shards = self._epochs.keys() - failing
        for lost in self._folds.publish(shards, now, is_last=is_last):
            self._lose(lost)

    def _work_on(
        self,
        learnt: dict[str, list[Learnt]],
        now: datetime,
        guard: Guard,
    ) -> None:
        facts = [one.fact for one in next(iter(learnt.values()))]
        answers = list(self._answers(learnt, now))
        if answers:
            self._keeper.keep(answers, now, guard)
        causes: list[CauseSettled] = []
        for fact in facts:
            if fact.received_at is None:
                # Of imported history nobody waits to hear.
                continue
            if isinstance(fact, BuildFinished):
                causes += causes_told_by(fact, self._ledger, now)
            elif isinstance(fact, BuildStarted) and self._changes is not None:
                is_open = now - fact.occurred_at <= REFINED_WITHIN
                if is_open and fact.build.change is None:
                    self._changes.find(fact.build, guard)
        if causes:
            self._ledger.receive_together(causes, now, guard)

    def _answers(
        self, learnt: dict[str, list[Learnt]], now: datetime
    ) -> Iterable[tuple[Prediction, bool]]:
        if self._models is None:
            return
        asked = {
            name: {
                (one.fact.key, one.asked.is_refined): one.asked
                for one in of_catalog
                if one.asked is not None and _is_waited_for(one.fact, now)
            }
            for name, of_catalog in learnt.items()
        }
        champion = self._models.champion.manifest.catalog_hash
        for which, its in asked[champion].items():
            rows = {name: by[which] for name, by in asked.items() if which in by}
            yield answered(self._models, Rows(its, rows)), its.is_refined


class _Failing(NamedTuple):
    """Up to where an organisation could not be learnt, and when it is tried again."""

    until: int
    again_at: datetime


def _is_waited_for(fact: Event, now: datetime) -> bool:
    """Tell whether somebody waits for an answer: it is about what happens now."""
    return fact.received_at is not None and now - fact.occurred_at <= ANSWERED_WITHIN
