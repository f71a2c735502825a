"""Deliveries as GitHub would send them: builds turned into runs."""

import hmac
import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from breakcast.history.events import BuildFinished, BuildStarted, Event, Outcome

SECRET = "It's a Secret to Everybody"  # noqa: S105 - GitHub's own example
_Fact = TypeVar("_Fact", BuildStarted, BuildFinished)
_NAMES = itertools.count(1)
_CONCLUSIONS = {
    Outcome.PASSED: "success",
    Outcome.FAILED: "failure",
    Outcome.NONE: "cancelled",
}


def signed(
    body: bytes, event: str, *, delivery: str | None = None, secret: str = SECRET
) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/044aadd",
        "x-github-event": event,
        "x-github-delivery": delivery or f"72d3162e-cc78-11e3-81ab-{next(_NAMES):012}",
        "x-hub-signature-256": "sha256="
        + hmac.digest(secret.encode(), body, "sha256").hex(),
    }


def run_payload(
    start: BuildStarted, finish: BuildFinished | None = None, **more: object
) -> bytes:
    """A build as GitHub's `workflow_run`: requested or, with its finish, completed."""
    build = start.build
    run = {
        "id": int(build.key.build_id),
        "path": f".github/workflows/{build.key.pipeline}",
        "name": build.key.pipeline,
        "event": build.event,
        "head_branch": build.branch,
        "head_sha": build.commit_sha,
        "run_attempt": build.key.attempt,
        "created_at": _said(start.occurred_at),
        "run_started_at": _said(start.occurred_at),
        "updated_at": _said((finish or start).occurred_at),
        "status": "completed" if finish else "queued",
        "conclusion": _CONCLUSIONS[finish.outcome] if finish else None,
        "actor": None
        if build.author is None
        else {"login": f"h:{build.author}", "type": "User"},
        "pull_requests": [],
        **more,
    }
    return msgspec.json.encode(
        {
            "action": "completed" if finish else "requested",
            "workflow_run": run,
            "repository": {"full_name": build.key.repo},
        }
    )


def push_payload(start: BuildStarted) -> bytes:
    """The push that a build's commit came with; it names the files."""
    build = start.build
    paths = () if build.change is None else build.change.paths
    commit = {"added": [], "modified": list(paths), "removed": []}
    return msgspec.json.encode(
        {
            "before": "ba5e" * 10,
            "after": build.commit_sha,
            "commits": [commit],
            "repository": {"full_name": build.key.repo},
        }
    )


def as_if_now(
    facts: Iterable[Event], *, pushed_every: int = 1
) -> Iterator[tuple[str, bytes]]:
    """
    A history in GitHub's words, in the order its facts became known.

    Each build starts when it is asked for, and takes as long as it took. A push names
    its files before it, of so many builds one.
    """
    starts: dict[object, tuple[BuildStarted, timedelta]] = {}
    for number, fact in enumerate(sorted(facts, key=lambda fact: fact.known_at)):
        if isinstance(fact, BuildStarted):
            change = fact.build.change
            if number % pushed_every == 0 and change is not None and change.paths:
                yield "push", push_payload(fact)
            later = datetime.now(UTC) - fact.occurred_at
            starts[fact.key] = (fact, later)
            yield "workflow_run", run_payload(_moved(fact, later))
        elif isinstance(fact, BuildFinished):
            start, later = starts.pop(fact.key)
            yield "workflow_run", run_payload(_moved(start, later), _moved(fact, later))


def _moved(fact: _Fact, later: timedelta) -> _Fact:
    return msgspec.structs.replace(fact, occurred_at=fact.occurred_at + later)


def _said(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
