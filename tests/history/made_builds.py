"""Builds files and facts made up for tests."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breakcast.history.buildsfile import BuildsFile, read_builds
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Event,
    Outcome,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

NOW = datetime(2026, 6, 1, tzinfo=UTC)

HEADER = "repo,build_id,started_at,outcome"

PLAIN = "acme/shop,1,2026-01-01T12:00:00Z,passed"


def write_csv(folder: Path, *lines: str, header: str = HEADER) -> Path:
    """Write lines below a header."""
    path = folder / "builds.csv"
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


def read(path: Path) -> BuildsFile:
    """Read a builds file to its end, in June 2026, authors in upper case."""
    builds = read_builds(path, identity=str.upper, now=NOW)
    events_of(builds)
    return builds


def places(builds: BuildsFile) -> list[tuple[int, str, str]]:
    """Give the line, column and value of each refusal."""
    return [
        (refusal.line, refusal.column, refusal.value)
        for refusal in builds.report.refusals
    ]


def events_of(builds: BuildsFile) -> list[Event]:
    """Read a builds file to its end."""
    return [event for batch in builds for event in batch]


def started(
    build_id: str = "1",
    *,
    repo: str = "acme/shop",
    minutes: float = 0,
    branch: str | None = None,
    received_at: datetime | None = None,
) -> BuildStarted:
    """Start a build some minutes after noon."""
    return BuildStarted(
        occurred_at=NOON + timedelta(minutes=minutes),
        received_at=received_at,
        build=Build(BuildKey("file", repo, "ci", build_id), branch=branch),
    )


def finished(
    build_id: str = "1",
    *,
    repo: str = "acme/shop",
    minutes: float = 10,
    outcome: Outcome = Outcome.PASSED,
) -> BuildFinished:
    """Finish a build some minutes after noon."""
    return BuildFinished(
        occurred_at=NOON + timedelta(minutes=minutes),
        key=BuildKey("file", repo, "ci", build_id),
        outcome=outcome,
    )


def many_builds(count: int) -> Iterable[Event]:
    """Start and finish builds one after another, a minute apart."""
    for number in range(count):
        yield started(str(number), minutes=number)
        yield finished(str(number), minutes=number + 0.5)


def ids(events: Iterable[Event]) -> Sequence[str]:
    """Name the builds the events are about, in order."""
    return [event.key.build_id for event in events]
