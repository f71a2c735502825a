"""A worker that is killed, again and again: each build is answered once."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from breakcast import wiring
from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.features.catalog import Catalog
from breakcast.features.records import all_records
from breakcast.features.state import FeatureState
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Outcome,
    PredictionShown,
)
from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger, Receipt
from breakcast.serving.journal import read_journal
from breakcast.settings import Settings
from tests.serving.made_servers import bundle_folder
from tests.serving.served import wait_for

pytestmark = pytest.mark.slow

BUILDS = 120
KILLED_AT = (20, 70)


class Workplace:
    """A home with a champion, a ledger that facts come into, and workers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = Settings(home=home)
        registry = wiring.open_registry(self.settings)
        version = registry.publish(bundle_folder())
        registry.promote(version, actor="test", reason="test", at=wiring.now())
        self.ledger = Ledger.open(self.settings.ledger_place)
        self.store = home / "records.db"

    def start(self) -> "subprocess.Popen[bytes]":
        command = Path(sys.executable).with_name("breakcast")
        return subprocess.Popen(  # noqa: S603 - our own command
            [command, "worker", "--store", str(self.store)],
            env=os.environ | {"BREAKCAST_HOME": str(self.home), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def build(self, number: int) -> None:
        now = wiring.now()
        key = BuildKey("github", f"org{number % 3}/shop", "ci.yml", str(number))
        build = Build(key, branch="main", event="push", commit_sha=f"c{number}")
        end = Outcome.FAILED if number % 4 else Outcome.PASSED
        facts = [
            BuildStarted(build, occurred_at=now),
            BuildFinished(key, end, occurred_at=now),
        ]
        for fact in facts:
            assert self.ledger.receive([Receipt([fact], now)]) == [1]

    def shown(self) -> Counter[str]:
        return Counter(
            fact.key.build_id
            for fact in self.ledger
            if isinstance(fact, PredictionShown)
        )

    def is_published(self) -> bool:
        """Whether the store holds what a clean replay comes to, and no more."""
        catalog = wiring.open_registry(self.settings).load_champion()
        assert catalog is not None
        store = SqliteStore(self.store)
        try:
            return all(
                _is_same(store, catalog.catalog, self.ledger, organisation)
                for organisation in self.ledger.organisations()
            )
        finally:
            store.close()


def _is_same(
    store: SqliteStore, catalog: Catalog, ledger: Ledger, organisation: str
) -> bool:
    state = FeatureState(catalog)
    for fact in ledger.events(organisation):
        state.observe(fact)
    state.settle()
    state.memory.watch()
    for kind, named in all_records(state, organisation).items():
        published = store.read({kind: list(named)})[kind]
        if {n: r.record for n, r in published.items()} != {
            n: r.record for n, r in named.items()
        }:
            return False
    return True


def test_every_build_is_answered_once_and_the_records_are_a_replays(
    tmp_path: Path,
) -> None:
    place = Workplace(tmp_path / "home")
    worker = place.start()
    try:
        for number in range(BUILDS):
            place.build(number)
            if number in KILLED_AT:
                # In the middle of its work, as far as can be told from outside.
                wait_for(_answered(place, number), "an answer")
                place.build(BUILDS + number)
                worker.kill()
                worker.wait()
                worker = place.start()
        builds = BUILDS + len(KILLED_AT)
        wait_for(lambda: len(place.shown()) == builds, "every answer")
        wait_for(place.is_published, "the records")
    finally:
        worker.terminate()
        worker.wait()

    entries = list(read_journal(JournalTable(place.ledger)))
    assert set(place.shown().values()) == {1}
    assert Counter(entry.key.build_id for entry in entries) == place.shown()
    place.ledger.close()


def _answered(place: Workplace, number: int) -> Callable[[], bool]:
    return lambda: str(number) in place.shown()
