"""A build's features at its as-of: read off the records, which stay as they are."""

from collections import Counter
from itertools import chain, repeat
from math import nan

from breakcast.features.catalog import HEADLINE_WIDTH, Catalog
from breakcast.features.change import change_features, change_size
from breakcast.features.closeness import UNKNOWN_NEIGHBOURS, neighbour_features
from breakcast.features.columns import track_column
from breakcast.features.keys import RecordKeys, attempt_key
from breakcast.features.lineage import BuildNode, lineage_features
from breakcast.features.memory import Memory
from breakcast.features.neighbourhood import code_vector, event_code
from breakcast.features.paths import PathKeys, path_features, path_keys
from breakcast.features.pending import lost_by
from breakcast.features.surroundings import (
    commit_features,
    last_hour_features,
    sibling_features,
)
from breakcast.features.track import KINDS, UNKNOWN_TRACK
from breakcast.history.events import Build, Change

_PIPELINE_RED = track_column("pipeline", "red_ratio_10")
_BRANCH_RED = track_column("branch", "red_ratio_10")
_AUTHOR_RED = track_column("author", "red_ratio_10")
# Counted from the end of a record's features.
_IN_FLIGHT = track_column(KINDS[0], "in_flight") - track_column(KINDS[1], "red_ratio_3")
_NO_HEADLINE = [nan] * HEADLINE_WIDTH
_NO_PATHS: PathKeys = ((), ())


def read_features(
    memory: Memory, catalog: Catalog, build: Build, now: float
) -> list[float]:
    """Read what is known of a build at `now`, in catalog order."""
    key = build.key
    repo, pipeline = key.repo, key.pipeline
    keys = memory.keys_of(build)
    change = _change_of(build, memory)
    values = _NO_HEADLINE.copy()
    values += change_features(build, change)
    record_of = memory.tracks.get
    lost = _lost_tracks(memory, now)
    for track in keys.tracks:
        record = None if track is None else record_of(track)
        values += UNKNOWN_TRACK if record is None else record.features(now)
        if lost and track is not None:
            values[_IN_FLIGHT] -= lost[track]
    files, directories = _NO_PATHS if change is None else path_keys(repo, change.paths)
    values += path_features(files, memory.tallies, now)
    values += path_features(directories, memory.tallies, now)
    of_lineage, ancestor = lineage_features(keys.parent, memory.nodes, now)
    values += of_lineage
    commit = None if keys.commit is None else memory.commits.get(keys.commit)
    values += commit_features(build.commit_sha, commit, pipeline)
    values += sibling_features(memory.boards.get(keys.board), pipeline, now)
    values += last_hour_features(memory.tallies, "", repo, now)
    nearby = memory.neighbourhoods.get(repo) if catalog.code_state else None
    if nearby is None:
        values += UNKNOWN_NEIGHBOURS
    else:
        state = code_vector(build.signals, catalog.code_state)
        event = event_code(build.event)
        values += neighbour_features(nearby, state, event, now)
    if catalog.results:
        previous = ancestor or _last_on_branch(keys, pipeline, memory)
        results = {} if previous is None else previous.results
        values += map(results.get, catalog.results, repeat(nan))
    values += map(build.signals.get, catalog.signals, repeat(nan))
    sizes = memory.sizes.get(repo)
    values[:HEADLINE_WIDTH] = (
        values[_PIPELINE_RED],
        values[_BRANCH_RED],
        values[_AUTHOR_RED],
        nan if sizes is None else sizes.percentile(change_size(change)),
    )
    return values


def _lost_tracks(memory: Memory, now: float) -> Counter[str] | None:
    """Count the builds in flight too long that no fact has told us of since."""
    lost = [pending.keys.learning for pending in lost_by(now, memory.pending.values())]
    return Counter(chain.from_iterable(lost)) if lost else None


def _change_of(build: Build, memory: Memory) -> Change | None:
    if build.change is not None:
        return build.change
    pending = memory.pending.get(attempt_key(build.key))
    return None if pending is None else pending.build.change


def _last_on_branch(
    keys: RecordKeys, pipeline: str, memory: Memory
) -> BuildNode | None:
    board = memory.boards.get(keys.board)
    posted = None if board is None else board.outcomes.get(pipeline)
    return None if posted is None else memory.nodes.get(posted.node)
