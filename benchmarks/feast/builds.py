"""Made-up builds that touch as many records as a build may, and their records."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from breakcast.features.catalog import Catalog
from breakcast.features.records import all_records, mark_of, pulse_of
from breakcast.features.state import FeatureState
from breakcast.features.store import SHARDS, Named
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Change,
    Outcome,
)

SEED = 20_260_504
HISTORY_BUILDS = 600
PATHS = 32
DAWN = datetime(2026, 5, 4, tzinfo=UTC)
_ORGANISATION = "acme"
_FILES = 400


def builds(name: str, count: int) -> Iterator[Build]:
    """Make up builds, each with 32 paths in as many directories, and a parent."""
    rng = random.Random(f"{SEED} {name}")  # noqa: S311 - no secret
    parent: str | None = None
    for number in range(count):
        build_id = f"{name}-{number}"
        paths = tuple(
            f"src/part{file}/module.py" for file in rng.sample(range(_FILES), PATHS)
        )
        change = Change(0.0, float(PATHS), 0.0, 400.0, 100.0, paths)
        yield Build(
            BuildKey("github", f"{_ORGANISATION}/shop", "ci.yml", build_id),
            branch=f"topic-{rng.randrange(20)}",
            event="push",
            commit_sha=rng.randbytes(20).hex(),
            parent_build_id=parent,
            author=rng.randbytes(8).hex() if rng.random() < 0.1 else "9f" * 8,
            change=change,
        )
        parent = build_id


def published(catalog: Catalog) -> tuple[Named, list[Build]]:
    """Learn a history; its records, and builds that descend from its last one."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    state = FeatureState(catalog)
    state.memory.watch()
    history = list(builds("past", HISTORY_BUILDS))
    for minute, build in enumerate(history):
        start = DAWN + timedelta(minutes=10 * minute)
        outcome = Outcome.FAILED if rng.random() < 0.2 else Outcome.PASSED
        end = start + timedelta(minutes=8)
        state.observe(BuildStarted(occurred_at=start, build=build))
        state.observe(BuildFinished(occurred_at=end, key=build.key, outcome=outcome))
    state.settle(asked_at())
    records = {
        **all_records(state, _ORGANISATION),
        **mark_of(range(SHARDS), catalog, asked_at()),
        **pulse_of(range(SHARDS), catalog, asked_at()),
    }
    asked = [
        Build(
            key=build.key,
            branch=build.branch,
            event=build.event,
            commit_sha=build.commit_sha,
            parent_build_id=history[-1 - place % 50].key.build_id,
            author=build.author,
            change=build.change,
        )
        for place, build in enumerate(builds("asked", 200))
    ]
    return records, asked


def asked_at() -> datetime:
    """Tell when the builds asked about start: after all of the history."""
    return DAWN + timedelta(minutes=10 * HISTORY_BUILDS)
