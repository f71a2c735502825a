"""What the ledger holds of some builds, on every database."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Outcome,
)
from breakcast.history.held import missing, unfinished
from breakcast.history.ledger import Ledger

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REPO = "acme/shop"


def test_a_fact_is_missing_only_if_no_version_of_it_is_held(ledger: Ledger) -> None:
    start = BuildStarted(occurred_at=NOW, build=Build(_key(1)))
    other = replace(start, build=Build(_key(1), branch="main"))
    end = BuildFinished(occurred_at=NOW, key=_key(1), outcome=Outcome.PASSED)
    again = replace(start, build=Build(replace(_key(1), attempt=2)))
    ledger.append([start])

    assert missing(ledger, [other, end, again]) == [end, again]
    assert missing(ledger, []) == []


def test_attempts_that_have_not_ended_are_found_by_repository(ledger: Ledger) -> None:
    keys = [_key(number) for number in range(4)]
    elsewhere = replace(_key(9), repo="acme/other")
    ledger.append(
        BuildStarted(occurred_at=NOW + n * HOUR, build=Build(key))
        for n, key in enumerate([*keys, elsewhere])
    )
    ledger.append([BuildFinished(occurred_at=NOW, key=keys[2], outcome=Outcome.NONE)])

    def found(limit: int) -> list[BuildKey]:
        return unfinished(ledger, "github", REPO, known_after=NOW, limit=limit)

    assert found(9) == [keys[1], keys[3]]
    assert found(1) == [keys[1]]


def _key(number: int) -> BuildKey:
    pipeline = "ci.yml" if number % 2 == 0 else "lint.yml"
    return BuildKey("github", REPO, pipeline, str(number))
