"""Replay gives facts in the order they became known."""

from datetime import timedelta

from breakcast.history.replay import replay
from tests.history.made_builds import NOON, finished, ids, started


def test_facts_come_in_the_order_they_became_known() -> None:
    late = started("late", minutes=0, received_at=NOON + timedelta(minutes=9))
    early = started("early", minutes=5)
    assert ids(replay([late, early])) == ["early", "late"]


def test_at_one_instant_questions_come_before_answers() -> None:
    answer = finished("old", minutes=5)
    question = started("new", minutes=5)
    assert list(replay([answer, question])) == [question, answer]


def test_facts_alike_in_time_and_kind_keep_their_order() -> None:
    facts = [started(name, minutes=1) for name in "cab"]
    assert ids(replay(facts)) == ["c", "a", "b"]


def test_no_facts_give_none() -> None:
    assert list(replay([])) == []
