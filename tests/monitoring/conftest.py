"""A ledger in each kind of database, and answers about its builds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Outcome,
)
from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger, Receipt
from breakcast.serving.journal import JournalEntry, row_of
from breakcast.serving.prediction import Scored
from tests.history.conftest import place

__all__ = ["place", "story"]

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def minute(number: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=number)


class Story:
    """Builds start, are asked about and end; times are minutes after noon."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def starts(
        self, build_id: str, at: float, *, commit: str = "c1", attempt: int = 1
    ) -> None:
        key = BuildKey("github", "acme/shop", "ci.yml", build_id, attempt)
        build = Build(key, branch="main", commit_sha=commit)
        self._receive(BuildStarted(build, occurred_at=minute(at)), at)

    def ends(
        self, build_id: str, at: float, outcome: str = "passed", attempt: int = 1
    ) -> None:
        key = BuildKey("github", "acme/shop", "ci.yml", build_id, attempt)
        self._receive(BuildFinished(key, Outcome(outcome), occurred_at=minute(at)), at)

    def says(
        self,
        probability: float,
        at: float,
        build_id: str = "",
        *,
        commit: str = "c1",
        attempt: int = 1,
        repo: str = "acme/shop",
        version: str = "v1.0",
        flags: tuple[str, ...] = (),
        features: bytes = b"",
    ) -> None:
        entry = JournalEntry(
            key=BuildKey("github", repo, "ci.yml", build_id, attempt),
            commit_sha=commit,
            as_of=minute(at),
            features=features,
            catalog_hash="",
            probability=probability,
            champion=Scored(version=version, logit=0.0, probability=probability),
            flags=flags,
        )
        JournalTable(self.ledger).add([row_of(entry)])

    def _receive(self, fact: BuildStarted | BuildFinished, at: float) -> None:
        (outcome,) = self.ledger.receive([Receipt([fact], minute(at))])
        assert not isinstance(outcome, Exception)


@pytest.fixture
def story(place: str) -> Iterator[Story]:
    with Ledger.open(place) as ledger:
        yield Story(ledger)
