"""
Where history comes from: what a CI provider must be able to tell.

One provider is one adapter that fulfils these Protocols; back-fill, the
reconciling poll and the worker know nothing else of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from breakcast.history.events import BuildFinished, BuildKey, Change, Event


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """
    A stretch of time in whole seconds: from `since` on, before `until`.

    >>> from datetime import UTC
    >>> day = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    >>> older, newer = day.halves()
    >>> older.until == newer.since, newer.seconds
    (True, 43200)
    """

    since: datetime
    until: datetime

    @property
    def seconds(self) -> int:
        """How long it is."""
        return int((self.until - self.since).total_seconds())

    def halves(self) -> tuple["Window", "Window"]:
        """Cut it in the middle: the older half, the newer half."""
        middle = self.since + timedelta(seconds=self.seconds // 2)
        return Window(self.since, middle), Window(middle, self.until)


@dataclass(frozen=True, slots=True)
class Detail:
    """
    A finished build that its provider's list does not tell all about.

    Attributes:
        finished: How its last attempt ended, as the list says.
    """

    finished: BuildFinished

    @property
    def build_id(self) -> str:
        """Which build."""
        return self.finished.key.build_id

    @property
    def attempts(self) -> int:
        """How many attempts it had."""
        return self.finished.key.attempt


@dataclass(frozen=True, slots=True)
class Listed:
    """
    What a provider lists of the builds created within a window.

    Attributes:
        window: The window.
        facts: All that the list says, each fact once.
        builds: How many builds it names.
        details: The builds to ask more about.
        open_since: When the oldest build was created that has not ended yet.
        is_whole: Whether nothing is missing, as far as the provider can tell.
        total: How many builds the provider counts in all that was asked for, of
            which this may be a piece.
        refused: What could not be used and why, a line each.
    """

    window: Window
    facts: tuple[Event, ...]
    builds: int
    details: tuple[Detail, ...] = ()
    open_since: datetime | None = None
    is_whole: bool = True
    total: int | None = None
    refused: tuple[str, ...] = ()


class HistorySource(Protocol):
    """
    A provider's history, to be read between two times.

    Safe to share between threads. Every method raises SourceError if the
    provider refuses or cannot be reached.
    """

    @property
    def name(self) -> str:
        """What its builds have as `source`."""
        ...

    @property
    def calls(self) -> int:
        """How many calls it has made so far."""
        ...

    def listing(self, repo: str, window: Window) -> Iterator[Listed]:
        """
        List the builds created within a window, newest first.

        The window is cut until each piece fits into one list; a piece is asked
        for when it is its turn.
        """
        ...

    def detail(self, repo: str, detail: Detail) -> Sequence[Event]:
        """Tell of a build's earlier attempts, and why its red ones were red."""
        ...


class RecentSource(Protocol):
    """
    A provider's last hours, to be asked again and again, cheaply.

    Every method raises SourceError if the provider refuses or cannot be reached.
    """

    @property
    def name(self) -> str:
        """What its builds have as `source`."""
        ...

    def recent(self, repo: str, since: datetime) -> Listed:
        """List the builds created since a time."""
        ...

    def attempt(self, key: BuildKey) -> Sequence[Event]:
        """Tell of one attempt; nothing if the provider has deleted it."""
        ...


class ChangeSource(Protocol):
    """What commits change, for one who cannot wait long."""

    def change(
        self, repo: str, sha: str, *, pull: int | None, base_sha: str | None
    ) -> Change | None:
        """
        Tell what a commit changes; None if that cannot be told in time.

        Args:
            repo: `owner/name`.
            sha: The commit.
            pull: The pull request it is the head of, if any.
            base_sha: What it is to be compared with; its parent if None.
        """
        ...


class CommitHistory(Protocol):
    """What many commits changed, for one who can wait."""

    def changes(self, shas: AbstractSet[str]) -> Mapping[str, Change]:
        """Tell what each commit changed from its parent; unknown ones are left out."""
        ...


class FirstToKnow:
    """
    Asks one after the other; the first that knows a change tells it.

    >>> FirstToKnow().change("acme/shop", "0" * 40, pull=None, base_sha=None)
    """

    def __init__(self, *sources: ChangeSource) -> None:
        self._sources = sources

    def change(
        self, repo: str, sha: str, *, pull: int | None, base_sha: str | None
    ) -> Change | None:
        """Tell what a commit changes; None if none of them can in time."""
        if base_sha is not None and not base_sha.strip("0"):
            # What a push says of a branch that was not there before.
            base_sha = None
        for source in self._sources:
            change = source.change(repo, sha, pull=pull, base_sha=base_sha)
            if change is not None:
                return change
        return None
