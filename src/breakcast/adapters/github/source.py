"""
GitHub Actions' history: runs listed window by window, attempts and jobs one by one.

GitHub answers a search with 1,000 runs at most, so a window is halved until it
holds fewer. Runs that come or go while pages are read shift the pages: a list is
read again until it holds as many runs as GitHub counts.

Source:
    https://docs.github.com/en/rest/actions/workflow-runs
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from breakcast.adapters.github.client import GitHubClient, checked_repo
from breakcast.adapters.github.payloads import (
    SOURCE,
    WorkflowJob,
    WorkflowRun,
    cause_of_jobs,
    finished_fact,
    started_fact,
)
from breakcast.adapters.github.runs import Runs, RunsPage
from breakcast.errors import SourceError
from breakcast.history.events import (
    BuildFinished,
    BuildKey,
    Cause,
    CauseSettled,
    Event,
    Outcome,
)
from breakcast.live.source import Detail, Listed, Window

SEARCH_LIMIT = 1_000
"""How many runs GitHub lists of one search."""

ATTEMPTS_READ = 10
"""How many earlier attempts of one run are read; what is re-run more is hopeless."""

_READS = 4
_JOB_PAGES = 10
_RECENT_PAGES = 30
_OK = 200
_GONE = frozenset({404, 410})
_ACTIONS = "actions: read"


class GitHubHistory:
    """
    The workflow runs of repositories; a HistorySource and a RecentSource.

    Args:
        client: How GitHub is asked.
        identity: Hashes an author's name; None leaves authors out.
    """

    def __init__(
        self, client: GitHubClient, identity: Callable[[str], str] | None
    ) -> None:
        self._client = client
        self._identity = identity

    @property
    def name(self) -> str:
        """What GitHub's builds have as their source."""
        return SOURCE

    @property
    def calls(self) -> int:
        """How many calls were made so far."""
        return self._client.count

    def listing(self, repo: str, window: Window) -> Iterator[Listed]:
        """
        List the runs created within a window, newest first, cut as GitHub needs it.

        Raises:
            BadInput: If the repository has no such name.
            SourceError: If GitHub refuses or cannot be reached.
        """
        checked_repo(repo)
        total: int | None = None
        waiting = [window] if window.seconds > 0 else []
        while waiting:
            piece = waiting.pop()
            runs = self._runs(repo, piece)
            total = max(runs.counts) if total is None else total
            if runs.is_too_long:
                waiting += piece.halves()
            else:
                listed = self._listed(repo, piece, runs)
                yield replace(listed, is_whole=runs.is_whole, total=total)

    def detail(self, repo: str, detail: Detail) -> Sequence[Event]:
        """
        Tell of a run's earlier attempts, and why its red attempts were red.

        An attempt is red by infrastructure if only the runner's own steps failed;
        otherwise flaky, if a later attempt of the same run was green.

        Raises:
            SourceError: If GitHub refuses or cannot be reached.
        """
        facts: list[Event] = []
        first = max(1, detail.attempts - ATTEMPTS_READ)
        for number in range(first, detail.attempts):
            facts += self._attempt(repo, detail.build_id, number)
        finished = [fact for fact in facts if isinstance(fact, BuildFinished)]
        finished.append(detail.finished)
        for place, fact in enumerate(finished):
            if fact.outcome is Outcome.FAILED:
                later = finished[place + 1 :]
                green = (one for one in later if one.outcome is Outcome.PASSED)
                facts += self._cause(repo, fact, next(green, None))
        return facts

    def attempt(self, key: BuildKey) -> Sequence[Event]:
        """
        Tell of one attempt; nothing if GitHub has deleted it.

        Raises:
            SourceError: If GitHub refuses or cannot be reached.
        """
        return self._attempt(key.repo, key.build_id, key.attempt)

    def recent(self, repo: str, since: datetime) -> Listed:
        """
        List the runs created since a time; asked again, it costs what has changed.

        Raises:
            BadInput: If the repository has no such name.
            SourceError: If GitHub refuses or cannot be reached.
        """
        runs = Runs()
        # Without a filter: its list may be long, and its address stays the same,
        # so that GitHub can say that nothing has changed.
        pages = self._client.pages(
            repo, "actions/runs", RunsPage, permission=_ACTIONS, is_polled=True
        )
        for _, page in zip(range(_RECENT_PAGES), pages, strict=False):
            runs.take(page)
            if runs.oldest is not None and runs.oldest < since:
                break
        runs.by_id = {
            number: run for number, run in runs.by_id.items() if run.created_at >= since
        }
        newest = max((run.created_at for run in runs.by_id.values()), default=since)
        window = Window(since, newest + timedelta(seconds=1))
        return self._listed(repo, window, runs)

    def _runs(self, repo: str, window: Window) -> Runs:
        """Read a window's runs until none is missing, or reading again is no help."""
        runs = Runs()
        for _ in range(_READS):
            runs.begin()
            pages = self._client.pages(
                repo,
                "actions/runs",
                RunsPage,
                permission=_ACTIONS,
                params={"created": _between(window)},
            )
            for page in pages:
                runs.take(page)
                runs.is_too_long = (
                    page.total_count >= SEARCH_LIMIT and window.seconds > 1
                )
                if runs.is_too_long:
                    return runs
            if runs.is_whole:
                break
        return runs

    def _listed(self, repo: str, window: Window, runs: Runs) -> Listed:
        facts: list[Event] = []
        details = []
        open_since = None
        for run in runs.by_id.values():
            facts.append(started_fact(run, repo, self._identity))
            finished = finished_fact(run, repo)
            if finished is None:
                open_since = min(open_since or run.created_at, run.created_at)
                continue
            facts.append(finished)
            if finished.outcome is Outcome.FAILED or run.run_attempt > 1:
                details.append(Detail(finished))
        return Listed(
            window=window,
            facts=tuple(facts),
            builds=len(runs.by_id),
            details=tuple(details),
            open_since=open_since,
            refused=tuple(runs.refused.values()),
        )

    def _attempt(self, repo: str, build_id: str, number: int) -> list[Event]:
        path = f"actions/runs/{_digits(build_id)}/attempts/{number}"
        try:
            run = self._client.get(repo, path, WorkflowRun, permission=_ACTIONS)
        except SourceError as error:
            if error.status not in _GONE:
                raise
            return []
        if (str(run.id), run.run_attempt) != (build_id, number):
            message = (
                f"{repo}: asked for run {build_id}, attempt {number}, GitHub tells of "
                f"run {run.id}, attempt {run.run_attempt}"
            )
            raise SourceError(message, _OK)
        finished = finished_fact(run, repo)
        started = started_fact(run, repo, self._identity)
        return [started] if finished is None else [started, finished]

    def _cause(
        self, repo: str, red: BuildFinished, green: BuildFinished | None
    ) -> list[Event]:
        key = red.key
        path = f"actions/runs/{_digits(key.build_id)}/attempts/{key.attempt}/jobs"
        jobs: list[WorkflowJob] = []
        pages = self._client.pages(repo, path, _JobsPage, permission=_ACTIONS)
        try:
            for _, page in zip(range(_JOB_PAGES), pages, strict=False):
                jobs += page.jobs
        except SourceError as error:
            if error.status not in _GONE:
                raise
        if cause_of_jobs(jobs) is Cause.INFRA:
            return [
                CauseSettled(occurred_at=red.occurred_at, key=key, cause=Cause.INFRA)
            ]
        if green is not None:
            known_at = max(green.occurred_at, red.occurred_at)
            return [CauseSettled(occurred_at=known_at, key=key, cause=Cause.FLAKY)]
        return []


class _JobsPage(msgspec.Struct, frozen=True):
    jobs: list[WorkflowJob]


def _between(window: Window) -> str:
    """Write a window as GitHub's search takes it: both ends belong to it."""
    last = window.until - timedelta(seconds=1)
    ends = (
        at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (window.since, last)
    )
    return "..".join(ends)


def _digits(build_id: str) -> str:
    """Give a run's number; it comes from a ledger and goes into an address."""
    if not (build_id.isascii() and build_id.isdigit()):
        message = f"the build is {build_id[:100]!r}; a run of GitHub has a number"
        raise SourceError(message)
    return build_id
