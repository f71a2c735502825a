"""A build's features at its as-of: read off the records, which stay as they are."""

from itertools import repeat
from math import nan

import numpy as np
from numpy.typing import NDArray

from breakcast.features.catalog import HEADLINE_WIDTH, Catalog
from breakcast.features.change import change_features, change_size
from breakcast.features.closeness import UNKNOWN_NEIGHBOURS, neighbour_features
from breakcast.features.columns import CHANGE_AT, PATHS_AT, TRACKS_AT, track_column
from breakcast.features.keys import RecordKeys
from breakcast.features.lineage import lineage_features
from breakcast.features.memory import Memory
from breakcast.features.neighbourhood import code_vector, event_code
from breakcast.features.paths import PATH_FEATURES, path_features, path_keys
from breakcast.features.surroundings import (
    commit_features,
    last_hour_features,
    sibling_features,
)
from breakcast.features.track import UNKNOWN_TRACK
from breakcast.history.events import Build

_PIPELINE_RED = track_column("pipeline", "red_ratio_10")
_BRANCH_RED = track_column("branch", "red_ratio_10")
_AUTHOR_RED = track_column("author", "red_ratio_10")
_CHANGE_SIZE = HEADLINE_WIDTH - 1
_NO_HEADLINE = [nan] * HEADLINE_WIDTH


def read_features(
    memory: Memory, catalog: Catalog, build: Build, now: float
) -> list[float]:
    """Read what is known of a build at `now`, in catalog order."""
    key = build.key
    repo, pipeline = key.repo, key.pipeline
    keys = memory.keys_of(build)
    values = _NO_HEADLINE.copy()
    values += change_features(build)
    record_of = memory.tracks.get
    for track in keys.tracks:
        record = None if track is None else record_of(track)
        values += UNKNOWN_TRACK if record is None else record.features(now)
    values += _of_paths(memory, build, now)
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
        results = (
            _last_results_on_branch(keys, pipeline, memory)
            if ancestor is None
            else ancestor.results
        )
        values += map(results.get, catalog.results, repeat(nan))
    values += map(build.signals.get, catalog.signals, repeat(nan))
    values[:HEADLINE_WIDTH] = (
        values[_PIPELINE_RED],
        values[_BRANCH_RED],
        values[_AUTHOR_RED],
        _size_percentile(memory, build),
    )
    return values


def refine_features(
    row: NDArray[np.float32], memory: Memory, build: Build, now: float
) -> None:
    """Write into a row of the build what its change says as known at `now`."""
    row[_CHANGE_SIZE] = _size_percentile(memory, build)
    row[CHANGE_AT:TRACKS_AT] = change_features(build)
    row[PATHS_AT : PATHS_AT + len(PATH_FEATURES)] = _of_paths(memory, build, now)


def _of_paths(memory: Memory, build: Build, now: float) -> tuple[float, ...]:
    paths = () if build.change is None else build.change.paths
    files, directories = path_keys(build.key.repo, paths)
    tallies = memory.tallies
    return path_features(files, tallies, now) + path_features(directories, tallies, now)


def _size_percentile(memory: Memory, build: Build) -> float:
    sizes = memory.sizes.get(build.key.repo)
    return nan if sizes is None else sizes.percentile(change_size(build.change))


def _last_results_on_branch(
    keys: RecordKeys, pipeline: str, memory: Memory
) -> dict[str, float]:
    board = memory.boards.get(keys.board)
    posted = None if board is None else board.outcomes.get(pipeline)
    return {} if posted is None else posted.results
