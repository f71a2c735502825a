"""What each fact teaches: called once, when the fact became known."""

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
from breakcast.history.events import Build, BuildFinished, Change, ChangeSeen, Outcome

LOST_AFTER_SECONDS = 86_400.0
"""A build that has not finished a day after its start no longer counts as in flight."""


def learn_start(memory: Memory, build: Build, now: float) -> None:
    """Count a build in: nothing of its outcome is known yet."""
    keys = keys_of(build)
    for track in keys.learning:
        _track(memory, track, now).start(now)
    _learn_size(memory, build.key.repo, build.change, now)
    node = memory.nodes.get(keys.node)
    if node is None:
        node = BuildNode(now, parent=keys.parent)
        parent = None if keys.parent is None else memory.nodes.get(keys.parent)
        if parent is not None:
            parent.children += 1
    memory.nodes.touch(keys.node, node)
    if keys.commit is not None:
        commit = memory.commits.get(keys.commit) or CommitRecord()
        commit.touched_at = now
        commit.started += 1
        memory.commits.touch(keys.commit, commit)
    memory.pending.touch(attempt_key(build.key), Pending(now, build))


def learn_change(memory: Memory, event: ChangeSeen, now: float) -> None:
    """Complete a build in flight by what its commit changed."""
    pending = memory.pending.get(attempt_key(event.key))
    if pending is not None:
        pending.build = msgspec.structs.replace(pending.build, change=event.change)
        _learn_size(memory, event.key.repo, event.change, now)


def learn_finish(
    memory: Memory, event: BuildFinished, now: float, code_state: tuple[str, ...]
) -> None:
    """Learn an outcome, in every record it counts for."""
    key = event.key
    attempt = attempt_key(key)
    pending = memory.pending.pop(attempt, None)
    if pending is not None:
        _leave(memory, keys_of(pending.build))
    else:
        pending = memory.lost.pop(attempt, None)
    if event.outcome is Outcome.NONE:
        return
    # A finish whose start we never saw still teaches what its key names.
    build = Build(key) if pending is None else pending.build
    keys = keys_of(build)
    failed = 1.0 if event.outcome is Outcome.FAILED else 0.0
    is_timed = pending is not None and not event.is_assumed
    minutes = (
        (now - pending.touched_at) / 60 if pending is not None and is_timed else nan
    )
    for track in keys.learning:
        record = memory.tracks.get(track)
        if record is None:
            record = _track(memory, track, now)
            record.start(now)
            record.leave()
        record.learn(failed, now, minutes)
    _learn_paths(memory, build, failed, now)
    node = memory.nodes.get(keys.node)
    if node is not None:
        parent = None if keys.parent is None else memory.nodes.get(keys.parent)
        node.learn(event.results, failed, now, minutes, parent)
    if keys.commit is not None:
        commit = memory.commits.get(keys.commit)
        if commit is not None:
            commit.known += 1
            commit.red += int(failed)
            commit.failed_by_pipeline[key.pipeline] = failed
    board = memory.boards.get(keys.board) or Board()
    board.learn(key.pipeline, Posted(failed, now, keys.node))
    memory.boards.touch(keys.board, board)
    if code_state and build.signals:
        nearby = memory.neighbourhoods.get(key.repo) or Neighbourhood.empty(
            len(code_state)
        )
        nearby.learn(
            code_vector(build.signals, code_state), failed, now, event_code(build.event)
        )
        memory.neighbourhoods.touch(key.repo, nearby)


def tidy(memory: Memory, now: float) -> None:
    """Drop what weighs nothing any more; count lost builds out of flight."""
    memory.forget(now)
    while memory.pending:
        attempt, pending = next(iter(memory.pending.items()))
        if pending.touched_at > now - LOST_AFTER_SECONDS:
            break
        del memory.pending[attempt]
        memory.lost.touch(attempt, pending)
        _leave(memory, keys_of(pending.build))


def _track(memory: Memory, key: str, now: float) -> TrackRecord:
    record = memory.tracks.get(key)
    if record is None:
        record = TrackRecord(touched_at=now)
    memory.tracks.touch(key, record)
    return record


def _leave(memory: Memory, keys: RecordKeys) -> None:
    for track in keys.learning:
        record = memory.tracks.get(track)
        if record is not None:
            record.leave()


def _learn_size(memory: Memory, repo: str, change: Change | None, now: float) -> None:
    size = change_size(change)
    if size == size:
        sizes = memory.sizes.get(repo) or SizeDistribution()
        sizes.learn(size, now)
        memory.sizes.touch(repo, sizes)


def _learn_paths(memory: Memory, build: Build, failed: float, now: float) -> None:
    for key in ("", build.key.repo):
        _tally(memory, key).learn(failed, now, HOUR)
    if build.change is not None:
        files, directories = path_keys(build.key.repo, build.change.paths)
        for key in (*files, *directories):
            _tally(memory, key).learn(failed, now, HALF_LIFE_SECONDS)


def _tally(memory: Memory, key: str) -> Tally:
    tally = memory.tallies.get(key)
    if tally is None:
        tally = Tally()
    memory.tallies.touch(key, tally)
    return tally
