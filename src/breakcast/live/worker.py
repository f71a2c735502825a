"""
The worker: follows the ledger, publishes records, answers builds that start.

Any number of workers share the organisations between them, by leases on shards.
Whatever a worker does it can do again: facts, answers and records come out the
same, and what another has taken over it can no longer write.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from breakcast.errors import Fenced, LedgerError
from breakcast.features.catalog import Catalog
from breakcast.features.columns import catalog_of
from breakcast.features.feed import REFINED_WITHIN
from breakcast.features.store import SHARDS, shard_of
from breakcast.history.events import BuildFinished, BuildStarted, CauseSettled
from breakcast.history.leases import Leases
from breakcast.history.ledger import Ledger, Receipt
from breakcast.live.answers import AnswerKeeper, Rows, answered
from breakcast.live.causes import causes_told_by
from breakcast.live.changes import ChangeFinder
from breakcast.live.folding import Fold, Learnt
from breakcast.live.publishing import Publisher
from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Models

LEASE_SECONDS = 10.0
"""How long a worker that has died keeps others waiting."""
ANSWERED_WITHIN = timedelta(minutes=5)
"""A build that started longer ago is not answered any more: nobody waits for it."""

_RENEW_AFTER = timedelta(seconds=LEASE_SECONDS / 3)
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
        self._publisher = publisher
        self._changes = changes
        self._now = now
        self._models: Models | None = None
        self._catalogs = dict[str, Catalog]()
        self._epochs: dict[int, int] = {}
        self._renewed_at: datetime | None = None
        self._reached = 0
        self._failing: dict[str, int] = {}
        self._folds: dict[str, dict[str, Fold]] = {}

    def step(self) -> int:
        """
        Learn what is new, answer, publish; how many organisations it learnt of.

        An organisation that cannot be learnt does not keep the others waiting: it is
        tried again at the next step, and its shard has no pulse until then.

        Raises:
            LedgerError: If the ledger fails; another step may go on.
        """
        now = self._now()
        self._renew(now)
        self._follow_models()
        news = self._ledger.news(self._reached)
        until = self._failing | {name: added.position for name, added in news.items()}
        self._failing = {}
        own = [organisation for organisation in until if self.owns(organisation)]
        for organisation in own:
            self._try(organisation, until[organisation], now)
        self._reached = max([self._reached, *until.values()])
        if self._publisher is not None:
            failing = {shard_of(organisation) for organisation in self._failing}
            sound = self._epochs.keys() - failing
            self._publisher.publish(sound, now, self._all_folds())
        return len(own) - len(self._failing)

    def owns(self, organisation: str) -> bool:
        """Tell whether an organisation is this worker's just now."""
        return shard_of(organisation) in self._epochs

    def close(self) -> None:
        """
        Keep the states and give the leases up, so that others go on at once.

        Raises:
            LedgerError: If the ledger fails.
        """
        for organisation in list(self._folds):
            self._saved(organisation)
        self._leases.release()

    def _renew(self, now: datetime) -> None:
        if self._renewed_at is not None and now - self._renewed_at < _RENEW_AFTER:
            return
        held = self._leases.renew(now)
        self._renewed_at = now
        for shard in list(self._epochs):
            if held.get(shard) != self._epochs[shard]:
                self._lose(shard)
        if held.keys() - self._epochs.keys():
            # Their organisations may have had no news for long.
            self._reached = 0
        self._epochs = held

    def _lose(self, shard: int) -> None:
        self._epochs.pop(shard, None)
        for organisation in list(self._folds):
            if shard_of(organisation) == shard:
                del self._folds[organisation]

    def _follow_models(self) -> None:
        found = self._look_for_models()
        if found is not None:
            self._models = found
        catalogs = [catalog_of()]
        if self._models is not None:
            catalogs = [bundle.catalog for bundle in self._models if bundle]
        wanted = {catalog.hash: catalog for catalog in catalogs}
        if wanted.keys() - self._catalogs.keys():
            # Their states are to be made for every organisation.
            self._reached = 0
        self._catalogs = wanted

    def _try(self, organisation: str, until: int, now: datetime) -> None:
        try:
            self._take(organisation, until, now)
        except LedgerError as error:
            _LOG.error("%s cannot be followed: %s", organisation, error)
            self._failing[organisation] = until

    def _take(self, organisation: str, until: int, now: datetime) -> None:
        shard = shard_of(organisation)
        guard = self._leases.guard(shard, self._epochs[shard])
        try:
            learnt = self._learnt(organisation, until, now, guard)
            self._work_on(learnt, now, guard)
        except Fenced:
            _LOG.warning("shard %d is another worker's now", shard)
            self._lose(shard)
            return
        except BaseException:
            # It may have learnt a part: it is made anew at the next step.
            self._folds.pop(organisation, None)
            raise
        folds = self._folds[organisation].values()
        if self._publisher is not None:
            self._publisher.add(fold.changed() for fold in folds)
        if any(fold.is_due for fold in folds):
            self._saved(organisation)

    def _learnt(
        self,
        organisation: str,
        until: int,
        now: datetime,
        guard: Callable[[Connection], None],
    ) -> dict[str, list[Learnt]]:
        """Bring all folds of an organisation up to a position; by catalog."""
        folds = self._folds.setdefault(organisation, {})
        for given_up in folds.keys() - self._catalogs.keys():
            del folds[given_up]
        learnt = {}
        for name, catalog in self._catalogs.items():
            if name not in folds:
                folds[name] = Fold(self._ledger, organisation, catalog, guard)
            learnt[name] = folds[name].catch_up(
                until, now=now, since=now - ANSWERED_WITHIN
            )
        return learnt

    def _work_on(
        self,
        learnt: dict[str, list[Learnt]],
        now: datetime,
        guard: Callable[[Connection], None],
    ) -> None:
        facts = [one.fact for one in next(iter(learnt.values()))]
        answers = list(self._answers(learnt))
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
                is_open = now - fact.known_at <= REFINED_WITHIN
                if is_open and fact.build.change is None:
                    self._changes.find(fact.build, guard)
        if causes:
            self._settle(causes, now, guard)

    def _answers(
        self, learnt: dict[str, list[Learnt]]
    ) -> Iterable[tuple[Prediction, bool]]:
        if self._models is None:
            return
        asked = {
            name: {
                (one.fact.key, one.asked.is_refined): one.asked
                for one in of_catalog
                if one.asked is not None and one.fact.received_at is not None
            }
            for name, of_catalog in learnt.items()
        }
        champion = self._models.champion.manifest.catalog_hash
        for which, its in asked[champion].items():
            rows = {name: by[which] for name, by in asked.items() if which in by}
            yield answered(self._models, Rows(its, rows)), its.is_refined

    def _settle(
        self,
        causes: list[CauseSettled],
        now: datetime,
        guard: Callable[[Connection], None],
    ) -> None:
        def is_ours(connection: Connection) -> bool:
            guard(connection)
            return True

        for outcome in self._ledger.receive([Receipt(causes, now, is_ours)]):
            if isinstance(outcome, Exception):
                raise outcome

    def _saved(self, organisation: str) -> None:
        try:
            for fold in self._folds[organisation].values():
                fold.save()
        except Fenced:
            self._lose(shard_of(organisation))

    def _all_folds(self) -> Iterable[Fold]:
        for folds in self._folds.values():
            yield from folds.values()
