"""What the ledger holds of some builds: asked by those who look for what is missing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import and_, exists, select

from breakcast.history.events import (
    KIND_ORDER,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Event,
)
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import told
from breakcast.history.ledgerrows import Identity, event_of, microseconds
from breakcast.history.ledgerschema import EVENTS

# Each is a parameter of a query; SQLite takes 32,766.
_ASKED_BUILDS = 10_000


def missing(ledger: Ledger, facts: Sequence[Event]) -> list[Event]:
    """
    Give those of some facts that the ledger does not hold, in any version.

    Raises:
        LedgerError: If the database fails.
    """
    builds: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for fact in facts:
        key = fact.key
        builds[key.source, key.repo, key.pipeline].add(key.build_id)
    held: set[Identity] = set()
    for pipeline, build_ids in builds.items():
        ordered = sorted(build_ids)
        for start in range(0, len(ordered), _ASKED_BUILDS):
            held |= _held(ledger, *pipeline, ordered[start : start + _ASKED_BUILDS])
    return [fact for fact in facts if _identity(fact) not in held]


def unfinished(
    ledger: Ledger, source: str, repo: str, *, known_after: datetime, limit: int
) -> list[BuildKey]:
    """
    Give attempts that started and have not ended as far as is known, oldest first.

    Args:
        ledger: The ledger.
        source: The provider.
        repo: `owner/name`.
        known_after: Only those whose start became known after this time.
        limit: How many, at most.

    Raises:
        LedgerError: If the database fails.
    """
    start, end = EVENTS.alias(), EVENTS.alias()
    same = [start.c[name] == end.c[name] for name in _KEY]
    query = (
        select(*(start.c[name] for name in _KEY))
        .where(
            start.c.organisation == BuildKey(source, repo, "", "").organisation,
            start.c.known_at > microseconds(known_after),
            start.c.kind == KIND_ORDER[BuildStarted],
            start.c.source == source,
            start.c.repo == repo,
            ~exists().where(and_(*same, end.c.kind == KIND_ORDER[BuildFinished])),
        )
        .order_by(start.c.known_at, start.c.id)
        .limit(limit)
    )
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        return [BuildKey(*row) for row in connection.execute(query)]


def ends_before(ledger: Ledger, key: BuildKey) -> list[BuildFinished]:
    """
    Read how the earlier attempts of a build ended, as far as is known.

    Raises:
        LedgerError: If the database fails.
    """
    columns = EVENTS.c
    query = select(columns.payload).where(
        columns.source == key.source,
        columns.repo == key.repo,
        columns.pipeline == key.pipeline,
        columns.build_id == key.build_id,
        columns.attempt < key.attempt,
        columns.kind == KIND_ORDER[BuildFinished],
    )
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        facts = [event_of(payload) for payload in connection.scalars(query)]
    return [fact for fact in facts if isinstance(fact, BuildFinished)]


def repositories(ledger: Ledger, source: str) -> list[str]:
    """
    Name the repositories of which builds of a provider are held.

    Raises:
        LedgerError: If the database fails.
    """
    query = select(EVENTS.c.repo).where(EVENTS.c.source == source).distinct()
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        return sorted(connection.scalars(query))


_KEY = ("source", "repo", "pipeline", "build_id", "attempt")


def _identity(fact: Event) -> Identity:
    key = fact.key
    kind = KIND_ORDER[type(fact)]
    return key.source, key.repo, key.pipeline, key.build_id, key.attempt, kind


def _held(
    ledger: Ledger, source: str, repo: str, pipeline: str, build_ids: Iterable[str]
) -> set[Identity]:
    """Read which facts of a pipeline's builds are there."""
    columns = EVENTS.c
    query = select(columns.build_id, columns.attempt, columns.kind).where(
        columns.source == source,
        columns.repo == repo,
        columns.pipeline == pipeline,
        columns.build_id.in_(build_ids),
    )
    with told(ledger.engine.url), ledger.engine.connect() as connection:
        return {
            (source, repo, pipeline, build_id, attempt, kind)
            for build_id, attempt, kind in connection.execute(query)
        }
