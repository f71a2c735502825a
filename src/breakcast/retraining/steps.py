"""
The steps of a renewal: train a candidate, judge it, let it answer or not.

Each works on a plan that says up to which fact: done again with the same plan, it comes
to the same, and does nothing twice.
"""

import tempfile
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from breakcast.errors import BundleError, NotEnoughHistory
from breakcast.features.table import Table, build_table
from breakcast.history.ledger import Ledger
from breakcast.model.bundle import Bundle
from breakcast.model.bundlewriting import write_bundle
from breakcast.model.estimator import Recipe
from breakcast.model.gateverdict import GateVerdict
from breakcast.model.judge import Step, Terms, read_table
from breakcast.model.promotions import Promotion
from breakcast.model.registry import Registry
from breakcast.model.split import is_labelled
from breakcast.model.train import train
from breakcast.retraining.contest import contest_of
from breakcast.retraining.gate import judge
from breakcast.retraining.tolerances import Tolerances
from breakcast.retraining.window import (
    Window,
    judged_in,
    lacks,
    newest_window,
    settled_until,
)

Mode: TypeAlias = Literal["direct", "shadow"]
"""A candidate that passes answers at once, or shadows the champion first."""
ACTOR = "renewal"
_TEACHING = 2
"""How many times the window there has to be to learn from."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a step works on.

    Attributes:
        at: When it was planned.
        position: The last fact that counts.
        seq: The promotion it is decided on; 0 if nothing was ever promoted.
    """

    at: datetime
    position: int
    seq: int


class Retrained(msgspec.Struct, frozen=True, kw_only=True):
    """
    What became of training anew.

    Attributes:
        candidate: The version; None if there is nothing to be gained yet.
        why: In words.
        taught_before: What became known from then on is left for the gate.
        held_out: How many outcomes that are.
    """

    candidate: str | None
    why: str
    taught_before: datetime | None = None
    held_out: int = 0


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """
    What became of a candidate.

    Attributes:
        action: It answers now, it shadows the champion, or it was refused.
        candidate: Which.
        seq: The promotion that says so; the one before, if it was refused.
        why: In words.
        verdict: What the gate found.
    """

    action: Literal["promote", "shadow", "refuse"]
    candidate: str
    seq: int
    why: str
    verdict: GateVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """
    What the steps work with.

    Attributes:
        ledger: The facts.
        registry: The models.
        terms: How a candidate is judged when it is trained.
        tolerances: How it is judged by the gate.
        mode: What becomes of it if it passes.
        recipe: How its forests are grown.
        executor: Where histories are replayed and forests grow.
        step: Told how far it is.
    """

    ledger: Ledger
    registry: Registry
    terms: Terms
    tolerances: Tolerances
    mode: Mode = "direct"
    recipe: Recipe | None = None
    executor: Executor | None = None
    step: Step = lambda _what, _done, _of: None

    def plan(self, at: datetime) -> Plan:
        """Plan a step on all that is known now."""
        current = self.registry.current()
        return Plan(
            at=at,
            position=self.ledger.position(),
            seq=current.seq if current is not None else 0,
        )

    def retrain(self, plan: Plan) -> Retrained:
        """
        Train a candidate, keep the newest outcomes from it, and publish it.

        Raises:
            BundleError: If it cannot be made, or published.
            OSError: If the registry cannot be reached.
            LedgerError: If the ledger fails.
        """
        if self.mode == "shadow" and (challenger := self._on_trial(plan)):
            why = f"{challenger} is on trial beside the champion; that is judged first"
            return Retrained(candidate=None, why=why)
        table = read_table(
            self.ledger, until=plan.position, executor=self.executor, step=self.step
        )
        champion, _ = self._champion(plan)
        since = _known_until(champion)
        window = newest_window(table, since, self.tolerances)
        lack = lacks(table, window, self.tolerances)
        if lack is not None:
            return Retrained(candidate=None, why=lack)
        held_out = int(judged_in(table, window).sum())
        taught = int(is_labelled(table.before(window.starts_at)).sum())
        if taught < _TEACHING * held_out:
            why = (
                f"{taught} outcomes would teach and {held_out} judge; it takes "
                f"{_TEACHING} times as many to teach as to judge"
            )
            return Retrained(candidate=None, why=why)
        before = datetime.fromtimestamp(window.starts_at, UTC)
        try:
            version = self._published(table, plan, before)
        except NotEnoughHistory as error:
            return Retrained(candidate=None, why=str(error))
        return Retrained(
            candidate=version,
            why=f"{taught} outcomes taught it, {held_out} are left to judge it by",
            taught_before=before,
            held_out=held_out,
        )

    def deploy(self, candidate: str, plan: Plan) -> Deployed:
        """
        Judge a candidate; let it answer, or shadow the champion, if it passes.

        Raises:
            RegistryError: If there is no such version, or if somebody else decided
                something meanwhile.
            BundleError: If it is not sound.
            OSError: If the registry cannot be reached.
            LedgerError: If the ledger fails.
        """
        bundle = self.registry.load(candidate)
        verdict = self.registry.verdict(candidate, plan.at)
        if verdict is None:
            verdict = self.registry.keep_verdict(self._judge(bundle, plan))
        why = " ".join(verdict.reasons)
        if verdict.failed:
            return Deployed(
                action="refuse",
                candidate=candidate,
                seq=plan.seq,
                why=why,
                verdict=verdict,
            )
        # Nobody to shadow: the first model answers at once.
        shadows = self.mode == "shadow" and plan.seq > 0
        entry = self._decided(bundle, verdict, plan, shadows=shadows)
        return Deployed(
            action="shadow" if shadows else "promote",
            candidate=candidate,
            seq=entry.seq,
            why=why,
            verdict=verdict,
        )

    def _published(self, table: Table, plan: Plan, before: datetime) -> str:
        parts = train(
            table,
            self.terms,
            ledger_position=plan.position,
            created_at=plan.at,
            taught_before=before,
            recipe=self.recipe,
            executor=self.executor,
            step=self.step,
        )
        with tempfile.TemporaryDirectory(prefix="breakcast-") as folder:
            bundle = Path(folder) / "bundle"
            write_bundle(parts, bundle)
            return self.registry.published_as(bundle) or self.registry.publish(bundle)

    def _judge(self, candidate: Bundle, plan: Plan) -> GateVerdict:
        champion, trouble = self._champion(plan)
        since = max(_known_until(champion), candidate.manifest.known_until.timestamp())
        self.step("replaying", 0, 1)
        table = self._table(candidate, plan)
        window = Window(_after(since), settled_until(table))
        taught_before = candidate.manifest.taught_before
        if taught_before is not None:
            window = window._replace(
                starts_at=max(window.starts_at, taught_before.timestamp())
            )
        rival = None
        if champion is not None:
            same = champion.catalog.hash == candidate.catalog.hash
            rival = (champion, table if same else self._table(champion, plan))
        self.step("replaying", 1, 1)
        contest = contest_of(table, judged_in(table, window), candidate, rival)
        return judge(
            contest,
            self.tolerances,
            candidate=candidate.version,
            champion=champion.version if champion is not None else None,
            at=plan.at,
            notes=trouble,
        )

    def _table(self, bundle: Bundle, plan: Plan) -> Table:
        return build_table(
            self.ledger, bundle.catalog, self.executor, until=plan.position
        )

    def _on_trial(self, plan: Plan) -> str | None:
        """Name the challenger that is a newcomer; a former champion is none."""
        if not plan.seq:
            return None
        entry = self.registry.log.entry(plan.seq)
        return None if self.registry.is_former(entry) else entry.challenger

    def _champion(self, plan: Plan) -> tuple[Bundle | None, tuple[str, ...]]:
        """Load the champion of the plan; None, and why, if this code cannot."""
        if not plan.seq:
            return None, ()
        entry = self.registry.log.entry(plan.seq)
        try:
            return self.registry.load_promoted(entry.champion, entry), ()
        except BundleError as error:
            trouble = f"{entry.champion} answers, and cannot be loaded: {error}."
            return None, (trouble,)

    def _decided(
        self, bundle: Bundle, verdict: GateVerdict, plan: Plan, *, shadows: bool
    ) -> Promotion:
        former_shadows = partial(self.registry.promote, former_shadows=True)
        decide = self.registry.shadow if shadows else former_shadows
        return decide(
            bundle.version,
            actor=ACTOR,
            reason=verdict.reasons[0],
            at=plan.at,
            verdict=verdict,
            manifest_sha256=bundle.manifest_sha256,
            decided_on=plan.seq,
        )


def _known_until(bundle: Bundle | None) -> float:
    return bundle.manifest.known_until.timestamp() if bundle is not None else 0.0


def _after(seconds: float) -> float:
    """Give the next time there is: what is known at a moment taught already."""
    return seconds + 1e-6
