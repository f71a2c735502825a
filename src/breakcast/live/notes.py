"""
What webhooks say beside facts, kept until a worker looks into a build.

A run's webhook names its commit and nothing of what that changed; other webhooks
say what it is based on. How a run's jobs ended says why it was red.
"""

from collections.abc import Iterable, Mapping

import msgspec

from breakcast.history.events import BuildKey, Cause, Change
from breakcast.history.inbox import Note

_HEAD = "head"
_JOB = "job/"


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What a commit is the head of.

    Attributes:
        base_sha: What it is compared with, where that is known.
        pull: The number of its pull request, if it has one.
        change: What was said of its changes; lines are not.
    """

    base_sha: str | None = None
    pull: int | None = None
    change: Change | None = None


class JobEnd(msgspec.Struct, frozen=True):
    """How a job of a run ended: red, and by none of its own steps."""

    is_red: bool
    is_red_by_runner: bool


def head_note(repo: str, sha: str, head: Head) -> Note:
    """Note what a commit is the head of."""
    # A branch's own build and its pull request's see the same commit differently.
    name = _HEAD if head.pull is None else f"{_HEAD}/pull"
    return Note(repo, sha, name, _ENCODER.encode(head))


def head_of(notes: Mapping[str, bytes], *, is_pull: bool) -> Head:
    """
    Read what a commit is the head of, for a build of its pull request or its branch.

    >>> note = head_note("acme/shop", "c0ffee", Head("ba5e", pull=7))
    >>> head_of({note.name: note.payload}, is_pull=True).pull
    7
    """
    wanted = (f"{_HEAD}/pull", _HEAD) if is_pull else (_HEAD,)
    for name in wanted:
        if name in notes:
            return _HEADS.decode(notes[name])
    return Head()


def job_note(repo: str, run_id: str, attempt: int, job_id: str, end: JobEnd) -> Note:
    """Note how a job of an attempt ended."""
    name = f"{_JOB}{job_id}"
    return Note(repo, _attempt(run_id, attempt), name, _ENCODER.encode(end))


def attempt_of(key: BuildKey) -> str:
    """Name an attempt as the notes of its jobs do."""
    return _attempt(key.build_id, key.attempt)


def refined_note(key: BuildKey) -> Note:
    """Note that the answer to an attempt was refined."""
    # Not of its run alone: another source may number its builds alike.
    return Note(key.repo, attempt_of(key), f"refined/{key.pipeline}", b"")


def cause_of(notes: Mapping[str, bytes]) -> Cause | None:
    """
    Say why a run was red, by its jobs: infrastructure, if no step of its own failed.

    >>> end = job_note("acme/shop", "7", 1, "70", JobEnd(True, True))
    >>> cause_of({end.name: end.payload})
    <Cause.INFRA: 'infra'>
    """
    return cause_of_ends(
        _JOBS.decode(payload)
        for name, payload in notes.items()
        if name.startswith(_JOB)
    )


def cause_of_ends(ends: Iterable[JobEnd]) -> Cause | None:
    """Say the same by how the jobs ended, wherever that was read."""
    red = [end for end in ends if end.is_red]
    if red and all(end.is_red_by_runner for end in red):
        return Cause.INFRA
    return None


def _attempt(run_id: str, attempt: int) -> str:
    return f"{run_id}/{attempt}"


_ENCODER = msgspec.msgpack.Encoder()
_HEADS = msgspec.msgpack.Decoder(Head)
_JOBS = msgspec.msgpack.Decoder(JobEnd)
