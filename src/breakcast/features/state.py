"""
The feature state of one organisation: read first, then learn.

`row` reads a build's features at its as-of; `observe` learns a fact when it
became known. Driven by the stored ledger it makes the training table, driven
by the live tail it makes the served row: there is no second definition.
"""

from datetime import datetime
from math import nan
from typing import Any, Self
from zlib import crc32

import msgspec.structs
import numpy as np
from numpy.typing import NDArray

from breakcast.errors import Leak
from breakcast.features.catalog import Catalog
from breakcast.features.change import SizeDistribution, change_features, change_size
from breakcast.features.columns import track_column
from breakcast.features.keys import RecordKeys, attempt_key, keys_of
from breakcast.features.lineage import BuildNode, lineage_features
from breakcast.features.neighbourhood import (
    UNKNOWN_NEIGHBOURS,
    Neighbourhood,
    code_vector,
)
from breakcast.features.paths import HALF_LIFE_SECONDS, path_features, path_keys
from breakcast.features.pending import Pending
from breakcast.features.shelf import Shelf
from breakcast.features.snapshot import Records, Snapshot, pack, unpack
from breakcast.features.surroundings import (
    Board,
    CommitRecord,
    Posted,
    commit_features,
    last_hour_features,
    sibling_features,
)
from breakcast.features.track import HOUR, UNKNOWN_TRACK, Tally, TrackRecord
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildStarted,
    Change,
    ChangeSeen,
    Event,
    Outcome,
)

Row = NDArray[np.float32]

MOST_TRACKS = 200_000
MOST_TALLIES = 200_000
MOST_BUILDS = 100_000
MOST_COMMITS = 50_000
MOST_BOARDS = 50_000
MOST_REPOSITORIES = 2_000
MOST_PENDING = 50_000
LOST_AFTER_SECONDS = 86_400.0
"""A build that has not finished a day after its start no longer counts as in flight."""
_TIDY_EVERY = 1_024

_PIPELINE_RED = track_column("pipeline", "red_ratio_10")
_BRANCH_RED = track_column("branch", "red_ratio_10")
_AUTHOR_RED = track_column("author", "red_ratio_10")


class FeatureState:
    """
    All that is known of one organisation, and its features at any as-of.

    >>> from breakcast.features.columns import catalog_of
    >>> from breakcast.history.events import BuildKey
    >>> state = FeatureState(catalog_of())
    >>> build = Build(BuildKey("file", "acme/shop", "ci", "1"))
    >>> row = state.row(build, as_of=datetime.fromisoformat("2026-05-04T10:00:00+00:00"))
    >>> row.shape, bool(np.isnan(row[:4]).all())
    ((210,), True)
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.position = 0
        self.facts_seen = 0
        self.known_until = float("-inf")
        self.tracks: Shelf[TrackRecord] = Shelf(MOST_TRACKS)
        self.tallies: Shelf[Tally] = Shelf(MOST_TALLIES)
        self.nodes: Shelf[BuildNode] = Shelf(MOST_BUILDS)
        self.commits: Shelf[CommitRecord] = Shelf(MOST_COMMITS)
        self.boards: Shelf[Board] = Shelf(MOST_BOARDS)
        self.sizes: Shelf[SizeDistribution] = Shelf(MOST_REPOSITORIES)
        self.neighbourhoods: Shelf[Neighbourhood] = Shelf(MOST_REPOSITORIES)
        self.pending: Shelf[Pending] = Shelf(MOST_PENDING)
        self.lost: Shelf[Pending] = Shelf(MOST_PENDING)

    @property
    def shelves(self) -> dict[str, Shelf[Any]]:
        """All records, by what they are of."""
        return {
            "tracks": self.tracks,
            "tallies": self.tallies,
            "nodes": self.nodes,
            "commits": self.commits,
            "boards": self.boards,
            "sizes": self.sizes,
            "neighbourhoods": self.neighbourhoods,
            "pending": self.pending,
            "lost": self.lost,
        }

    def save(self) -> bytes:
        """Pack all of it, with the position of the last fact learnt; see `snapshot`."""
        return pack(
            Snapshot(
                catalog=self.catalog.hash,
                position=self.position,
                facts_seen=self.facts_seen,
                known_until=self.known_until,
                records=Records(
                    **{name: dict(shelf) for name, shelf in self.shelves.items()}
                ),
            )
        )

    @classmethod
    def load(cls, packed: bytes, catalog: Catalog) -> Self:
        """
        Restore what `save` packed: the same rows from here on, bit for bit.

        Raises:
            SnapshotError: If it is damaged, of another format, or was saved under
                another catalog.
        """
        snapshot = unpack(packed, catalog.hash)
        state = cls(catalog)
        state.position = snapshot.position
        state.facts_seen = snapshot.facts_seen
        state.known_until = snapshot.known_until
        for name, shelf in state.shelves.items():
            shelf.update(getattr(snapshot.records, name))
        return state

    def row(self, build: Build, as_of: datetime) -> Row:
        """
        The build's features as known just before `as_of`, in catalog order.

        Raises:
            Leak: If the state has already learnt facts that became known later
                than `as_of`.
        """
        now = as_of.timestamp()
        if now < self.known_until:
            learnt = datetime.fromtimestamp(self.known_until, as_of.tzinfo)
            message = (
                f"row of {build.key.repo} {build.key.build_id} asked as of {as_of.isoformat()}, but "
                f"facts known at {learnt.isoformat()} are already learnt; ask in the order of replay"
            )
            raise Leak(message)
        return np.array(self._values(build, now), dtype=np.float32)

    def observe(self, event: Event) -> None:
        """Learn a fact; facts come in the order they became known."""
        now = event.known_at.timestamp()
        self.known_until = max(self.known_until, now)
        self.facts_seen += 1
        if isinstance(event, BuildStarted):
            self._start(event.build, now)
        elif isinstance(event, BuildFinished):
            self._finish(event, now)
        elif isinstance(event, ChangeSeen):
            self._see(event)
        if self.facts_seen % _TIDY_EVERY == 0:
            self._tidy(now)

    def _values(self, build: Build, now: float) -> list[float]:
        key, catalog = build.key, self.catalog
        repo = key.repo
        keys = keys_of(build)
        change = self._change_of(build)
        values: list[float] = [nan] * 4
        values += change_features(build, change)
        tracks = self.tracks
        for track in keys.tracks:
            record = tracks.get(track) if track is not None else None
            values += UNKNOWN_TRACK if record is None else record.features(now)
        files, directories = (
            path_keys(repo, change.paths) if change is not None else ([], [])
        )
        values += path_features(files, self.tallies, now)
        values += path_features(directories, self.tallies, now)
        of_lineage, ancestor = lineage_features(keys.parent, self.nodes, now)
        values += of_lineage
        commit = self.commits.get(keys.commit) if keys.commit is not None else None
        values += commit_features(build.commit_sha, commit, key.pipeline)
        values += sibling_features(self.boards.get(keys.board), key.pipeline, now)
        values += last_hour_features(self.tallies, "", repo, now)
        nearby = self.neighbourhoods.get(repo) if catalog.code_state else None
        values += (
            UNKNOWN_NEIGHBOURS
            if nearby is None
            else nearby.features(
                code_vector(build.signals, catalog.code_state), now, _code(build.event)
            )
        )
        if catalog.results:
            previous = ancestor or self._last_on_branch(keys, key.pipeline)
            results = previous.results if previous is not None else {}
            values += [results.get(name, nan) for name in catalog.results]
        signals = build.signals
        values += [signals.get(name, nan) for name in catalog.signals]
        values[0] = values[_PIPELINE_RED]
        values[1] = values[_BRANCH_RED]
        values[2] = values[_AUTHOR_RED]
        sizes = self.sizes.get(repo)
        values[3] = nan if sizes is None else sizes.percentile(change_size(change))
        return values

    def _last_on_branch(self, keys: RecordKeys, pipeline: str) -> BuildNode | None:
        board = self.boards.get(keys.board)
        posted = board.outcomes.get(pipeline) if board is not None else None
        return self.nodes.get(posted.node) if posted is not None else None

    def _change_of(self, build: Build) -> Change | None:
        if build.change is not None:
            return build.change
        pending = self.pending.get(attempt_key(build.key))
        return pending.build.change if pending is not None else None

    def _start(self, build: Build, now: float) -> None:
        keys = keys_of(build)
        for track in keys.learning:
            self._track(track, now).start(now)
        self._learn_size(build.key.repo, build.change, now)
        node = self.nodes.get(keys.node)
        if node is None:
            node = BuildNode(now, parent=keys.parent)
            parent = self.nodes.get(keys.parent) if keys.parent is not None else None
            if parent is not None:
                parent.children += 1
        self.nodes.touch(keys.node, node)
        if keys.commit is not None:
            commit = self.commits.get(keys.commit) or CommitRecord()
            commit.touched_at = now
            commit.started += 1
            self.commits.touch(keys.commit, commit)
        self.pending.touch(attempt_key(build.key), Pending(now, build))

    def _finish(self, event: BuildFinished, now: float) -> None:
        key = event.key
        pending = self.pending.pop(attempt_key(key), None)
        if pending is not None:
            self._leave(keys_of(pending.build))
        else:
            pending = self.lost.pop(attempt_key(key), None)
        # A finish whose start we never saw still teaches what its key names.
        build = pending.build if pending is not None else Build(key)
        keys = keys_of(build)
        if event.outcome is Outcome.NONE:
            return
        failed = 1.0 if event.outcome is Outcome.FAILED else 0.0
        is_timed = pending is not None and not event.is_assumed
        minutes = (
            (now - pending.touched_at) / 60 if pending is not None and is_timed else nan
        )
        for track in keys.learning:
            record = self.tracks.get(track)
            if record is None:
                record = self._track(track, now)
                record.start(now)
                record.leave()
            record.learn(failed, now, minutes)
        self._learn_paths(build, failed, now)
        self._learn_lineage(keys, event, failed, minutes, now)
        if keys.commit is not None:
            commit = self.commits.get(keys.commit)
            if commit is not None:
                commit.known += 1
                commit.red += int(failed)
                commit.failed_by_pipeline[key.pipeline] = failed
        board = self.boards.get(keys.board) or Board()
        board.learn(key.pipeline, Posted(failed, now, keys.node))
        self.boards.touch(keys.board, board)
        if self.catalog.code_state and build.signals:
            names = self.catalog.code_state
            nearby = self.neighbourhoods.get(key.repo) or Neighbourhood.empty(
                len(names)
            )
            nearby.learn(
                code_vector(build.signals, names), failed, now, _code(build.event)
            )
            self.neighbourhoods.touch(key.repo, nearby)

    def _see(self, event: ChangeSeen) -> None:
        pending = self.pending.get(attempt_key(event.key))
        if pending is not None:
            pending.build = msgspec.structs.replace(pending.build, change=event.change)
            self._learn_size(event.key.repo, event.change, event.known_at.timestamp())

    def _track(self, key: str, now: float) -> TrackRecord:
        record = self.tracks.get(key)
        if record is None:
            record = TrackRecord(touched_at=now)
        self.tracks.touch(key, record)
        return record

    def _leave(self, keys: RecordKeys) -> None:
        for track in keys.learning:
            record = self.tracks.get(track)
            if record is not None:
                record.leave()

    def _learn_size(self, repo: str, change: Change | None, now: float) -> None:
        size = change_size(change)
        if size == size:  # noqa: PLR0124 - not NaN
            sizes = self.sizes.get(repo) or SizeDistribution()
            sizes.learn(size, now)
            self.sizes.touch(repo, sizes)

    def _learn_paths(self, build: Build, failed: float, now: float) -> None:
        for key in ("", build.key.repo):
            self._tally(key).learn(failed, now, HOUR)
        if build.change is not None:
            files, directories = path_keys(build.key.repo, build.change.paths)
            for key in (*files, *directories):
                self._tally(key).learn(failed, now, HALF_LIFE_SECONDS)

    def _tally(self, key: str) -> Tally:
        tally = self.tallies.get(key)
        if tally is None:
            tally = Tally()
        self.tallies.touch(key, tally)
        return tally

    def _learn_lineage(
        self,
        keys: RecordKeys,
        event: BuildFinished,
        failed: float,
        minutes: float,
        now: float,
    ) -> None:
        node = self.nodes.get(keys.node)
        if node is None:
            return
        is_first = node.failed != node.failed  # noqa: PLR0124 - NaN
        node.failed, node.known_at, node.minutes = failed, now, minutes
        node.results = event.results
        parent = self.nodes.get(keys.parent) if keys.parent is not None else None
        if parent is not None and is_first:
            parent.children_known += 1
            parent.children_red += int(failed)

    def _tidy(self, now: float) -> None:
        for shelf in self.shelves.values():
            shelf.forget(now)
        while self.pending:
            attempt, pending = next(iter(self.pending.items()))
            if pending.touched_at > now - LOST_AFTER_SECONDS:
                break
            del self.pending[attempt]
            self.lost.touch(attempt, pending)
            self._leave(keys_of(pending.build))


def _code(event: str | None) -> int:
    # Python's own hash of a string differs from process to process.
    return crc32((event or "").encode()) & 0x7FFFFFFF
