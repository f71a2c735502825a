"""A CI history written as one: what started when, and how it ended."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from breakcast.features.catalog import Catalog
from breakcast.features.columns import catalog_of
from breakcast.features.state import FeatureState
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Change,
    ChangeSeen,
    Event,
    Outcome,
)
from breakcast.history.replay import replay

DAWN = datetime(2026, 5, 4, tzinfo=UTC)
RED, GREEN, NEITHER = Outcome.FAILED, Outcome.PASSED, Outcome.NONE
DAY = 24 * 60
PLAIN = catalog_of()


def at(minute: float) -> datetime:
    """Tell the time so many minutes after dawn."""
    return DAWN + timedelta(minutes=minute)


def key_of(name: str, repo: str = "acme/shop", pipeline: str = "ci") -> BuildKey:
    """Name a build."""
    return BuildKey("test", repo, pipeline, name)


class Timeline:
    """
    Events, added in any order.

    >>> story = Timeline().build("1", 0, 10, RED).build("2", 20)
    >>> asked = story.asked(30)
    >>> asked["pipeline.last_failed"], asked["pipeline.in_flight"]
    (1.0, 1.0)
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events = list(events)

    def build(
        self,
        name: str,
        start: float,
        end: float | None = None,
        outcome: Outcome = GREEN,
        *,
        repo: str = "acme/shop",
        pipeline: str = "ci",
        results: dict[str, float] | None = None,
        **facts: Any,  # noqa: ANN401 - whatever a Build says
    ) -> "Timeline":
        """Start a build, and finish it if `end` says when."""
        key = key_of(name, repo, pipeline)
        build = Build(key, **facts)
        self.events.append(BuildStarted(build, occurred_at=at(start)))
        if end is not None:
            self.events.append(
                BuildFinished(key, outcome, occurred_at=at(end), results=results or {})
            )
        return self

    def seen(self, name: str, minute: float, change: Change) -> "Timeline":
        """Tell what a build changed."""
        event = ChangeSeen(key_of(name), change, occurred_at=at(minute))
        self.events.append(event)
        return self

    def state(self, catalog: Catalog = PLAIN) -> FeatureState:
        """Learn all of it."""
        state = FeatureState(catalog)
        for event in replay(self.events):
            state.observe(event)
        return state

    def asked(
        self,
        minute: float,
        *,
        repo: str = "acme/shop",
        pipeline: str = "ci",
        catalog: Catalog = PLAIN,
        **facts: Any,  # noqa: ANN401 - whatever a Build says
    ) -> dict[str, float]:
        """Ask for another build, after all of it: its features by name."""
        build = Build(key_of("asked", repo, pipeline), **facts)
        row = self.state(catalog).row(build, at(minute))
        return dict(zip(catalog.names, row.tolist(), strict=True))
