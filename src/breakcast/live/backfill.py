"""
Back-fill: a provider's past into the ledger, window by window, resumable.

First the lists, newest window first: they hold most facts for few calls. Then the
builds worth a call of their own: re-run ones and red ones. Facts go into the
ledger before their bookmark is set; the ledger takes a fact once, so what an
interruption makes us read twice does no harm.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from msgspec.structs import replace

from breakcast.errors import SourceError
from breakcast.history.events import BuildStarted, Change, Event
from breakcast.history.ledger import Ledger
from breakcast.live.bookmarks import Bookmarks
from breakcast.live.source import (
    CommitHistory,
    Detail,
    HistorySource,
    Listed,
    Window,
)

SETTLING = timedelta(hours=1)
"""How long a provider may take to list a build; what is newer is listed again."""

KEPT_REFUSALS = 20
"""How many refusals are told one by one; they are all counted."""

Progress = Callable[[str, int, int | None], None]
"""Told what is being read, how much of it is done, and out of how much."""

_TOGETHER = 32
_UNREADABLE = 20
_NOT_ABOUT_ONE = frozenset({None, 401, 403, 429})


@dataclass(frozen=True, slots=True)
class Backfilled:
    """
    What a back-fill found, and what it changed.

    Attributes:
        builds: Builds in the lists that were read.
        new: Facts that were written.
        identical: Facts the ledger held already.
        conflicting: Facts that disagree with the one it holds, which stays.
        details_read: Builds that were asked about one by one.
        details_left: Builds still to be asked about; run it again for them.
        unsettled: Windows in which the provider's list would not hold still, or
            was too long: something may be missing, and they are read again.
        refused: Entries that could not be used, and builds that could not be read.
        refusals: The first 20 of those, and why.
        calls: Calls made.
    """

    builds: int
    new: int
    identical: int
    conflicting: int
    details_read: int
    details_left: int
    unsettled: int
    refused: int
    refusals: tuple[str, ...]
    calls: int


def backfill(
    ledger: Ledger,
    source: HistorySource,
    bookmarks: Bookmarks,
    repo: str,
    window: Window,
    *,
    now: datetime,
    detail_limit: int,
    executor: Executor,
    commits: CommitHistory | None = None,
    progress: Progress | None = None,
) -> Backfilled:
    """
    Read a repository's builds into the ledger, from where it was left.

    Args:
        ledger: Where to.
        source: The provider.
        bookmarks: What was read before; of this ledger, provider and repository.
        repo: `owner/name`.
        window: When the builds were created.
        now: The time.
        detail_limit: How many builds are asked about one by one, at most.
        executor: Asks about several at once.
        commits: What commits changed, where that is at hand.
        progress: Told how far it has come.

    Raises:
        SourceError: If the provider refuses or cannot be reached. What was read is
            in the ledger; the same call goes on from there.
        LedgerError: If the database fails; likewise.
    """
    run = _Run(ledger, source, bookmarks, repo, commits, progress)
    window = Window(window.since, min(window.until, now))
    run.lists(window, now)
    run.details(detail_limit, executor)
    return run.told()


@dataclass(slots=True)
class _Run:
    """One back-fill while it runs: what it works on, and what it has counted."""

    ledger: Ledger
    source: HistorySource
    bookmarks: Bookmarks
    repo: str
    commits: CommitHistory | None
    progress: Progress | None
    builds: int = 0
    new: int = 0
    identical: int = 0
    conflicting: int = 0
    details_read: int = 0
    unsettled: int = 0
    refused: int = 0
    refusals: list[str] = field(default_factory=list)
    calls_before: int = 0

    def __post_init__(self) -> None:
        self.calls_before = self.source.calls

    def lists(self, window: Window, now: datetime) -> None:
        """Read the lists of all that is not in the ledger yet."""
        for gap in self.bookmarks.gaps(window):
            before = self.builds
            for listed in self.source.listing(self.repo, gap):
                self._append(listed.facts)
                whole = _whole(listed, now)
                self.bookmarks.set(whole, listed.details, self.ledger.position())
                self.builds += listed.builds
                self.unsettled += not listed.is_whole
                self._refuse(listed.refused)
                total = None if listed.total is None else before + listed.total
                self._tell("reading lists of builds", self.builds, total)

    def details(self, limit: int, executor: Executor) -> None:
        """Ask about builds one by one, a few at once, until none or no call is left."""
        waiting = self.bookmarks.waiting(limit)
        unreadable = 0
        for together in _batches(waiting, _TOGETHER):
            asked = [executor.submit(self._detail, detail) for detail in together]
            try:
                told = [answer.result() for answer in asked]
            finally:
                # After an error nobody wants to know what the others would answer.
                for answer in asked:
                    answer.cancel()
            self._append([fact for facts, _ in told for fact in facts])
            read = [
                detail
                for detail, (_, error) in zip(together, told, strict=True)
                if error is None
            ]
            self.bookmarks.set_read(read, self.ledger.position())
            self.details_read += len(read)
            errors = [error for _, error in told if error is not None]
            self._refuse(map(str, errors))
            unreadable += len(errors)
            if unreadable > _UNREADABLE:
                raise errors[-1]
            self._tell("asking about failures", self.details_read, len(waiting))

    def told(self) -> Backfilled:
        """Sum up."""
        return Backfilled(
            builds=self.builds,
            new=self.new,
            identical=self.identical,
            conflicting=self.conflicting,
            details_read=self.details_read,
            details_left=self.bookmarks.count_waiting(),
            unsettled=self.unsettled,
            refused=self.refused,
            refusals=tuple(self.refusals),
            calls=self.source.calls - self.calls_before,
        )

    def _detail(self, detail: Detail) -> tuple[Sequence[Event], SourceError | None]:
        """Ask about one build; that it cannot be told of is not the others' fault."""
        try:
            return self.source.detail(self.repo, detail), None
        except SourceError as error:
            if error.status in _NOT_ABOUT_ONE:
                raise
            return (), error

    def _append(self, facts: Sequence[Event]) -> None:
        appended = self.ledger.append(_with_changes(facts, self._changes(facts)))
        self.new += appended.new
        self.identical += appended.identical
        self.conflicting += appended.conflicting

    def _changes(self, facts: Iterable[Event]) -> Mapping[str, Change]:
        if self.commits is None:
            return {}
        shas = {
            fact.build.commit_sha
            for fact in facts
            if isinstance(fact, BuildStarted) and fact.build.commit_sha is not None
        }
        return self.commits.changes(shas)

    def _refuse(self, reasons: Iterable[str]) -> None:
        for reason in reasons:
            self.refused += 1
            if len(self.refusals) < KEPT_REFUSALS:
                self.refusals.append(reason)

    def _tell(self, what: str, done: int, total: int | None) -> None:
        if self.progress is not None:
            self.progress(what, done, total)


def _whole(listed: Listed, now: datetime) -> Window | None:
    """
    Give the part of a window that need not be listed again.

    A build that has not ended will be told of once more, when it has; from there on
    all is listed again.
    """
    if not listed.is_whole:
        return None
    until = min(listed.window.until, now - SETTLING, listed.open_since or now)
    whole = Window(listed.window.since, until.replace(microsecond=0))
    return whole if whole.seconds > 0 else None


def _with_changes(
    facts: Iterable[Event], changes: Mapping[str, Change]
) -> Iterator[Event]:
    for fact in facts:
        if isinstance(fact, BuildStarted):
            change = changes.get(fact.build.commit_sha or "")
            if change is not None:
                yield replace(fact, build=replace(fact.build, change=change))
                continue
        yield fact


def _batches(details: Iterable[Detail], size: int) -> Iterator[list[Detail]]:
    rest = iter(details)
    while batch := list(islice(rest, size)):
        yield batch
