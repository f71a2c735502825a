"""Facts in the order they became known: questions before answers."""

from collections.abc import Iterable, Iterator

from breakcast.history.events import KIND_ORDER, Event


def replay(events: Iterable[Event]) -> Iterator[Event]:
    """
    Put facts in fold order: by known-at, then kind, then place in the input.

    At one instant questions come before answers: a build that starts in the very
    moment another ends must not know how that one ended. A ledger's `events` are
    in this order already; this is for events in memory, all of which it holds.

    >>> from datetime import UTC, datetime
    >>> from breakcast.history.events import (
    ...     Build, BuildFinished, BuildKey, BuildStarted, Outcome
    ... )
    >>> first, second = (BuildKey("ci", "acme/shop", "ci", i) for i in "12")
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> end = BuildFinished(occurred_at=noon, key=first, outcome=Outcome.FAILED)
    >>> start = BuildStarted(occurred_at=noon, build=Build(second))
    >>> [event.key.build_id for event in replay([end, start])]
    ['2', '1']
    """
    yield from sorted(
        events, key=lambda event: (event.known_at, KIND_ORDER[type(event)])
    )
