"""
A build asked about, in the builds file's words: what is known when it starts.

A row of a builds file asks it, and then answers it; a request only asks.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from breakcast.errors import BadInput, Unstorable
from breakcast.history.buildscells import (
    RowRefused,
    Value,
    read_attempt,
    read_boolean,
    read_count,
    read_name,
    read_number,
    read_paths,
    read_repo,
    read_time,
)
from breakcast.history.events import Build, BuildKey, Change
from breakcast.history.ledgerrows import refuse_unstorable

COUNT_COLUMNS = (
    "files_added",
    "files_modified",
    "files_deleted",
    "lines_added",
    "lines_deleted",
)
"""Columns that hold a count of what the commit changed."""

QUESTION_COLUMNS = (
    "source",
    "repo",
    "pipeline",
    "build_id",
    "attempt",
    "branch",
    "event",
    "commit_sha",
    "parent_build_id",
    "author",
    "is_bot",
    *COUNT_COLUMNS,
    "changed_paths",
)
"""Columns with a fixed name that are part of the question, in `build_of`'s order."""

SIGNAL_PREFIX = "signal."
"""Columns of numbers known before the build begin so."""

RESULT_PREFIX = "result."
"""Columns of numbers the build produced begin so."""

DEFAULT_SOURCE = "file"
"""The source of a build that names none."""

DEFAULT_PIPELINE = "default"
"""The pipeline of a build that names none."""

_AFTERWARDS = frozenset({"outcome", "finished_at", "duration_seconds"})
_NO_CHANGE = Change()


class UnknownWord(BadInput):
    """A question holds a word that is not the builds file's."""


def build_of(
    cells: Sequence[Value],
    signals: dict[str, float],
    identity: Callable[[str], str] | None,
) -> Build:
    """
    Read a build off its cells.

    Args:
        cells: One a column of `QUESTION_COLUMNS`, in that order; None is unknown.
        signals: The signals that are known, by name without their prefix.
        identity: Hashes an author's name; None leaves authors out.

    Returns:
        The build; its `build_id` is empty if it has none yet.

    Raises:
        RowRefused: If a cell cannot be used.
    """
    (
        source,
        repo,
        pipeline,
        build_id,
        attempt,
        branch,
        event,
        commit_sha,
        parent_build_id,
        author,
        is_bot,
        files_added,
        files_modified,
        files_deleted,
        lines_added,
        lines_deleted,
        changed_paths,
    ) = cells
    key = BuildKey(
        read_name("source", source) or DEFAULT_SOURCE,
        read_repo(repo),
        read_name("pipeline", pipeline) or DEFAULT_PIPELINE,
        read_name("build_id", build_id) or "",
        read_attempt(attempt),
    )
    try:
        refuse_unstorable(key)
    except Unstorable as error:
        reason = f"cannot be kept: {error}"
        raise RowRefused(reason, "build_id", build_id) from None
    change = Change(
        read_count("files_added", files_added),
        read_count("files_modified", files_modified),
        read_count("files_deleted", files_deleted),
        read_count("lines_added", lines_added),
        read_count("lines_deleted", lines_deleted),
        read_paths(changed_paths),
    )
    name = read_name("author", author)
    return Build(
        key,
        read_name("branch", branch),
        read_name("event", event),
        read_name("commit_sha", commit_sha),
        read_name("parent_build_id", parent_build_id),
        None if name is None or identity is None else identity(name),
        read_boolean("is_bot", is_bot),
        None if change == _NO_CHANGE else change,
        signals,
    )


def question_of(
    words: Mapping[str, Value],
    *,
    identity: Callable[[str], str] | None,
    latest: datetime,
) -> tuple[Build, datetime | None]:
    """
    Read a question: a build in the builds file's words, only `repo` is required.

    What can only be known afterwards (`outcome`, `result.…`, …) may stand there,
    so that a row of a builds file is a question as it is; it is not looked at.

    Args:
        words: Column names and their values.
        identity: Hashes an author's name; None leaves authors out.
        latest: A start after this is in the future.

    Returns:
        The build, and when it starts; None if that is not said.

    Raises:
        RowRefused: If a value cannot be used.
        UnknownWord: If there is no such column.

    >>> from breakcast.history.buildscells import FAR_FUTURE
    >>> words = {"repo": "acme/shop", "signal.sloc": 1200, "outcome": "failed"}
    >>> build, starts_at = question_of(words, identity=None, latest=FAR_FUTURE)
    >>> build.key.pipeline, build.signals, starts_at
    ('default', {'sloc': 1200.0}, None)
    """
    signals = {}
    for word, value in words.items():
        if word in _KNOWN:
            continue
        if word.startswith(SIGNAL_PREFIX) and word != SIGNAL_PREFIX:
            number = read_number(word, value)
            if number is not None:
                signals[word.removeprefix(SIGNAL_PREFIX)] = number
        elif not word.startswith(RESULT_PREFIX):
            message = (
                f"{word!r} is no column of the builds file; a question may hold "
                f"{', '.join(QUESTION_COLUMNS)}, started_at and signal.<name>"
            )
            raise UnknownWord(message)
    build = build_of([words.get(name) for name in QUESTION_COLUMNS], signals, identity)
    return build, read_time("started_at", words.get("started_at"), latest)


_KNOWN = frozenset(QUESTION_COLUMNS) | _AFTERWARDS | {"started_at"}
