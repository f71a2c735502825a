"""The gate lets a better model pass, and none that is not."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from msgspec.structs import replace as with_

from breakcast.model.forecasts import Bools, Floats, Forecasts
from breakcast.model.gateverdict import GateVerdict, verdict_from
from breakcast.retraining.gate import Contest, judge
from breakcast.retraining.tolerances import Tolerances

AT = datetime(2026, 5, 1, 2, tzinfo=UTC)
BUILDS = 2_000
REPOS = 4
TOLERANCES = Tolerances()


def logit(chance: Floats) -> Floats:
    return np.log(chance / (1 - chance))


def sigmoid(at: Floats) -> Floats:
    return 1 / (1 + np.exp(-at))


class World:
    """Builds with a chance of red, which forecasters see more or less well."""

    def __init__(self, seed: int = 0, builds: int = BUILDS) -> None:
        self.rng = np.random.default_rng(seed)
        self.chance = sigmoid(self.rng.normal(-2.0, 1.8, builds))
        self.failed: Bools = self.rng.random(builds) < self.chance
        self.repo = np.arange(builds) % REPOS
        self.started_at = 1.75e9 + np.arange(builds) * 14 * 86_400.0 / builds

    def seen(self, noise: float, bias: float = 0.0) -> Floats:
        """Forecasts by somebody who sees the chance with some noise."""
        away = self.rng.normal(bias, noise, len(self.chance))
        return sigmoid(logit(self.chance) + away)

    def contest(
        self, candidate: Floats, champion: Floats | None, cut: float | None = 0.8
    ) -> Contest:
        # The parrot is right in two of three.
        is_right = np.random.default_rng(1).random(len(candidate)) < 2 / 3
        parrot = (self.failed == is_right).astype(np.float64)
        return Contest(
            candidate=Forecasts(
                probability=candidate,
                failed=self.failed,
                parrot=parrot,
                majority=np.full(len(candidate), 0.2),
                is_first=parrot == 0,
                repo=self.repo,
                repo_names=tuple(f"acme/r{number}" for number in range(REPOS)),
                started_at=self.started_at,
                minutes=np.full(len(candidate), 5.0),
            ),
            candidate_cut=cut,
            champion=champion,
            champion_cut=cut,
            milliseconds=0.1,
            megabytes=1.0,
        )


def ask(contest: Contest, tolerances: Tolerances = TOLERANCES) -> GateVerdict:
    return judge(contest, tolerances, candidate="v1.1", champion="v1.0", at=AT)


def failed(verdict: GateVerdict) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


def test_a_better_candidate_passes() -> None:
    world = World()

    verdict = ask(world.contest(world.seen(0.2), world.seen(1.2)))

    assert not verdict.failed
    assert (verdict.candidate, verdict.champion) == ("v1.1", "v1.0")
    assert "did better than v1.0" in verdict.reasons[0]
    assert verdict_from(verdict.json()) == verdict


def test_a_worse_candidate_is_refused_and_it_is_said_why() -> None:
    world = World()

    verdict = ask(world.contest(world.seen(1.2), world.seen(0.2)))

    assert verdict.failed
    assert any("surely better" in reason for reason in verdict.reasons)
    assert any("Brier score: perhaps worse" in reason for reason in verdict.reasons)


def test_one_that_is_only_as_good_is_refused_nearly_always() -> None:
    passed = 0
    for seed in range(40):
        world = World(seed, builds=1_200)
        contest = world.contest(world.seen(0.4), world.seen(0.4))
        passed += not ask(contest).failed

    assert passed <= 2


def test_one_that_is_better_for_most_and_much_worse_for_one_is_refused() -> None:
    world = World(builds=6_000)
    candidate, champion = world.seen(0.1), world.seen(1.5)
    spoilt = world.repo == 2
    candidate[spoilt] = 1 - candidate[spoilt] * 0.8
    champion[spoilt] = world.seen(0.1)[spoilt]

    verdict = ask(world.contest(candidate, champion))

    (check,) = [one for one in verdict.checks if one.name.startswith("acme/r2")]
    assert not check.passed


def test_without_a_champion_it_has_to_beat_the_parrot_and_the_objective() -> None:
    world = World()

    good = ask(world.contest(world.seen(0.2), None))
    bad = ask(world.contest(world.rng.permutation(world.seen(0.2)), None))

    assert not good.failed
    assert good.champion is None
    assert {"PR-AUC", "MCC"} <= failed(bad)


def test_where_the_champion_is_broken_it_has_to_be_less_so_only() -> None:
    """What builds fail by has turned round; the candidate has learnt half of it."""
    world = World()

    candidate = 0.3 + 0.1 * world.seen(0.2)
    verdict = ask(world.contest(candidate, 1 - world.seen(0.1)))

    assert not verdict.failed, verdict.reasons


def test_bad_probabilities_are_refused_though_the_order_is_right() -> None:
    world = World()

    verdict = ask(world.contest(world.seen(0.1, bias=1.5), world.seen(0.8)))

    assert "calibration error" in failed(verdict)


def test_answers_given_have_to_be_as_right_as_promised() -> None:
    world = World()
    champion = world.seen(0.4)

    verdict = ask(
        replace(
            world.contest(world.seen(0.1), champion),
            candidate_cut=0.5,
            champion_cut=0.9,
        ),
        with_(TOLERANCES, accuracy=0.95),
    )

    assert "accuracy of answers given" in failed(verdict)


def test_one_that_gives_no_answers_is_judged_by_all_its_forecasts() -> None:
    world = World()

    verdict = ask(world.contest(world.seen(0.1), world.seen(1.2), cut=None))

    assert not verdict.failed
    assert "accuracy (it gives no answers)" in {one.name for one in verdict.checks}


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"milliseconds": 3.0}, "milliseconds a score"),
        ({"megabytes": 80.0}, "megabytes of trees"),
    ],
)
def test_one_that_is_slow_or_large_is_refused(
    changed: dict[str, float], name: str
) -> None:
    world = World()
    contest = replace(world.contest(world.seen(0.1), world.seen(1.0)), **changed)

    assert failed(ask(contest)) == {name}


@pytest.mark.parametrize("builds", [1, 30, 400])
def test_too_few_builds_prove_nothing(builds: int) -> None:
    world = World(builds=builds)

    verdict = ask(world.contest(world.seen(0.1), world.seen(1.0)))

    assert "builds judged" in failed(verdict)


def test_no_builds_at_all_are_a_verdict_too() -> None:
    world = World(builds=0)

    verdict = ask(world.contest(world.seen(0.1), world.seen(1.0)))

    assert verdict.failed
    assert "| builds judged | 0 | at least 1000 | **no** |" in verdict.markdown()


def test_the_same_builds_give_the_same_verdict() -> None:
    one, two = (World(3) for _ in range(2))

    first = ask(one.contest(one.seen(0.2), one.seen(0.6)))
    second = ask(two.contest(two.seen(0.2), two.seen(0.6)))

    assert first == second
