"""
A simulated repository's numbers as rows of a builds file.

Everything is labelled: `source` is "simulated", organisations begin "sim-",
and authors are called dev, guest or bot with a number.
"""

from dataclasses import dataclass

import numpy as np

from breakcast.history.simulatedbuilds import NONE, Builds
from breakcast.history.simulatedpushes import Files, Pushes
from breakcast.history.simulatedsittings import BOT, FIRST_PULL_REQUEST, REGULARS, Ints

Value = str | float | None
"""What a cell holds; None is unknown."""

Columns = dict[str, list[Value]]
"""Rows as columns of equal length, by the builds file's names, in its order."""

COLUMNS: dict[str, str] = {
    "source": "VARCHAR",
    "repo": "VARCHAR",
    "pipeline": "VARCHAR",
    "build_id": "VARCHAR",
    "attempt": "BIGINT",
    "branch": "VARCHAR",
    "event": "VARCHAR",
    "commit_sha": "VARCHAR",
    "parent_build_id": "VARCHAR",
    "author": "VARCHAR",
    "is_bot": "BOOLEAN",
    "started_at": "VARCHAR",
    "finished_at": "VARCHAR",
    "outcome": "VARCHAR",
    "duration_seconds": "BIGINT",
    "files_added": "BIGINT",
    "files_modified": "BIGINT",
    "files_deleted": "BIGINT",
    "lines_added": "BIGINT",
    "lines_deleted": "BIGINT",
    "changed_paths": "VARCHAR",
    "signal.source_lines": "BIGINT",
    "signal.test_ratio": "DOUBLE",
    "result.tests_run": "BIGINT",
    "result.tests_failed": "BIGINT",
}
"""Each column's DuckDB type, as in the real histories: times are ISO 8601 text."""

_PIPELINES = ("ci", "integration", "lint", "package", "docs", "release")
_EVENTS = ("push", "pull_request", "schedule")
_OUTCOMES = ("passed", "failed", "none")
_BUILD_IDS = 10_000_000  # apart, so that an id is a repository's even by itself


@dataclass(frozen=True, slots=True)
class Home:
    """
    A simulated repository's place in the world.

    Attributes:
        index: Its number among all repositories.
        organisation: Its organisation's number.
        name: Organisation and name, as in the builds file.
        builds: How many attempts its history has.
        span: First and last second, since 1970.
    """

    index: int
    organisation: int
    name: str
    builds: int
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class History:
    """
    A simulated repository's history, in numbers.

    Attributes:
        pushes: Its pushes, some of them before the first build kept.
        builds: Its builds.
        files: Its files.
        shas: The pushes' commit ids, 40 hexadecimal digits each, in one string.
    """

    pushes: Pushes
    builds: Builds
    files: Files
    shas: str


def columns(home: Home, history: History, part: slice) -> Columns:
    """Write out some of a repository's builds, by start."""
    builds, pushes = history.builds, history.pushes
    push = builds.push[part]
    started, finished = builds.started_at[part], builds.finished_at[part]
    outcome = builds.outcome[part]
    is_cancelled = (outcome == NONE).tolist()
    ids = _BUILD_IDS * (home.index + 1)
    return {
        "source": ["simulated"] * len(push),
        "repo": [home.name] * len(push),
        "pipeline": [_PIPELINES[k] for k in builds.pipeline[part].tolist()],
        "build_id": [str(ids + k) for k in builds.number[part].tolist()],
        "attempt": builds.attempt[part].tolist(),
        "branch": [_branch(k) for k in pushes.branch[push].tolist()],
        "event": [_EVENTS[k] for k in pushes.trigger[push].tolist()],
        "commit_sha": [
            history.shas[40 * k : 40 * k + 40] for k in pushes.commit[push].tolist()
        ],
        "parent_build_id": [
            None if k < 0 else str(ids + k) for k in builds.parent[part].tolist()
        ],
        "author": [_author(home, k) for k in pushes.author[push].tolist()],
        "is_bot": [k == BOT for k in pushes.author[push].tolist()],
        "started_at": _times(started),
        "finished_at": _times(finished),
        "outcome": [_OUTCOMES[k] for k in outcome.tolist()],
        "duration_seconds": (finished - started).tolist(),
        "files_added": pushes.files_added[push].tolist(),
        "files_modified": pushes.files_modified[push].tolist(),
        "files_deleted": pushes.files_deleted[push].tolist(),
        "lines_added": pushes.lines_added[push].tolist(),
        "lines_deleted": pushes.lines_deleted[push].tolist(),
        "changed_paths": _paths(history, push),
        "signal.source_lines": pushes.source_lines[push].tolist(),
        "signal.test_ratio": pushes.test_ratio[push].tolist(),
        "result.tests_run": _unless(is_cancelled, builds.tests_run[part]),
        "result.tests_failed": _unless(is_cancelled, builds.tests_failed[part]),
    }


def _times(seconds: Ints) -> list[Value]:
    texts = np.datetime_as_string(seconds.astype("datetime64[s]"), timezone="UTC")
    return list(texts.tolist())


def _paths(history: History, push: Ints) -> list[Value]:
    paths = history.files.paths
    first = history.pushes.first_path[push].tolist()
    count = history.pushes.path_count[push].tolist()
    return [";".join(paths[k : k + n]) for k, n in zip(first, count, strict=True)]


def _unless(is_unknown: list[bool], count: Ints) -> list[Value]:
    pairs = zip(is_unknown, count.tolist(), strict=True)
    return [None if unknown else number for unknown, number in pairs]


def _branch(number: int) -> str:
    if number >= FIRST_PULL_REQUEST:
        return f"change-{number - FIRST_PULL_REQUEST + 1}"
    return "release" if number else "main"


def _author(home: Home, number: int) -> str:
    if number < REGULARS:
        return f"dev-{home.organisation * REGULARS + number:03d}"
    if number == BOT:
        return f"bot-{home.organisation:03d}"
    return f"guest-{home.index:03d}-{number - BOT:04d}"
