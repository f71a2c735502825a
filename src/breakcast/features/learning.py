"""What each fact teaches: called once, when the fact became known."""

from collections.abc import Iterable
from math import nan

import msgspec.structs

from breakcast.features.change import SizeDistribution, change_size
from breakcast.features.keys import RecordKeys, attempt_key, keys_of
from breakcast.features.lineage import BuildNode
from breakcast.features.memory import Memory
from breakcast.features.neighbourhood import Neighbourhood, code_vector, event_code
from breakcast.features.paths import HALF_LIFE_SECONDS, path_keys
from breakcast.features.pending import Pending
from breakcast.features.surroundings import Board, CommitRecord, Posted
from breakcast.features.track import HOUR, Tally, TrackRecord
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildStarted,
    Change,
    ChangeSeen,
    Outcome,
)


def learn_start(memory: Memory, event: BuildStarted, now: float) -> None:
    """Count a build in: nothing of its outcome is known yet."""
    build = event.build
    keys = memory.keys_of(build)
    for track in keys.learning:
        record = memory.tracks.touch(track)
        if record is None:
            record = memory.tracks.put(track, TrackRecord(now))
        record.start(now)
    _learn_size(memory, build.key.repo, build.change, now)
    if memory.nodes.touch(keys.node) is None:
        parent = None if keys.parent is None else memory.nodes.change(keys.parent)
        if parent is not None:
            parent.children += 1
        memory.nodes.put(keys.node, BuildNode(now, keys.parent))
    if keys.commit is not None:
        commit = memory.commits.touch(keys.commit)
        if commit is None:
            commit = memory.commits.put(keys.commit, CommitRecord())
        commit.touched_at = now
        commit.started += 1
    if len(memory.pending) == memory.pending.limit:
        _, lost = memory.pending.popitem(last=False)
        _leave(memory, lost)
    started_at = event.occurred_at.timestamp()
    memory.pending.put(attempt_key(build.key), Pending(now, started_at, build, keys))


def learn_change(memory: Memory, event: ChangeSeen, now: float) -> None:
    """Complete a build in flight by what its commit changed."""
    pending = memory.pending.get(attempt_key(event.key))
    if pending is not None:
        if pending.build.change is None:
            _learn_size(memory, event.key.repo, event.change, now)
        pending.build = msgspec.structs.replace(pending.build, change=event.change)


def learn_finish(
    memory: Memory, event: BuildFinished, now: float, code_state: tuple[str, ...]
) -> None:
    """Learn an outcome, in every record it counts for."""
    key = event.key
    pending = memory.pending.pop(attempt_key(key), None)
    # A finish whose start we never saw still teaches what its key names.
    build = Build(key) if pending is None else pending.build
    keys = keys_of(build) if pending is None else pending.keys
    minutes = nan
    if pending is not None:
        _leave(memory, pending)
        if not event.is_assumed:
            minutes = (event.occurred_at.timestamp() - pending.started_at) / 60
    if event.outcome is Outcome.NONE:
        return
    failed = 1.0 if event.outcome is Outcome.FAILED else 0.0
    for track in keys.learning:
        record = memory.tracks.change(track)
        if record is None:
            record = memory.tracks.put(track, TrackRecord(now))
            record.start(now)
            record.leave(now)
        record.learn(failed, now, minutes)
    _learn_tallies(memory, ("", key.repo), failed, now, HOUR)
    if build.change is not None:
        for paths in path_keys(key.repo, build.change.paths):
            _learn_tallies(memory, paths, failed, now, HALF_LIFE_SECONDS)
    node = memory.nodes.change(keys.node)
    if node is not None:
        parent = None if keys.parent is None else memory.nodes.change(keys.parent)
        node.learn(event.results, failed, now, minutes, parent)
    _learn_surroundings(memory, keys, key.pipeline, Posted(failed, now, event.results))
    if code_state and build.signals:
        _learn_code(memory, build, code_state, failed, now)


def _leave(memory: Memory, pending: Pending) -> None:
    for track in pending.keys.learning:
        record = memory.tracks.change(track)
        if record is not None:
            record.leave(pending.touched_at)


def _learn_size(memory: Memory, repo: str, change: Change | None, now: float) -> None:
    size = change_size(change)
    if size == size:
        sizes = memory.sizes.touch(repo)
        if sizes is None:
            sizes = memory.sizes.put(repo, SizeDistribution())
        sizes.learn(size, now)


def _learn_tallies(
    memory: Memory, keys: Iterable[str], failed: float, now: float, half_life: float
) -> None:
    tallies = memory.tallies
    for key in keys:
        tally = tallies.touch(key)
        if tally is None:
            tally = tallies.put(key, Tally(now))
        tally.learn(failed, now, half_life)


def _learn_surroundings(
    memory: Memory, keys: RecordKeys, pipeline: str, posted: Posted
) -> None:
    commit = None if keys.commit is None else memory.commits.change(keys.commit)
    if commit is not None:
        commit.known += 1
        commit.red += int(posted.failed)
        commit.failed_by_pipeline[pipeline] = posted.failed
    board = memory.boards.touch(keys.board)
    if board is None:
        board = memory.boards.put(keys.board, Board())
    board.learn(pipeline, posted)


def _learn_code(
    memory: Memory, build: Build, names: tuple[str, ...], failed: float, now: float
) -> None:
    repo = build.key.repo
    nearby = memory.neighbourhoods.touch(repo)
    if nearby is None:
        nearby = memory.neighbourhoods.put(repo, Neighbourhood.empty(len(names)))
    state = code_vector(build.signals, names)
    nearby.learn(state, event_code(build.event), failed, now)
