"""When to train anew: labels, drift, age; not on broken data, and not too often."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from breakcast.monitoring.concept import judge_concept
from breakcast.monitoring.driftreport import DriftReport, Finding
from breakcast.monitoring.health import HealthReport, LedgerHealth, ModelInUse
from breakcast.retraining.trigger import Decision, Trigger, decide

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
CALM = DriftReport(
    verdict="no drift",
    why="all is as it was",
    threshold=0.05,
    calibration="windows",
    baseline_rows=9_000,
    current_rows=1_000,
)
DRIFT = msgspec.structs.replace(CALM, verdict="drift", why="minutes are longer")
CONCEPT = judge_concept(None, np.empty(0) > 0, np.empty(0), np.empty(0))
WORSE = msgspec.structs.replace(CONCEPT, alarm=True, why="errors have risen")
BROKEN = Finding(kind="missing", column="author", blocks=True, words="author is gone")
STRANGE = Finding(kind="new_column", column="weather", words="weather is new")


def report(days_old: float = 1, **changed: object) -> HealthReport:
    made = HealthReport(
        at=NOON,
        model=ModelInUse(version="v1.0", trained_at=NOON - timedelta(days=days_old)),
        new_outcomes=500,
        quality=(),
        concept=CONCEPT,
        inputs=CALM,
        scores=CALM,
        ledger=LedgerHealth(),
    )
    return msgspec.structs.replace(made, **changed)


def asked(hours_ago: float, *triggers: Trigger) -> Decision:
    return Decision(
        action="retrain",
        at=NOON - timedelta(hours=hours_ago),
        version="v1.0",
        triggers=triggers,
        reasons=(),
    )


def test_where_all_is_calm_there_is_nothing_to_do() -> None:
    decision = decide(report(), [])

    assert (decision.action, decision.is_due) == ("nothing to do", False)
    assert "inputs: all is as it was" in decision.reasons


@pytest.mark.parametrize(
    ("changed", "trigger"),
    [
        ({"concept": WORSE}, "labels"),
        ({"inputs": DRIFT}, "drift"),
        ({"scores": DRIFT}, "drift"),
        ({"days_old": 8}, "age"),
    ],
)
def test_each_of_these_asks_for_a_retraining(
    changed: dict[str, object], trigger: str
) -> None:
    decision = decide(report(**changed), [])  # type: ignore[arg-type]

    assert decision.is_due
    assert decision.triggers == (trigger,)
    assert decision.version == "v1.0"


def test_the_weightiest_reason_comes_first() -> None:
    decision = decide(report(days_old=8, concept=WORSE, inputs=DRIFT), [])

    assert decision.triggers == ("labels", "drift", "age")
    assert decision.reasons[0] == "errors have risen"


def test_an_old_model_is_good_enough_where_nothing_new_is_known() -> None:
    assert not decide(report(days_old=80, new_outcomes=0), []).is_due


def test_broken_data_blocks_and_says_why() -> None:
    drifted = msgspec.structs.replace(DRIFT, findings=(BROKEN, STRANGE))

    decision = decide(report(inputs=drifted, concept=WORSE), [])

    assert (decision.action, decision.is_due) == ("blocked", False)
    assert decision.reasons[0] == "mend the data first: author is gone"
    assert decision.triggers == ("labels", "drift")


def test_strange_data_does_not_block() -> None:
    drifted = msgspec.structs.replace(DRIFT, findings=(STRANGE,))

    assert decide(report(inputs=drifted), []).is_due


@pytest.mark.parametrize(
    ("trigger", "hours"), [("labels", 20), ("drift", 3 * 24 - 4), ("age", 7 * 24 - 4)]
)
def test_the_same_reason_is_heard_again_after_a_while(
    trigger: Trigger, hours: int
) -> None:
    again = {
        "labels": report(concept=WORSE),
        "drift": report(inputs=DRIFT),
        "age": report(days_old=30),
    }[trigger]

    assert decide(again, [asked(hours - 0.1, trigger)]).action == "cooling down"
    assert decide(again, [asked(hours + 0.1, trigger)]).action == "retrain"


def test_after_two_retrainings_in_vain_the_third_waits_longer() -> None:
    worse = report(concept=WORSE)
    twice = [asked(25, "labels"), asked(50, "labels")]
    others = [msgspec.structs.replace(one, version="v0.9") for one in twice]

    assert decide(worse, twice).action == "cooling down"
    assert decide(worse, [asked(45, "labels"), *twice[1:]]).action == "retrain"
    assert decide(worse, others).action == "retrain"


def test_another_reason_is_heard_within_the_day_but_no_third_one() -> None:
    worse = report(concept=WORSE, inputs=DRIFT)

    assert decide(worse, [asked(1, "drift")]).action == "retrain"
    twice = [asked(1, "labels"), asked(2, "drift")]
    assert decide(report(days_old=8), twice).action == "cooling down"


def test_without_a_model_one_is_to_be_promoted() -> None:
    decision = decide(report(model=None, inputs=DRIFT), [])

    assert decision.action == "nothing to do"
    assert "promote" in decision.reasons[0]
