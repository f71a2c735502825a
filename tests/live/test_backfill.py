"""A back-fill, through all that goes wrong, ends with what a clean one gives."""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from breakcast.adapters.github.calls import Calls, Patience
from breakcast.adapters.github.client import GitHubClient
from breakcast.adapters.github.signin import PlainToken
from breakcast.adapters.github.source import GitHubHistory
from breakcast.errors import SourceError
from breakcast.history.events import (
    BuildFinished,
    BuildStarted,
    Cause,
    CauseSettled,
    Change,
    Event,
    Outcome,
)
from breakcast.history.ledger import Ledger
from breakcast.live.backfill import Backfilled, backfill
from breakcast.live.bookmarks import Bookmarks
from breakcast.live.source import Detail, Listed, Window
from tests.live.fake_github import REPO, Clock, FakeGitHub, now_and_then, running
from tests.live.made_runs import END, START, attempt, fill, job, made

NOW = END + timedelta(minutes=30)
SPAN = Window(START - timedelta(days=1), NOW)


class Killed(BaseException):
    """The end of a process, wherever it is."""


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with running(FakeGitHub(Clock(NOW))) as github:
        yield github


class Desk:
    """A place to back-fill at: a ledger, bookmarks, and a GitHub to ask."""

    def __init__(self, github: FakeGitHub, folder: Path) -> None:
        self.github = github
        self.folder = folder

    def fill(
        self,
        *,
        window: Window = SPAN,
        now: datetime = NOW,
        detail_limit: int = 10_000,
        killing: "Killing | None" = None,
    ) -> Backfilled:
        patience = Patience(attempts=12, first_wait=0.0001, longest_wait=0.001)
        calls = Calls(
            self.github.url,
            clock=self.github.clock,
            sleep=self.github.clock.sleep,
            patience=patience,
        )
        source = GitHubHistory(
            GitHubClient(calls, PlainToken(None)), lambda name: f"hash of {name}"
        )
        asked = source if killing is None else KilledSource(source, killing)
        with (
            closing(calls),
            Ledger.open(self.folder / "ledger.db") as ledger,
            ThreadPoolExecutor(2) as executor,
            Bookmarks.open(
                self.folder / "backfill.db",
                ledger="ours",
                position=ledger.position(),
                source="github",
                repo=REPO,
            ) as bookmarks,
        ):
            return backfill(
                ledger if killing is None else KilledLedger(ledger, killing),
                asked,
                bookmarks,
                REPO,
                window,
                now=now,
                detail_limit=detail_limit,
                executor=executor,
                progress=None if killing is None else killing.at_progress,
            )

    def facts(self) -> list[bytes]:
        """All facts of the ledger, written down, in an order of their own."""
        with Ledger.open(self.folder / "ledger.db") as ledger:
            return sorted(msgspec.msgpack.encode(fact) for fact in ledger)

    def events(self) -> list[Event]:
        with Ledger.open(self.folder / "ledger.db") as ledger:
            return list(ledger)


class Killing:
    """Kills at random: before a call and after it, around the ledger, in between."""

    def __init__(self, seed: int, share: float) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a made-up history
        self._share = share
        self.kills = 0

    def perhaps(self) -> None:
        if self._chance.random() < self._share:
            self.kills += 1
            raise Killed

    def at_progress(self, what: str, done: int, total: int | None) -> None:
        assert what
        assert done >= 0
        assert total is None or total >= done
        self.perhaps()


class KilledSource:
    """A source whose reader may be killed at any time."""

    def __init__(self, source: GitHubHistory, killing: Killing) -> None:
        self._source = source
        self._killing = killing
        self.name = source.name

    @property
    def calls(self) -> int:
        return self._source.calls

    def listing(self, repo: str, window: Window) -> Iterator[Listed]:
        for listed in self._source.listing(repo, window):
            self._killing.perhaps()
            yield listed

    def detail(self, repo: str, detail: Detail) -> Sequence[Event]:
        facts = self._source.detail(repo, detail)
        # Of a batch of 32 any may be the last.
        if detail.attempts > 1:
            self._killing.perhaps()
        return facts


class KilledLedger(Ledger):
    """A ledger whose writer may be killed before the facts are in, or just after."""

    def __init__(self, ledger: Ledger, killing: Killing) -> None:
        super().__init__(ledger.engine)
        self._killing = killing

    def append(self, events):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        self._killing.perhaps()
        appended = super().append(events)
        self._killing.perhaps()
        return appended


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_it_ends_with_what_a_clean_one_gives(
    github: FakeGitHub, tmp_path: Path, seed: int
) -> None:
    """3,000 runs; limits, failures, cut answers, shifting pages; killed at random."""
    fill(github, 3_000, seed=seed)
    chance = random.Random(seed)  # noqa: S311 - a made-up history
    # They arrive while the newest list is read, and were created a moment before.
    github.arriving = [
        made(github, chance, 9_000 + one, NOW - timedelta(minutes=1, seconds=one))
        for one in range(60)
    ]
    github.trouble = now_and_then(seed, share=0.1)
    troubled = Desk(github, tmp_path / "troubled")
    killing = Killing(seed, share=0.1)
    while killing.kills < 20:
        try:
            troubled.fill(killing=killing)
        except Killed:
            continue
        (tmp_path / "troubled" / "backfill.db").unlink()
    told = troubled.fill()

    github.trouble = lambda: None
    clean = Desk(github, tmp_path / "clean")
    cleanly = clean.fill()

    assert not github.arriving
    assert len({asked.path for asked in github.asked}) > 500
    assert troubled.facts() == clean.facts()
    assert (told.conflicting, told.details_left, told.refused) == (0, 0, 0)
    assert cleanly.new == len(clean.facts())
    assert cleanly.builds == 3_060


def test_what_was_read_is_not_read_again(github: FakeGitHub, tmp_path: Path) -> None:
    fill(github, 300)
    desk = Desk(github, tmp_path)
    first = desk.fill()
    facts = desk.facts()

    again = desk.fill()

    assert first.new == len(facts)
    assert desk.facts() == facts
    # The last hour is listed again: GitHub may have been late.
    assert (again.new, again.details_read, again.calls) == (0, 0, 1)


def test_a_window_with_more_than_a_search_shows_is_halved(
    github: FakeGitHub, tmp_path: Path
) -> None:
    fill(github, 2_500)

    told = Desk(github, tmp_path).fill(detail_limit=0)

    asked = [one.query["created"] for one in github.asked]
    assert told.builds == 2_500
    assert told.unsettled == 0
    assert len(set(asked)) > 3
    # Halving costs a call a window that is too long, no more.
    assert told.calls == len(asked) < 2_500 / 100 + 2 * len(set(asked))


def test_more_runs_in_one_second_than_a_search_shows_are_told_of(
    github: FakeGitHub, tmp_path: Path
) -> None:
    for number in range(1_100):
        github.add([attempt(number + 1, START)])

    told = Desk(github, tmp_path).fill(window=Window(START, START + timedelta(hours=1)))

    assert told.builds == 1_000
    assert told.unsettled == 1


def test_runs_that_arrive_while_pages_are_read_are_not_lost(
    github: FakeGitHub, tmp_path: Path
) -> None:
    fill(github, 500)
    chance = random.Random(1)  # noqa: S311 - a made-up history
    github.arriving = [made(github, chance, 9_000 + n, END) for n in range(7)]

    told = Desk(github, tmp_path).fill()

    assert told.builds == 507
    assert told.unsettled == 0


def test_an_entry_that_is_no_run_is_told_of_and_the_rest_is_kept(
    github: FakeGitHub, tmp_path: Path
) -> None:
    fill(github, 20)
    github.add([{**attempt(7, START), "run_attempt": "many"}])

    told = Desk(github, tmp_path).fill()

    assert (told.builds, told.refused, told.unsettled) == (20, 1, 0)
    assert "run_attempt" in told.refusals[0]


def test_earlier_attempts_and_causes_are_found(
    github: FakeGitHub, tmp_path: Path
) -> None:
    github.add(
        [
            attempt(1, START, which=1, conclusion="failure"),
            attempt(1, START, which=2, conclusion="failure"),
            attempt(1, START, which=3, conclusion="success"),
        ]
    )
    github.jobs[1, 1] = [job(1, 1, failed_step="Run tests")]
    github.jobs[1, 2] = [job(1, 2, failed_step="Set up job")]
    github.add([attempt(2, START, conclusion="failure")])
    github.jobs[2, 1] = [job(2, 1, failed_step="Run tests")]

    desk = Desk(github, tmp_path)
    desk.fill()

    events = desk.events()
    ends = {
        (fact.key.build_id, fact.key.attempt): fact.outcome
        for fact in events
        if isinstance(fact, BuildFinished)
    }
    causes = {
        fact.key.attempt: (fact.cause, fact.occurred_at)
        for fact in events
        if isinstance(fact, CauseSettled)
    }
    assert ends == {
        ("1", 1): Outcome.FAILED,
        ("1", 2): Outcome.FAILED,
        ("1", 3): Outcome.PASSED,
        ("2", 1): Outcome.FAILED,
    }
    # Flaky is known when the green attempt ends, two hours after the first began.
    green = START + timedelta(hours=2, minutes=10)
    red = START + timedelta(hours=1, minutes=10)
    assert causes == {1: (Cause.FLAKY, green), 2: (Cause.INFRA, red)}
    assert all(fact.received_at is None for fact in events)


def test_a_run_that_has_not_ended_is_listed_again_until_it_has(
    github: FakeGitHub, tmp_path: Path
) -> None:
    github.add([attempt(1, END - timedelta(days=3), conclusion=None)])
    github.add([attempt(2, END - timedelta(days=2))])
    desk = Desk(github, tmp_path)
    desk.fill()
    github.add([attempt(1, END - timedelta(days=3), conclusion="failure")])

    told = desk.fill()

    assert told.new == 1
    assert desk.fill().new == 0


def test_so_many_builds_are_asked_about_and_the_rest_next_time(
    github: FakeGitHub, tmp_path: Path
) -> None:
    for number in range(10):
        github.add([attempt(number + 1, START, conclusion="failure")])
    desk = Desk(github, tmp_path)

    first, second = desk.fill(detail_limit=4), desk.fill(detail_limit=100)

    assert (first.details_read, first.details_left) == (4, 6)
    assert (second.details_read, second.details_left) == (6, 0)


def test_an_attempt_that_was_deleted_meanwhile_stops_nothing(
    github: FakeGitHub, tmp_path: Path
) -> None:
    github.add([attempt(1, START, which=2, conclusion="failure")])
    first = f"/repos/{REPO}/actions/runs/1/attempts/1"
    github.routes["GET", first] = lambda _: (404, {}, {"message": "Not Found"})

    told = Desk(github, tmp_path).fill()

    assert (told.details_read, told.refused) == (1, 0)


def test_a_run_that_github_cannot_tell_of_is_left_for_the_next_time(
    github: FakeGitHub, tmp_path: Path
) -> None:
    github.add([attempt(1, START, conclusion="failure"), attempt(1, START, which=2)])
    github.add([attempt(2, START, conclusion="failure")])
    asked = f"/repos/{REPO}/actions/runs/1/attempts/1"
    github.routes["GET", asked] = lambda _: (200, {}, github.runs[2][0])
    desk = Desk(github, tmp_path)

    told = desk.fill()

    assert (told.details_read, told.details_left, told.refused) == (1, 1, 1)
    assert "asked for run 1, attempt 1" in told.refusals[0]
    del github.routes["GET", asked]
    assert desk.fill().details_left == 0


def test_a_repository_that_is_not_there_is_told_of_by_name(
    github: FakeGitHub, tmp_path: Path
) -> None:
    github.routes["GET", f"/repos/{REPO}/actions/runs"] = lambda _: (
        404,
        {},
        {"message": "Not Found"},
    )

    with pytest.raises(
        SourceError, match=r"acme/shop/actions/runs.*404.*actions: read"
    ):
        Desk(github, tmp_path).fill()


def test_a_ledger_that_was_replaced_is_filled_anew(
    github: FakeGitHub, tmp_path: Path
) -> None:
    fill(github, 30)
    desk = Desk(github, tmp_path)
    desk.fill()
    facts = desk.facts()
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()

    desk.fill()

    assert desk.facts() == facts


def test_what_commits_changed_is_told_with_the_start(
    github: FakeGitHub, tmp_path: Path
) -> None:
    github.add([attempt(1, START, sha="a" * 40)])
    github.add([attempt(2, START, sha="b" * 40)])
    change = Change(files_modified=1.0, paths=("a.py",))

    class Commits:
        def changes(self, shas: frozenset[str]) -> dict[str, Change]:
            assert shas == {"a" * 40, "b" * 40}
            return {"a" * 40: change}

    calls = Calls(github.url, clock=github.clock, sleep=github.clock.sleep)
    source = GitHubHistory(GitHubClient(calls, PlainToken(None)), None)
    with (
        closing(calls),
        Ledger.temporary() as ledger,
        ThreadPoolExecutor(1) as executor,
        Bookmarks.open(
            tmp_path / "b.db", ledger="", position=0, source="github", repo=REPO
        ) as bookmarks,
    ):
        backfill(
            ledger,
            source,
            bookmarks,
            REPO,
            SPAN,
            now=NOW,
            detail_limit=0,
            executor=executor,
            commits=Commits(),
        )
        builds = [fact.build for fact in ledger if isinstance(fact, BuildStarted)]

    assert {build.commit_sha: build.change for build in builds} == {
        "a" * 40: change,
        "b" * 40: None,
    }
    assert {build.author for build in builds} == {None}
