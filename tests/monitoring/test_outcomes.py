"""An outcome is joined to the answer that was shown of its attempt, and to no other."""

import math
import random

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from breakcast.features.columns import catalog_of, track_column
from breakcast.history.answered import (
    Judged,
    Settled,
    judged_since,
    newest_judged,
    outcomes_since,
)
from breakcast.history.ledger import Ledger
from breakcast.monitoring import outcomes
from breakcast.monitoring.outcomes import join_outcomes
from breakcast.serving.journal import packed
from tests.monitoring.conftest import Story, minute

DAY = 24 * 60


def joined(story: Story, at: float = 100.0) -> list[Judged]:
    join_outcomes(story.ledger, minute(at))
    return judged_since(story.ledger, minute(-60 * DAY), minute(60 * DAY))


def told(judged: list[Judged]) -> list[tuple[str | None, float, Settled | None]]:
    return sorted(
        (one.answer.build_id or "", one.answer.probability, one.outcome)
        for one in judged
    )


def test_an_outcome_is_joined_by_the_build_id(story: Story) -> None:
    story.starts("1", 0)
    story.says(0.9, 0, "1")
    story.ends("1", 10, "failed")

    (found,) = joined(story)

    assert found.outcome is Settled.FAILED
    assert found.known_at is not None
    assert found.known_at >= minute(10)
    assert found.answer.version == "v1.0"


def test_the_answer_may_be_written_after_its_outcome(story: Story) -> None:
    story.starts("1", 0)
    story.ends("1", 10, "failed")
    assert not joined(story)
    story.says(0.9, 0, "1")

    assert told(joined(story)) == [("1", 0.9, Settled.FAILED)]


def test_the_first_answer_counts(story: Story) -> None:
    story.starts("1", 0)
    story.says(0.9, 0, "1")
    story.says(0.1, 1, "1")
    story.ends("1", 10)

    assert told(joined(story)) == [("1", 0.9, Settled.PASSED)]


def test_nightly_builds_on_one_commit_are_two(story: Story) -> None:
    story.starts("1", 0)
    story.says(0.9, 0, "1")
    story.ends("1", 10, "failed")
    story.starts("2", DAY)
    story.says(0.2, DAY, "2")
    story.ends("2", DAY + 10)

    assert told(joined(story, at=2 * DAY)) == [
        ("1", 0.9, Settled.FAILED),
        ("2", 0.2, Settled.PASSED),
    ]


def test_a_rerun_is_an_attempt_of_its_own(story: Story) -> None:
    story.starts("1", 0)
    story.says(0.9, 0, "1")
    story.ends("1", 10, "failed")
    story.starts("1", 20, attempt=2)
    story.says(0.3, 20, "1", attempt=2)
    story.ends("1", 30, attempt=2)

    assert [one.outcome for one in joined(story)] == [Settled.FAILED, Settled.PASSED]


def test_an_answer_without_a_build_is_that_of_the_next_one_to_start(
    story: Story,
) -> None:
    story.starts("1", 0)
    story.says(0.7, 5)
    story.starts("2", 6)
    story.ends("1", 10)
    story.ends("2", 12, "failed")

    assert told(joined(story)) == [("2", 0.7, Settled.FAILED)]


def test_an_answer_without_a_build_waits_for_it(story: Story) -> None:
    story.says(0.7, 5)
    assert told(joined(story, at=6)) == [("", 0.7, None)]
    story.starts("2", 7)
    story.ends("2", 12, "failed")

    assert told(joined(story)) == [("2", 0.7, Settled.FAILED)]


def test_of_answers_before_and_at_the_start_the_one_before_counts(
    story: Story,
) -> None:
    story.says(0.7, 5)
    story.says(0.2, 6, "2")
    assert told(joined(story, at=6)) == [("", 0.7, None), ("2", 0.2, None)]
    story.starts("2", 7)
    story.ends("2", 12)

    assert told(joined(story)) == [("2", 0.7, Settled.PASSED)]


def test_who_asks_again_before_the_start_was_answered_already(story: Story) -> None:
    story.says(0.7, 5)
    story.says(0.8, 6)
    story.starts("2", 7)
    story.ends("2", 12)

    assert told(joined(story)) == [("2", 0.7, Settled.PASSED)]


def test_what_was_asked_when_the_outcome_was_known_is_no_forecast(
    story: Story,
) -> None:
    story.starts("1", 0)
    story.ends("1", 10, "failed")
    story.says(0.99, 11, "1")

    (found,) = joined(story)

    assert found.outcome is Settled.KNOWN_BEFORE
    assert newest_judged(story.ledger, "v1.0", 10) == []


def test_a_cancelled_build_is_settled_without_a_label(story: Story) -> None:
    story.starts("1", 0)
    story.says(0.9, 0, "1")
    story.ends("1", 10, "none")

    assert told(joined(story)) == [("1", 0.9, Settled.NONE)]
    assert newest_judged(story.ledger, "v1.0", 10) == []


def test_the_parrot_is_read_off_what_was_served(story: Story) -> None:
    def vector(branch: float, pipeline: float) -> bytes:
        row = np.full(catalog_of().width, math.nan, np.float32)
        row[track_column("branch", "last_failed")] = branch
        row[track_column("pipeline", "last_failed")] = pipeline
        return packed(row)

    unknown = math.nan
    for build_id, features in (
        ("1", vector(1, 0)),
        ("2", vector(unknown, 1)),
        ("3", vector(unknown, unknown)),
        ("4", packed(np.zeros(4, np.float32))),
    ):
        story.says(0.5, 0, build_id, features=features)

    found = {one.answer.build_id: one.answer.parrot for one in joined(story)}

    assert found == {"1": 1.0, "2": 1.0, "3": None, "4": None}


def test_newest_labels_come_in_the_order_they_became_known(story: Story) -> None:
    for build_id in ("1", "2", "3"):
        story.starts(build_id, 0)
        story.says(0.5, 0, build_id, version="v1.1" if build_id == "3" else "v1.0")
    for build_id, ends in (("2", 10), ("3", 20), ("1", 30)):
        story.ends(build_id, ends)
    joined(story)

    newest = newest_judged(story.ledger, "v1.0", 10)

    assert [one.answer.build_id for one in newest] == ["2", "1"]
    assert [one.answer.build_id for one in newest_judged(story.ledger, "v1.0", 1)] == [
        "1"
    ]
    assert outcomes_since(story.ledger, minute(15)) == 2


def test_nothing_new_changes_nothing(story: Story) -> None:
    story.starts("1", 0)
    story.says(0.9, 0, "1")
    story.ends("1", 10)
    first = joined(story)

    assert join_outcomes(story.ledger, minute(200)) == 0
    assert joined(story) == first


def test_many_answers_are_taken_in_parts(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "AT_ONCE", 2)
    for number in range(7):
        story.says(number / 10, 0, str(number))

    assert len(joined(story)) == 7


def test_whoever_is_killed_in_between_is_gone_on_from(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        story.starts(str(number), number)
        story.says(number / 10, number, str(number))
        story.ends(str(number), 50 + number)
    expected = 5

    def killed(*_: object) -> None:
        message = "killed"
        raise OperationalError(message, None, RuntimeError(message))

    monkeypatch.setattr(outcomes, "AT_ONCE", 2)
    with monkeypatch.context() as patched:
        # In the transaction that has added answers, before it says how far it came.
        patched.setattr(outcomes, "move_cursor", killed)
        with pytest.raises(Exception, match="killed"):
            join_outcomes(story.ledger, minute(100))

    found = joined(story)
    assert len(found) == expected
    assert all(one.outcome is Settled.PASSED for one in found)


@pytest.mark.parametrize("seed", range(12))
def test_whenever_it_is_joined_the_rows_are_the_same(place: str, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a test's story
    with Ledger.open(place) as ledger:
        story = Story(ledger)
        expected: dict[str, tuple[float, Settled]] = {}
        for number in range(12):
            at, build_id = number * 60.0, str(number)
            commit = rng.choice(["c1", "c2"])
            outcome = rng.choice(["passed", "failed"])
            # Each tells what happens, in the order of time; a join may come any time.
            steps = []
            if rng.random() < 0.5:
                before = rng.random()
                steps.append(
                    lambda p=before, a=at, c=commit: story.says(p, a, commit=c)
                )
                expected[build_id] = (before, Settled[outcome.upper()])
            steps.append(
                lambda a=at, b=build_id, c=commit: story.starts(b, a + 1, commit=c)
            )
            at_start = rng.random()
            steps.append(
                lambda p=at_start, a=at, b=build_id, c=commit: story.says(
                    p, a + 2, b, commit=c
                )
            )
            expected.setdefault(build_id, (at_start, Settled[outcome.upper()]))
            steps.append(lambda a=at, b=build_id, o=outcome: story.ends(b, a + 30, o))
            for step in steps:
                step()
                if rng.random() < 0.4:
                    join_outcomes(ledger, minute(at + 31))

        found = joined(story, at=13 * 60)

        assert {
            one.answer.build_id: (one.answer.probability, one.outcome) for one in found
        } == expected
