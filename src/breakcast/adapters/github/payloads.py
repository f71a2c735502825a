"""
GitHub's words for runs, jobs and files, and the facts they state.

Webhooks and the API say the same of a run, so both are read here. Only what we
use is named: GitHub adds fields as it likes.

Source:
    https://docs.github.com/en/webhooks/webhook-events-and-payloads
    https://docs.github.com/en/rest/actions/workflow-runs
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from breakcast.errors import BadInput
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Cause,
    Change,
    Outcome,
)
from breakcast.history.outcomes import outcome_of
from breakcast.live.notes import JobEnd, cause_of_ends

SOURCE = "github"
"""What builds of GitHub Actions have as their source."""

NAME_LIMIT = 1_024
"""No name or branch of GitHub's is longer; what is, is not GitHub's."""

Sha = Annotated[str, msgspec.Meta(max_length=64)]
Path = Annotated[str, msgspec.Meta(max_length=8_192)]
Name = Annotated[str, msgspec.Meta(max_length=NAME_LIMIT)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Attempt = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

_WORKFLOWS = ".github/workflows/"
_BOT = "[bot]"
# Steps that GitHub's runner adds around those of the workflow.
_RUNNERS_OWN = ("Set up job", "Set up runner", "Initialize containers", "Complete job")
_RED = frozenset({"failure", "timed_out"})


class Actor(msgspec.Struct, frozen=True):
    """Who did it."""

    login: Name
    type: Name = "User"

    @property
    def is_bot(self) -> bool:
        """Whether it is no person."""
        return self.type == "Bot" or self.login.endswith(_BOT)


class _Commit(msgspec.Struct, frozen=True):
    sha: Sha


class PullReference(msgspec.Struct, frozen=True):
    """A pull request a run belongs to; GitHub names none for those of forks."""

    number: Number
    head: _Commit | None = None
    base: _Commit | None = None


class WorkflowRun(msgspec.Struct, frozen=True):
    """One attempt of one workflow on one commit."""

    id: Number
    created_at: Moment
    updated_at: Moment
    path: Name | None = None
    name: Name | None = None
    event: Name | None = None
    head_branch: Name | None = None
    head_sha: Sha | None = None
    run_attempt: Attempt = 1
    run_started_at: Moment | None = None
    status: Name | None = None
    conclusion: Name | None = None
    actor: Actor | None = None
    triggering_actor: Actor | None = None
    pull_requests: list[PullReference] = []

    @property
    def pipeline(self) -> str:
        """The workflow: its file, or its name where no file is told."""
        # A reusable workflow's path ends in `@` and what it was taken from.
        path = (self.path or "").partition("@")[0]
        return path.removeprefix(_WORKFLOWS) or self.name or "default"

    @property
    def started_at(self) -> datetime:
        """When the attempt started, in UTC; OverflowError in the year 1 or 9999."""
        return (self.run_started_at or self.created_at).astimezone(UTC)

    def key(self, repo: str) -> BuildKey:
        """Name the attempt."""
        return BuildKey(SOURCE, repo, self.pipeline, str(self.id), self.run_attempt)


class Step(msgspec.Struct, frozen=True):
    """One step of a job."""

    name: Name
    conclusion: Name | None = None


class WorkflowJob(msgspec.Struct, frozen=True):
    """One job of a run."""

    id: Number
    run_id: Number
    run_attempt: Attempt = 1
    name: Name = ""
    status: Name | None = None
    conclusion: Name | None = None
    started_at: Moment | None = None
    completed_at: Moment | None = None
    steps: list[Step] = []

    @property
    def is_red(self) -> bool:
        """Whether it failed."""
        return self.conclusion in _RED

    @property
    def is_red_by_runner(self) -> bool:
        """Whether it failed, and none of the workflow's own steps did."""
        failed = [step.name for step in self.steps if step.conclusion in _RED]
        return self.is_red and all(name.startswith(_RUNNERS_OWN) for name in failed)

    @property
    def end(self) -> JobEnd:
        """How it ended, as far as that tells of causes."""
        return JobEnd(is_red=self.is_red, is_red_by_runner=self.is_red_by_runner)


class ChangedFile(msgspec.Struct, frozen=True):
    """A file that a commit, a comparison or a pull request changes."""

    filename: Path
    status: Name = "modified"
    additions: Number = 0
    deletions: Number = 0


def started_fact(
    run: WorkflowRun,
    repo: str,
    identity: Callable[[str], str] | None,
    change: Change | None = None,
) -> BuildStarted:
    """
    Say that an attempt started.

    Args:
        run: The attempt.
        repo: `owner/name`.
        identity: Hashes an author's name; None leaves authors out.
        change: What its commit changed, where that is known already.
    """
    actor = run.triggering_actor or run.actor
    return BuildStarted(
        occurred_at=run.started_at,
        build=Build(
            run.key(repo),
            branch=run.head_branch or None,
            event=run.event or None,
            commit_sha=run.head_sha or None,
            author=None if actor is None or identity is None else identity(actor.login),
            is_bot=None if actor is None else actor.is_bot,
            change=change,
        ),
    )


def finished_fact(run: WorkflowRun, repo: str) -> BuildFinished | None:
    """Say how an attempt ended; None while it has not."""
    if run.conclusion is None:
        return None
    return BuildFinished(
        # A clock of GitHub's may be behind another of its own.
        occurred_at=max(run.updated_at.astimezone(UTC), run.started_at),
        key=run.key(repo),
        outcome=_outcome(run.conclusion),
    )


def cause_of_jobs(jobs: Sequence[WorkflowJob]) -> Cause | None:
    """
    Tell why a run was red, by its jobs: infrastructure, if no step of its own failed.

    >>> runner = [Step("Set up job", "failure")]
    >>> cause_of_jobs([WorkflowJob(1, 7, conclusion="failure", steps=runner)])
    <Cause.INFRA: 'infra'>
    >>> tests = [Step("Run tests", "failure")]
    >>> cause_of_jobs([WorkflowJob(1, 7, conclusion="failure", steps=tests)])
    """
    return cause_of_ends(job.end for job in jobs)


def change_of(files: Iterable[ChangedFile]) -> Change:
    """
    Sum changed files up.

    >>> change_of([ChangedFile("a.py", "added", 3), ChangedFile("b.py", deletions=1)])
    Change(files_added=1.0, files_modified=1.0, files_deleted=0.0, lines_added=3.0, \
lines_deleted=1.0, paths=('a.py', 'b.py'))
    """
    files = list(files)
    kinds = Counter(file.status for file in files)
    return Change(
        files_added=float(kinds["added"] + kinds["copied"]),
        files_modified=float(kinds["modified"] + kinds["renamed"] + kinds["changed"]),
        files_deleted=float(kinds["removed"]),
        lines_added=float(sum(file.additions for file in files)),
        lines_deleted=float(sum(file.deletions for file in files)),
        paths=tuple(file.filename for file in files),
    )


def _outcome(conclusion: str) -> Outcome:
    try:
        return outcome_of(conclusion)
    except BadInput:
        # A word GitHub has yet to invent is no verdict that we can learn from.
        return Outcome.NONE
