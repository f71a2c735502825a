"""The poll finds what webhooks missed, cheaply, and tells it as received now."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from breakcast.adapters.github.calls import Calls, Patience
from breakcast.adapters.github.client import GitHubClient
from breakcast.adapters.github.signin import PlainToken
from breakcast.adapters.github.source import GitHubHistory
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Event,
    Outcome,
)
from breakcast.history.ledger import Ledger
from breakcast.live.polling import Poll as ReconcilingPoll
from breakcast.live.reconcile import OPEN_ASKED, Reconciled, reconcile
from tests.live.fake_github import REPO, Clock, FakeGitHub, running
from tests.live.made_runs import attempt

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Poll:
    """A server's poll: one client, one ledger, again and again."""

    def __init__(self, github: FakeGitHub, ledger: Ledger, calls: Calls) -> None:
        self.github = github
        self.ledger = ledger
        client = GitHubClient(calls, PlainToken(None))
        self.source = GitHubHistory(client, None)
        self.now = NOW

    def __call__(self, *repos: str) -> Reconciled:
        return reconcile(
            self.ledger, self.source, repos or (REPO,), self.receive, now=self.now
        )

    def receive(self, facts: Sequence[Event]) -> None:
        self.ledger.append([replace(fact, received_at=self.now) for fact in facts])


@pytest.fixture
def poll() -> Iterator[Poll]:
    clock = Clock(NOW)
    with running(FakeGitHub(clock)) as github, Ledger.temporary() as ledger:
        patience = Patience(attempts=2, first_wait=0.0001, longest_wait=0.001)
        calls = Calls(github.url, clock=clock, sleep=clock.sleep, patience=patience)
        with closing(calls):
            yield Poll(github, ledger, calls)


def test_what_did_not_arrive_is_told_as_received_now(poll: Poll) -> None:
    poll.github.add([attempt(1, NOW - 3 * HOUR)])
    poll.github.add([attempt(2, NOW - 2 * HOUR, conclusion=None)])

    assert poll() == Reconciled(found=3, failed={})

    events = list(poll.ledger)
    assert {event.known_at for event in events} == {NOW}
    assert poll() == Reconciled(found=0, failed={})


def test_what_has_not_changed_is_not_sent_again(poll: Poll) -> None:
    for number in range(150):
        poll.github.add([attempt(number + 1, NOW - 3 * HOUR)])
    poll()
    asked = len(poll.github.asked)

    poll()

    assert all("if-none-match" in one.headers for one in poll.github.asked[asked:])
    assert len(poll.github.asked) == 2 * asked


def test_the_list_is_read_no_further_back_than_asked(poll: Poll) -> None:
    for number in range(1_000):
        poll.github.add([attempt(number + 1, NOW - number * HOUR)])

    assert poll().found == 2 * 25
    assert len(poll.github.asked) == 1


def test_a_build_that_started_long_ago_and_ended_since_is_found(poll: Poll) -> None:
    long_ago = NOW - timedelta(days=3)
    started = attempt(1, long_ago, conclusion=None)
    poll.github.add([started])
    poll.now = long_ago
    poll()
    poll.now = NOW
    poll.github.add([attempt(1, long_ago, conclusion="failure")])

    assert poll().found == 1

    (end,) = (fact for fact in poll.ledger if isinstance(fact, BuildFinished))
    assert (end.outcome, end.received_at) == (Outcome.FAILED, NOW)
    assert end.occurred_at < long_ago + HOUR


def test_open_builds_that_github_forgot_do_not_keep_the_others_out(poll: Poll) -> None:
    long_ago = NOW - timedelta(days=3)
    poll.ledger.append(
        BuildStarted(occurred_at=long_ago, build=Build(_key(number)))
        for number in range(3 * OPEN_ASKED)
    )
    last = 3 * OPEN_ASKED - 1
    poll.github.add([attempt(last, long_ago, conclusion="failure")])

    found = []
    for _ in range(4):
        found.append(poll().found)
        poll.now += timedelta(minutes=1)

    assert sum(found) == 1
    assert len(poll.github.asked) <= 4 * (OPEN_ASKED + 1)


def test_a_repository_that_cannot_be_asked_does_not_stop_the_others(
    poll: Poll,
) -> None:
    poll.github.add([attempt(1, NOW - HOUR)])

    told = poll("acme/gone", REPO)

    assert told.found == 2
    assert list(told.failed) == ["acme/gone"]
    assert "404" in told.failed["acme/gone"]


def _key(number: int) -> BuildKey:
    pipeline = "ci.yml" if number % 2 == 0 else "lint.yml"
    return BuildKey("github", REPO, pipeline, str(number))


def test_a_worker_polls_the_repositories_that_are_its_own(poll: Poll) -> None:
    other = Build(BuildKey("github", "elsewhere/shop", "ci.yml", "1"))
    known = Build(BuildKey("github", REPO, "ci.yml", "0"))
    for build in (known, other):
        poll.ledger.append([BuildStarted(build, occurred_at=NOW - HOUR)])
    poll.github.add([attempt(7, NOW - HOUR)])
    own = known.key.organisation
    workers = ReconcilingPoll(
        poll.ledger,
        poll.source,
        owns=lambda organisation: organisation == own,
        now=lambda: NOW,
        seconds=3_600,
    )

    assert workers.poll() == 2
    assert workers.poll() == 0
    assert all("elsewhere" not in one.path for one in poll.github.asked)
    start, finish = (
        fact for fact in poll.ledger.events(own) if fact.key.build_id == "7"
    )
    assert NOW == start.known_at < finish.known_at
    with workers:
        pass


def test_what_was_missed_is_told_in_the_order_it_happened(poll: Poll) -> None:
    for number in range(5):
        poll.github.add([attempt(number + 1, NOW - (8 - number) * HOUR)])
    told: list[Event] = []

    reconcile(poll.ledger, poll.source, (REPO,), told.extend, now=NOW)

    assert len(told) == 10
    assert told == sorted(told, key=lambda fact: fact.occurred_at)
