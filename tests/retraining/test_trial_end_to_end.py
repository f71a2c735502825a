"""Live outcomes end a challenger's trial: what a worker's look does to the registry."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from breakcast import wiring
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Outcome,
)
from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger
from breakcast.model.registry import Registry
from breakcast.serving.journal import JournalEntry, row_of
from breakcast.serving.prediction import Scored
from breakcast.settings import Settings
from breakcast.wiring.standing import look, watch_of
from breakcast.wiring.trial import look_at_trial
from tests.monitoring.made_days import MONDAY
from tests.serving.made_servers import bundle_folder

BUILDS = 2_000
SHARP, BLUNT = 0.1, 1.3
"""How much noise a forecaster sees."""


class Trial(NamedTuple):
    """A registry of two versions, and a ledger."""

    settings: Settings
    ledger: Ledger
    registry: Registry

    def answers(self, champion: str, challenger: str, *, better: str) -> None:
        """Let builds be forecast by both, one of whom sees more, and end."""
        rng = np.random.default_rng(1)
        at = rng.normal(-2, 1.8, BUILDS)
        failed = rng.random(BUILDS) < 1 / (1 + np.exp(-at))
        said = {
            name: 1
            / (
                1
                + np.exp(
                    -at - rng.normal(0, SHARP if name == better else BLUNT, BUILDS)
                )
            )
            for name in (champion, challenger)
        }
        facts: list[BuildStarted | BuildFinished] = []
        rows = []
        for number in range(BUILDS):
            key = BuildKey("github", "acme/shop", "ci.yml", str(number))
            start = MONDAY + number * timedelta(minutes=1)
            outcome = Outcome.FAILED if failed[number] else Outcome.PASSED
            end = start + timedelta(minutes=5)
            facts.append(BuildStarted(Build(key, branch="main"), occurred_at=start))
            facts.append(BuildFinished(key, outcome, occurred_at=end))
            scored = {
                name: Scored(version=name, logit=0.0, probability=float(one[number]))
                for name, one in said.items()
            }
            entry = JournalEntry(
                key=key,
                commit_sha=None,
                as_of=start,
                features=b"",
                catalog_hash="",
                probability=scored[champion].probability,
                champion=scored[champion],
                challenger=scored[challenger],
            )
            rows.append(row_of(entry))
        self.ledger.append(facts)
        JournalTable(self.ledger).add(rows)

    def look(self, days: float = 2.0) -> str | None:
        """Look as a worker does; what it decided."""
        watch = watch_of(self.settings, self.ledger)
        decided = look_at_trial(self.settings, watch, MONDAY + timedelta(days=days))
        return decided.action if decided is not None else None

    def state(self) -> tuple[str, str | None]:
        entry = self.registry.current()
        assert entry is not None
        return entry.champion, entry.challenger


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    settings = Settings(home=tmp_path)
    registry = wiring.open_registry(settings)
    for _ in range(2):
        registry.publish(bundle_folder())
    registry.promote("v1.0", actor="test", reason="the first", at=MONDAY)
    with wiring.open_ledger(settings) as ledger:
        yield Trial(settings, ledger, registry)


def shadow(trial: Trial) -> None:
    trial.registry.shadow("v1.1", actor="test", reason="to see", at=MONDAY)


def promote(trial: Trial) -> None:
    trial.registry.promote(
        "v1.1", actor="test", reason="it passed", at=MONDAY, former_shadows=True
    )


def test_without_a_challenger_there_is_nothing_to_judge(trial: Trial) -> None:
    assert trial.look() is None


def test_a_newcomer_that_is_better_answers_and_the_former_shadows_it(
    trial: Trial,
) -> None:
    shadow(trial)
    trial.answers("v1.0", "v1.1", better="v1.1")

    assert trial.look() == "promote"

    assert trial.state() == ("v1.1", "v1.0")
    entry = trial.registry.current()
    assert entry is not None
    assert entry.actor == "trial"
    assert "proven better" in entry.reason


def test_a_newcomer_that_is_worse_is_discarded(trial: Trial) -> None:
    shadow(trial)
    trial.answers("v1.0", "v1.1", better="v1.0")

    assert trial.look() == "discard"
    assert trial.state() == ("v1.0", None)


def test_a_promotion_that_was_a_mistake_is_rolled_back(trial: Trial) -> None:
    promote(trial)
    trial.answers("v1.1", "v1.0", better="v1.0")

    assert trial.look() == "rollback"
    assert trial.state() == ("v1.0", None)


def test_after_a_good_promotion_the_former_champion_is_let_go(trial: Trial) -> None:
    promote(trial)
    trial.answers("v1.1", "v1.0", better="v1.1")

    assert trial.look() == "discard"
    assert trial.state() == ("v1.1", None)


def test_what_is_not_proven_goes_on_until_the_trial_is_over(trial: Trial) -> None:
    shadow(trial)

    assert trial.look(days=1) is None
    assert trial.state() == ("v1.0", "v1.1")
    assert trial.look(days=29) == "discard"


def test_answers_from_before_the_trial_do_not_count(trial: Trial) -> None:
    trial.answers("v1.0", "v1.1", better="v1.1")
    late = MONDAY + timedelta(days=2)
    trial.registry.shadow("v1.1", actor="test", reason="to see", at=late)

    assert trial.look(days=3) is None


def test_the_health_report_tells_how_the_trial_stands(trial: Trial) -> None:
    shadow(trial)
    trial.look(days=1)

    found = look(trial.settings).health.shadow

    assert found is not None
    assert (found.champion, found.challenger) == ("v1.0", "v1.1")
    assert found.why == "no outcome is known yet of a build that both forecast"
