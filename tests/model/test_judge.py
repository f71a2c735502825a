"""From a ledger to the verdict: the facts counted, the figures repeatable."""

from collections import Counter
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from breakcast.errors import BadInput
from breakcast.history.ledger import Ledger
from breakcast.model.backtest import Protocol
from breakcast.model.evaluation import Evaluation
from breakcast.model.judge import Findings, Terms, facts_of, judge_table, read_table
from breakcast.model.metrics import score
from tests.model.made_history import simulated_rows, simulated_table
from tests.model.made_table import NEVER, make_table

both = pytest.mark.parametrize("protocol", ["split", "walk-forward"])


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    judged, _ = judge_table(simulated_table(), Terms())
    return judged


def test_the_same_history_gets_the_same_judgement_to_the_last_digit(
    evaluation: Evaluation,
) -> None:
    again, _ = judge_table(simulated_table(), Terms())

    assert msgspec.json.encode(again) == msgspec.json.encode(evaluation)


def test_the_facts_are_the_rows_counted() -> None:
    rows = simulated_rows()
    facts = facts_of(
        simulated_table(), Findings(refused_rows=3, assumed_finish=4, notes=("x",))
    )

    outcomes = Counter(row["outcome"] for row in rows)
    assert facts.outcomes == dict(outcomes)
    assert facts.builds == len(rows)
    assert facts.labelled == len(rows) - outcomes["none"]
    assert facts.failure_rate == outcomes["failed"] / facts.labelled
    assert facts.repos == len({row["repo"] for row in rows})
    assert (facts.first_at, facts.last_at) == (
        min(datetime.fromisoformat(row["started_at"]) for row in rows),
        max(datetime.fromisoformat(row["started_at"]) for row in rows),
    )
    assert (facts.refused_rows, facts.assumed_finish, facts.notes) == (3, 4, ("x",))


def test_the_facts_of_nothing_are_zero_and_unknown() -> None:
    facts = facts_of(make_table([]), Findings())

    assert (facts.builds, facts.labelled, facts.repos) == (0, 0, 0)
    assert (facts.failure_rate, facts.first_at, facts.last_at) == (None, None, None)


def test_the_figures_are_those_of_the_backtest() -> None:
    evaluation, done = judge_table(simulated_table(), Terms())

    expected = score(done.test.probability, done.test.failed)

    assert evaluation.model.pooled == expected
    assert evaluation.data.test_builds == len(done.test)
    assert evaluation.method.validation_builds == len(done.validation)


def test_the_terms_are_kept(evaluation: Evaluation) -> None:
    terms = Terms(
        test_fraction=0.1, target_accuracy=0.7, missed_budget=0.2, price_a_minute=2.5
    )

    other, _ = judge_table(simulated_table(), terms)

    assert other.selective.target == 0.7
    assert (other.savings.budget, other.savings.price_a_minute) == (0.2, 2.5)
    assert other.data.test_builds < 0.6 * evaluation.data.test_builds
    assert other.protocol == "split"


@pytest.mark.parametrize("name", ["test_fraction", "target_accuracy", "missed_budget"])
@pytest.mark.parametrize("value", [0.0, 1.0, 1.5, -1.0, float("nan")])
def test_terms_out_of_range_are_refused_before_anything_is_read(
    name: str, value: float
) -> None:
    with pytest.raises(BadInput) as refused:
        Terms(**{name: value})  # type: ignore[arg-type]

    assert str(refused.value) == (
        f"{name} is {value!r}; it must lie between 0 and 1, both excluded"
    )


@both
@pytest.mark.parametrize(
    ("repo", "failed", "reason"),
    [
        ([], [], "There is no labelled build to test on."),
        ([0] * 9, [NEVER] * 9, "There is no labelled build to test on."),
        ([0, 0], [1, 0], "None of the 1 test builds failed"),
        ([0, 0], [0, 1], "All 1 test builds failed"),
        ([0] * 500, [0] * 500, "None of the 100 test builds failed"),
        ([0] * 500, [1] * 500, "All 100 test builds failed"),
        ([0] * 50, [0, 1] * 25, "10 test builds with 5 failures are too few to judge"),
    ],
    ids=[
        "empty",
        "all none",
        "two, then green",
        "two, then red",
        "green",
        "red",
        "few",
    ],
)
def test_where_nothing_can_be_learnt_the_verdict_is_not_yet_and_why(
    protocol: Protocol, repo: list[int], failed: list[float], reason: str
) -> None:
    judged, _ = judge_table(make_table(repo, failed=failed), Terms(protocol=protocol))

    assert judged.verdict == "not yet"
    assert judged.reasons[0].startswith(reason)
    assert judged.protocol == protocol
    # JSON knows no NaN: what is undefined is null.
    assert b"NaN" not in msgspec.json.encode(judged)


@both
def test_an_empty_ledger_is_not_yet_worth_anything(protocol: Protocol) -> None:
    with Ledger.temporary() as ledger:
        table = read_table(ledger)

    judged, _ = judge_table(table, Terms(protocol=protocol))

    assert len(table) == 0
    assert judged.verdict == "not yet"


def test_each_step_is_told_of_once_it_begins() -> None:
    told: list[tuple[str, int, int]] = []

    def step(what: str, done: int, total: int) -> None:
        told.append((what, done, total))

    with Ledger.temporary() as ledger:
        judge_table(read_table(ledger, step=step), Terms(), step=step)

    assert told == [
        ("surveying", 0, 1),
        ("replaying", 0, 1),
        ("replaying", 1, 1),
        ("training", 1, 2),
        ("training", 2, 2),
    ]


def test_times_are_told_in_utc() -> None:
    facts = facts_of(make_table([0, 0], started_at=[0, 24]), Findings())

    assert facts.first_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert facts.last_at == datetime(1970, 1, 2, tzinfo=UTC)
    assert facts.first_at.utcoffset() == datetime.now(UTC).utcoffset()


def test_undefined_outcomes_count_as_builds_but_not_as_labels() -> None:
    facts = facts_of(make_table([0] * 4, failed=[0, NEVER, 1, NEVER]), Findings())

    assert (facts.builds, facts.labelled) == (4, 2)
    assert facts.failure_rate == np.mean([0, 1])
