"""
What commits changed, looked up while their builds run, beside the worker's loop.

A webhook for a run names its commit only. The change comes from the provider or
a mirror; where neither can tell, from what a push's own webhook said.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from breakcast.errors import BreakcastError
from breakcast.history.events import Build, Change, ChangeSeen
from breakcast.history.inbox import Inbox
from breakcast.history.ledger import Guard, Ledger
from breakcast.live.notes import head_of
from breakcast.live.source import ChangeSource

AT_ONCE = 4
"""So many commits are looked up side by side."""
MOST_WAITING = 1_000
"""Builds that wait for their change; more go without."""

_LOG = logging.getLogger("breakcast.changes")
_Commit = tuple[str, str, str, bool]


class ChangeFinder:
    """
    Looks commits up and puts what they changed into the ledger.

    Args:
        ledger: Where builds and notes are, and changes go.
        sources: Tell what a commit changes, each within a time limit of its own; by
            the source of the builds they know of.
        now: Tells the time.
    """

    def __init__(
        self,
        ledger: Ledger,
        sources: Mapping[str, ChangeSource],
        now: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._sources = sources
        self._now = now
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="changes")
        self._lock = threading.Lock()
        self._waiting: dict[_Commit, list[Build]] = {}

    def find(self, build: Build, guard: Guard) -> None:
        """
        Look a build's change up, later; builds of one commit share one look.

        Args:
            build: It names its commit.
            guard: Raises, within a transaction, if it is another's to look into.
        """
        if build.commit_sha is None:
            return
        is_pull = "pull_request" in (build.event or "")
        commit = (build.key.source, build.key.repo, build.commit_sha, is_pull)
        with self._lock:
            if commit in self._waiting:
                self._waiting[commit].append(build)
                return
            if len(self._waiting) == MOST_WAITING:
                _LOG.warning("%d commits wait to be looked up", MOST_WAITING)
                return
            self._waiting[commit] = [build]
        self._threads.submit(self._look, commit, guard)

    def close(self) -> None:
        """End when the looks under way have ended; the others are given up."""
        self._threads.shutdown(cancel_futures=True)

    def _look(self, commit: _Commit, guard: Guard) -> None:
        change = None
        try:
            change = self._change(commit)
        except BreakcastError as error:
            _LOG.warning("the change of %s in %s: %s", commit[2], commit[1], error)
        except Exception:  # noqa: BLE001 - died unseen, its builds would wait for ever
            _LOG.exception("the change of %s in %s", commit[2], commit[1])
        with self._lock:
            builds = self._waiting.pop(commit)
        if change is None:
            return
        now = self._now()
        seen = [
            ChangeSeen(occurred_at=now, key=build.key, change=change)
            for build in builds
        ]
        try:
            self._ledger.receive_together(seen, now, guard)
        except Exception as error:  # noqa: BLE001 - nobody looks at what this thread raises
            _LOG.warning("a change was not kept: %s", error)

    def _change(self, commit: _Commit) -> Change | None:
        source, repo, sha, is_pull = commit
        notes = Inbox(self._ledger).notes(source, repo, sha)
        head = head_of(notes, is_pull=is_pull)
        asked = self._sources.get(source)
        if asked is None:
            return head.change
        try:
            found = asked.change(repo, sha, pull=head.pull, base_sha=head.base_sha)
        except BreakcastError:
            if head.change is None:
                raise
            found = None
        return found or head.change
