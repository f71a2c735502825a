"""
What GitHub's webhooks say, event by event.

A run states facts. Whatever else says what a commit is based on, or how a job
ended, becomes a note for the worker that looks into it.

Source:
    https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from breakcast.adapters.github.payloads import (
    Name,
    Number,
    Path,
    Sha,
    WorkflowJob,
    WorkflowRun,
    finished_fact,
    started_fact,
)
from breakcast.history.buildscells import read_name, read_repo
from breakcast.history.events import Build, Change, Event
from breakcast.history.inbox import Note
from breakcast.history.ledgerrows import refuse_unstorable
from breakcast.live.notes import Head, head_note, job_note

Identity: TypeAlias = Callable[[str], str] | None
"""Hashes an author's name; None leaves authors out."""

_ASKED = frozenset({"opened", "synchronize", "reopened", "ready_for_review"})
# A commit that is not there, as git writes it.
_NOTHING = "0" * 40
# GitHub names no more commits in a push than this; then some may be missing.
_COMMITS_AT_MOST = 20
_PATHS_AT_MOST = 3_000


class Said(NamedTuple):
    """The facts and the notes of one delivery."""

    facts: tuple[Event, ...] = ()
    notes: tuple[Note, ...] = ()


class _Repository(msgspec.Struct, frozen=True):
    full_name: Annotated[str, msgspec.Meta(max_length=256)]


class _OfRepository(msgspec.Struct, frozen=True, kw_only=True):
    repository: _Repository
    action: Name = ""


class _RunSaid(_OfRepository, frozen=True, kw_only=True):
    workflow_run: WorkflowRun


class _JobSaid(_OfRepository, frozen=True, kw_only=True):
    workflow_job: WorkflowJob


class _Tip(msgspec.Struct, frozen=True):
    sha: Sha


class _Pull(msgspec.Struct, frozen=True):
    number: Number
    head: _Tip
    base: _Tip


class _PullSaid(_OfRepository, frozen=True, kw_only=True):
    pull_request: _Pull


class _Commit(msgspec.Struct, frozen=True):
    added: list[Path] = []
    removed: list[Path] = []
    modified: list[Path] = []


class _PushSaid(_OfRepository, frozen=True, kw_only=True):
    before: Sha
    after: Sha
    forced: bool = False
    commits: list[_Commit] = []


class _Group(msgspec.Struct, frozen=True):
    head_sha: Sha
    base_sha: Sha


class _GroupSaid(_OfRepository, frozen=True, kw_only=True):
    merge_group: _Group


def _run(body: bytes, identity: Identity) -> Said:
    said = _RUNS.decode(body)
    repo, run = read_repo(said.repository.full_name), said.workflow_run
    started = started_fact(run, repo, identity)
    _check_names(started.build)
    refuse_unstorable(started.key)
    notes: tuple[Note, ...] = ()
    if run.pull_requests and run.head_sha:
        pull = run.pull_requests[0]
        base = None if pull.base is None else pull.base.sha
        notes = (head_note(repo, run.head_sha, Head(base, pull.number)),)
    finished = finished_fact(run, repo) if said.action == "completed" else None
    return Said((started,) if finished is None else (started, finished), notes)


def _job(body: bytes, _: Identity) -> Said:
    said = _JOBS.decode(body)
    job = said.workflow_job
    if said.action != "completed":
        return Said()
    repo = read_repo(said.repository.full_name)
    note = job_note(repo, str(job.run_id), job.run_attempt, str(job.id), job.end)
    return Said(notes=(note,))


def _pull(body: bytes, _: Identity) -> Said:
    said = _PULLS.decode(body)
    if said.action not in _ASKED:
        return Said()
    pull = said.pull_request
    return _head(said, pull.head.sha, Head(pull.base.sha, pull.number))


def _push(body: bytes, _: Identity) -> Said:
    said = _PUSHES.decode(body)
    if said.after == _NOTHING:
        return Said()
    base = None if said.before == _NOTHING else said.before
    return _head(said, said.after, Head(base, change=_pushed(said)))


def _group(body: bytes, _: Identity) -> Said:
    said = _GROUPS.decode(body)
    if said.action != "checks_requested":
        return Said()
    group = said.merge_group
    return _head(said, group.head_sha, Head(group.base_sha))


READERS: Mapping[str, Callable[[bytes, Identity], Said]] = {
    "workflow_run": _run,
    "workflow_job": _job,
    "pull_request": _pull,
    "push": _push,
    "merge_group": _group,
}
"""
What reads the body of each event.

Each raises msgspec.MsgspecError, BadInput or OverflowError if it is not what GitHub
sends.
"""

_RUNS = msgspec.json.Decoder(_RunSaid)
_JOBS = msgspec.json.Decoder(_JobSaid)
_PULLS = msgspec.json.Decoder(_PullSaid)
_PUSHES = msgspec.json.Decoder(_PushSaid)
_GROUPS = msgspec.json.Decoder(_GroupSaid)


def _head(said: _OfRepository, sha: str, head: Head) -> Said:
    read_name("sha", sha)
    repo = read_repo(said.repository.full_name)
    return Said(notes=(head_note(repo, sha, head),))


def _check_names(build: Build) -> None:
    """Refuse control characters: names are stored, logged and shown."""
    names = {
        "pipeline": build.key.pipeline,
        "branch": build.branch,
        "event": build.event,
        "commit_sha": build.commit_sha,
    }
    for column, name in names.items():
        read_name(column, name)


def _pushed(said: _PushSaid) -> Change | None:
    """
    Sum up what a push names of its changes; None where it does not name all.

    A file that comes in several commits counts as what it came to in the end.
    """
    if said.forced or not 0 < len(said.commits) < _COMMITS_AT_MOST:
        return None
    kinds: dict[str, str] = {}
    for commit in said.commits:
        for path in commit.added:
            kinds[path] = "added"
        for path in commit.modified:
            kinds.setdefault(path, "modified")
        for path in commit.removed:
            if kinds.get(path) == "added":
                del kinds[path]
            else:
                kinds[path] = "removed"
    if len(kinds) > _PATHS_AT_MOST:
        return None
    counted = list(kinds.values())
    return Change(
        files_added=float(counted.count("added")),
        files_modified=float(counted.count("modified")),
        files_deleted=float(counted.count("removed")),
        paths=tuple(kinds),
    )
