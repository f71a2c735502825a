"""Live quality is plain arithmetic on answers and outcomes."""

from datetime import timedelta

import pytest

from breakcast.history.answered import Answered, Judged, Settled
from breakcast.monitoring.quality import LiveQuality, judge_quality
from tests.monitoring.conftest import NOON


def judged(
    said: int,
    probability: float,
    outcome: Settled | None,
    *,
    hours_ago: float = 1.0,
    delay_minutes: float = 10.0,
    repo: str = "acme/shop",
    commit: str | None = None,
    version: str = "v1.0",
    abstained: bool = False,
    parrot: float | None = None,
) -> Judged:
    as_of = NOON - timedelta(hours=hours_ago)
    known_at = None if outcome is None else as_of + timedelta(minutes=delay_minutes)
    answer = Answered(
        said=said,
        source="github",
        repo=repo,
        pipeline="ci.yml",
        build_id=str(said),
        attempt=1,
        organisation="acme",
        commit_sha=commit,
        as_of=as_of,
        version=version,
        probability=probability,
        abstained=abstained,
        parrot=parrot,
    )
    return Judged(answer, outcome, known_at)


def window(found: tuple[LiveQuality, ...], name: str, version: str) -> LiveQuality:
    (one,) = [one for one in found if (one.window, one.version) == (name, version)]
    return one


RED, GREEN = Settled.FAILED, Settled.PASSED


def test_answers_are_judged_beside_the_parrot() -> None:
    found = window(
        judge_quality(
            [
                judged(1, 0.9, RED, parrot=0.0),
                judged(2, 0.8, GREEN, parrot=0.0),
                judged(3, 0.2, GREEN, parrot=1.0),
                judged(4, 0.1, RED, parrot=1.0),
                judged(5, 0.1, GREEN),
            ],
            NOON,
        ),
        "1d",
        "all",
    )

    assert (found.outcomes, found.failure_rate) == (5, 0.4)
    assert found.model.scores.accuracy == 0.6
    assert found.parrot.scores.accuracy == 0.6
    assert found.model.scores.brier == pytest.approx(
        (0.01 + 0.64 + 0.04 + 0.81 + 0.01) / 5
    )
    assert found.model.false_green_ratio == pytest.approx(1 / 3)
    assert found.parrot.coverage == 1.0


def test_a_broken_change_is_recalled_by_any_of_its_red_builds() -> None:
    found = window(
        judge_quality(
            [
                judged(1, 0.9, RED, commit="a"),
                judged(2, 0.1, RED, commit="a"),
                judged(3, 0.1, RED, commit="b"),
                judged(4, 0.9, GREEN, commit="b"),
                judged(5, 0.1, RED),
                judged(6, 0.9, GREEN, commit="c"),
            ],
            NOON,
        ),
        "1d",
        "all",
    )

    assert found.model.change_recall == pytest.approx(1 / 3)


def test_what_was_abstained_from_is_no_answer_given() -> None:
    found = window(
        judge_quality(
            [
                judged(1, 0.9, RED),
                judged(2, 0.6, GREEN, abstained=True),
                judged(3, 0.4, RED, abstained=True),
                judged(4, 0.1, GREEN),
            ],
            NOON,
        ),
        "1d",
        "all",
    )

    assert (found.model.coverage, found.model.given_accuracy) == (0.5, 1.0)
    assert found.model.scores.accuracy == 0.5


def test_windows_are_of_when_outcomes_became_known() -> None:
    found = judge_quality(
        [
            judged(1, 0.9, RED, hours_ago=1),
            judged(2, 0.9, RED, hours_ago=30, delay_minutes=10 * 60),
            judged(3, 0.9, RED, hours_ago=100),
            judged(4, 0.9, RED, hours_ago=600),
            judged(5, 0.9, RED, hours_ago=0.1, delay_minutes=60),
        ],
        NOON,
    )

    counts = [window(found, name, "all").outcomes for name in ("1d", "7d", "28d")]
    assert counts == [2, 3, 4]


def test_each_version_is_judged_apart() -> None:
    found = judge_quality(
        [judged(1, 0.9, RED), judged(2, 0.9, GREEN, version="v1.1")], NOON
    )

    assert window(found, "1d", "v1.0").model.scores.accuracy == 1.0
    assert window(found, "1d", "v1.1").model.scores.accuracy == 0.0
    assert window(found, "1d", "all").outcomes == 2


def test_labels_that_are_not_due_yet_do_not_lack() -> None:
    found = window(
        judge_quality(
            [
                *[judged(at, 0.1, GREEN, delay_minutes=20) for at in range(9)],
                judged(9, 0.1, None),
                judged(10, 0.1, None, hours_ago=0.1),
                judged(11, 0.1, Settled.NONE),
            ],
            NOON,
        ),
        "1d",
        "all",
    )

    assert found.answers == 12
    assert found.label_coverage == pytest.approx(10 / 11)
    assert found.delay_seconds == (1200, 1200)


def test_the_worst_repositories_are_those_surely_bad() -> None:
    few = [judged(at, 0.9, GREEN, repo="acme/few") for at in range(10)]
    bad = [
        judged(100 + at, 0.9 if at < 30 else 0.1, GREEN, repo="acme/bad")
        for at in range(60)
    ]
    good = [judged(200 + at, 0.1, GREEN, repo="acme/good") for at in range(60)]

    worst = window(judge_quality([*few, *bad, *good], NOON), "7d", "all").worst

    assert [one.repo for one in worst] == ["acme/bad", "acme/good"]
    assert worst[0].accuracy == 0.5
    assert 0.5 < worst[0].upper95 < 0.7


def test_nothing_is_undefined_not_wrong() -> None:
    found = judge_quality([], NOON)

    assert [one.window for one in found] == ["1d", "7d", "28d"]
    assert found[0].model.scores.accuracy is None
    assert found[0].label_coverage is None
    assert found[0].worst == ()
