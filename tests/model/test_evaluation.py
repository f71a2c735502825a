"""The evaluation: its JSON layout, its verdict, and calm on tiny data."""

import time

import msgspec
import numpy as np
import pytest

from breakcast.model.evaluation import DataFacts, Evaluation, evaluate
from tests.model.made_up import make_forecasts


def everything(builds: int) -> np.ndarray:
    return np.ones(builds, dtype=bool)


@pytest.fixture(scope="module")
def judged() -> Evaluation:
    return evaluate(make_forecasts(seed=2, noise=0.3), make_forecasts(seed=1))


def test_the_json_has_the_promised_layout(judged: Evaluation) -> None:
    found = msgspec.json.decode(msgspec.json.encode(judged))
    assert {"protocol", "seconds", "verdict", "per_repo"} <= found.keys()
    assert found["data"].keys() >= {
        "builds",
        "labelled",
        "test_builds",
        "repos",
        "failure_rate",
        "refused_rows",
        "assumed_finish",
    }
    scores = {"accuracy", "roc_auc", "pr_auc", "f1", "mcc", "brier", "ece"}
    for forecaster in ("model", "parrot", "majority"):
        assert found[forecaster]["pooled"].keys() >= scores
        assert found[forecaster]["macro"].keys() >= scores
    assert found["first_failure"].keys() >= {"roc_auc", "recall_at_20"}
    selective = {"target", "threshold_from", "accuracy", "lower95", "coverage"}
    assert found["selective"].keys() >= selective
    assert found["selective"]["threshold_from"] == "validation"
    assert found["verdict"] in {"turn on", "not yet"}


def test_the_record_survives_its_json(judged: Evaluation) -> None:
    assert msgspec.json.decode(msgspec.json.encode(judged), type=Evaluation) == judged


def test_the_same_arguments_give_the_same_record(judged: Evaluation) -> None:
    again = evaluate(make_forecasts(seed=2, noise=0.3), make_forecasts(seed=1))
    assert again == judged


def test_a_good_model_is_turned_on_and_says_why(judged: Evaluation) -> None:
    assert judged.verdict == "turn on"
    assert all(check.met for check in judged.checks)
    assert judged.reasons == tuple(check.text for check in judged.checks)
    assert "the parrot's" in judged.reasons[1]


def test_a_model_behind_the_parrot_is_not_turned_on() -> None:
    made = make_forecasts(seed=2)
    oracle = make_forecasts(seed=2, parrot=made.failed.astype(float))
    judged = evaluate(oracle, make_forecasts(seed=1))
    assert judged.verdict == "not yet"
    assert judged.reasons[0].startswith("The parrot's MCC is 1.000, the model's 0.")
    assert judged.reasons[0].endswith("last known outcome is the better forecast.")


def test_a_lead_that_may_be_luck_is_not_enough() -> None:
    noisy = make_forecasts(400, seed=5, noise=0.3, failure_logit=-1.0)
    rng = np.random.default_rng(0)
    blurred = np.where(rng.random(400) < 0.19, ~noisy.failed, noisy.failed)
    judged = evaluate(
        make_forecasts(
            400, seed=5, noise=0.3, failure_logit=-1.0, parrot=blurred.astype(float)
        ),
        make_forecasts(seed=1),
    )
    lead = judged.difference["mcc"]
    assert lead.value is not None
    assert lead.interval is not None
    assert lead.interval.lower < 0 < lead.interval.upper
    assert not judged.checks[1].met
    assert judged.verdict == "not yet"


def test_too_few_builds_are_not_judged_by() -> None:
    judged = evaluate(make_forecasts(150, seed=2), make_forecasts(seed=1))
    assert judged.verdict == "not yet"
    assert judged.reasons[0].startswith("150 test builds with ")
    assert "too few to judge: at least 200 with 30 failures" in judged.reasons[0]


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (~everything(300), "None of the 300 test builds failed: nothing can be said"),
        (everything(300), "All 300 test builds failed: nothing can be said"),
    ],
)
def test_with_one_outcome_only_nothing_more_is_said(
    failed: np.ndarray, reason: str
) -> None:
    judged = evaluate(make_forecasts(300, failed=failed), make_forecasts(seed=1))
    assert judged.verdict == "not yet"
    assert len(judged.reasons) == 1
    assert judged.reasons[0].startswith(reason)
    assert judged.model.pooled.roc_auc is None
    assert b"NaN" not in msgspec.json.encode(judged)


@pytest.mark.parametrize("test_builds", [0, 1, 2])
@pytest.mark.parametrize("validation_builds", [0, 1])
def test_hardly_any_builds_are_a_verdict_not_a_crash(
    test_builds: int, validation_builds: int
) -> None:
    made = make_forecasts(10)
    judged = evaluate(
        made.take(np.arange(10) < test_builds),
        made.take(np.arange(10) < validation_builds),
    )
    assert judged.verdict == "not yet"
    assert msgspec.json.decode(msgspec.json.encode(judged), type=Evaluation) == judged


def test_a_target_out_of_reach_answers_nothing_and_says_so() -> None:
    judged = evaluate(
        make_forecasts(seed=2), make_forecasts(300, seed=1), target_accuracy=0.999
    )
    assert judged.selective.coverage == 0.0
    assert judged.verdict == "not yet"
    assert (
        "At no confidence was validation right 99.90 % of the time"
        in judged.reasons[-1]
    )


def test_what_is_chosen_does_not_depend_on_the_outcomes_of_the_test() -> None:
    test = make_forecasts(seed=2)
    flipped = make_forecasts(seed=2, failed=~test.failed)
    one, other = (evaluate(t, make_forecasts(seed=1)) for t in (test, flipped))
    assert one.selective.threshold == other.selective.threshold
    assert one.savings.point is not None
    assert other.savings.point is not None
    assert one.savings.point.threshold == other.savings.point.threshold


def test_first_failures_are_judged_where_the_last_known_outcome_was_green() -> None:
    test = make_forecasts(seed=2)
    judged = evaluate(test, make_forecasts(seed=1)).first_failure
    assert judged.builds == int((test.parrot == 0).sum())
    assert judged.failures == int(test.failed[test.parrot == 0].sum())
    assert judged.roc_auc_interval is not None
    assert judged.roc_auc is not None
    assert judged.roc_auc_interval.lower < judged.roc_auc


def test_repositories_are_listed_by_size_with_their_own_scores() -> None:
    repo = np.r_[np.zeros(300, dtype=int), np.ones(700, dtype=int)]
    test = make_forecasts(1_000, repos=3, repo=repo, seed=2)
    small, large = test.take(repo == 0), test.take(repo == 1)
    rows = evaluate(test, make_forecasts(seed=1)).per_repo
    assert [(row.repo, row.builds) for row in rows] == [
        ("acme/repo-1", 700),
        ("acme/repo-0", 300),
    ]
    for row, part in zip(rows, (large, small), strict=True):
        alone = evaluate(part, make_forecasts(seed=1))
        assert row.roc_auc == alone.model.pooled.roc_auc
        assert row.parrot_mcc == alone.parrot.pooled.mcc


def test_names_out_of_a_numpy_array_reach_the_json() -> None:
    names = tuple(np.array(["acme/a", "acme/b"]))
    made = make_forecasts(50, repos=2, repo_names=names)
    found = msgspec.json.decode(msgspec.json.encode(evaluate(made, made)))
    assert [row["repo"] for row in found["per_repo"]] == ["acme/a", "acme/b"]


def test_the_macro_mean_is_over_repositories_where_defined() -> None:
    test = make_forecasts(seed=2)
    green = make_forecasts(seed=2, failed=test.failed & (test.repo != 0))
    standing = evaluate(green, make_forecasts(seed=1)).model
    assert (standing.macro_repos["roc_auc"], standing.macro_repos["brier"]) == (4, 5)


def test_data_protocol_and_seconds_are_the_callers() -> None:
    data = DataFacts(builds=90, labelled=80, test_builds=50, repos=1, failure_rate=0.5)
    made = make_forecasts(50)
    judged = evaluate(made, made, data=data, protocol="walk-forward", seconds=1.5)
    assert (judged.data, judged.protocol, judged.seconds) == (data, "walk-forward", 1.5)


@pytest.mark.parametrize("share", [0.0, 1.0, 88.0, float("nan")])
def test_targets_are_shares(share: float) -> None:
    made = make_forecasts(50)
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        evaluate(made, made, target_accuracy=share)
    with pytest.raises(ValueError, match=rf"missed_budget .* got {share}"):
        evaluate(made, made, missed_budget=share)


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("probability", np.array([0.1, 1.2]), r"in \[0, 1\]; row 1 is 1.2"),
        ("probability", np.array([0.1, np.nan]), r"in \[0, 1\]; row 1 is nan"),
        ("parrot", np.array([0.0, 0.5]), "0.0, 1.0 or NaN; row 1 is 0.5"),
        ("minutes", np.array([-1.0, 2.0]), "at least 0 or NaN; row 0 is -1.0"),
        ("started_at", np.array([0.0, np.inf]), "finite; row 1 is inf"),
        ("failed", np.array([0, 1]), "failed must be boolean; got int64"),
        ("repo", np.array([0, 5]), r"index repo_names \(0 to 4\); got 0 to 5"),
        ("majority", np.array([0.5]), r"shape \(2,\), majority has \(1,\)"),
    ],
)
def test_forecasts_that_would_mislead_are_refused(
    column: str, values: np.ndarray, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        make_forecasts(2, **({"parrot": np.zeros(2)} | {column: values}))


@pytest.mark.slow
def test_fifteen_thousand_builds_are_judged_in_seconds() -> None:
    test, validation = make_forecasts(15_000, repos=20), make_forecasts(5_000, seed=1)
    began = time.process_time()
    evaluate(test, validation, resamples=200)
    assert time.process_time() - began < 5


def test_taking_rows_keeps_the_columns_together() -> None:
    made = make_forecasts(20)
    some = made.take(np.array([3, 1]))
    assert some.failed.tolist() == made.failed[[3, 1]].tolist()
    assert some.repo_names == made.repo_names
