"""Whatever order things happen in, what is published is what a clean replay says."""

import logging
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.features.columns import catalog_of
from breakcast.features.records import all_records
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
from breakcast.history.ledger import Ledger
from breakcast.live import folding
from breakcast.live.worker import LEASE_SECONDS, Worker
from tests.live.shop import Shop

NUMBERS = st.integers(0, 9)
REPOS = ("acme/shop", "acme/other")
ACTIONS = st.one_of(
    st.tuples(st.just("start"), NUMBERS, st.integers(0, 1)),
    st.tuples(st.just("finish"), NUMBERS, st.integers(0, 1)),
    st.tuples(st.just("change"), NUMBERS, st.integers(0, 1)),
    st.tuples(st.just("import"), NUMBERS, st.integers(0, 60)),
    st.tuples(st.just("passes"), st.just(0), st.sampled_from([0, 1, 3])),
    st.tuples(st.just("step"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("kill"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("close"), st.integers(0, 1), st.just(0)),
)


class Story:
    """A shop whose workers come and go while facts come in."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.count = 0
        self.imported = 0
        self.workers = [self.hired(), self.hired()]

    def hired(self) -> Worker:
        self.count += 1
        return self.shop.worker(f"w{self.count}")

    def does(self, what: str, number: int, more: int) -> None:
        match what:
            case "passes":
                self.shop.clock.passes(more)
            case "step":
                self.workers[number].step()
            case "kill":
                self.workers[number] = self.hired()
            case "close":
                self.workers[number].close()
                self.workers[number] = self.hired()
            case "import":
                self.imported += 1
                self.shop.ledger.append(self.past(number, more))
            case _:
                self.shop.receive(self.told(what, number, REPOS[more]))

    def told(self, what: str, number: int, repo: str) -> Event:
        now = self.shop.clock.now
        key = BuildKey("github", repo, "ci.yml", str(number))
        if what == "finish":
            outcome = Outcome.FAILED if number % 3 else Outcome.PASSED
            return BuildFinished(key, outcome, occurred_at=now)
        change = Change(lines_added=float(number), paths=(f"src/{number % 4}.py",))
        if what == "change":
            return ChangeSeen(key, change, occurred_at=now)
        return BuildStarted(
            Build(
                key,
                branch=("main", "fix", None)[number % 3],
                commit_sha=f"c{number // 2}",
                parent_build_id=str(number - 1),
                change=change if number % 2 else None,
            ),
            occurred_at=now,
        )

    def past(self, number: int, seconds_ago: int) -> list[Event]:
        """A build that began a while ago, or the late start of one that is known."""
        start = self.told("start", number, REPOS[0])
        assert isinstance(start, BuildStarted)
        name = str(number) if number % 2 else f"old{self.imported}"
        key = BuildKey("github", REPOS[0], "ci.yml", name)
        at = self.shop.clock.now - timedelta(seconds=seconds_ago)
        build = Build(key, branch=start.build.branch)
        return [
            BuildStarted(build, occurred_at=at),
            BuildFinished(key, Outcome.FAILED, occurred_at=at),
        ]

    def comes_to_rest(self) -> None:
        self.workers = [self.hired()]
        self.shop.clock.passes(LEASE_SECONDS + 1)
        for _ in range(3):
            self.workers[0].step()
            self.shop.clock.passes(2)


def published(store: SqliteStore) -> dict[tuple[str, str], bytes]:
    """All records in a store that say something."""
    rows = store._connection().execute("SELECT name, record FROM records")  # noqa: SLF001
    found = {}
    for name, record in rows:
        kind, _, key = name.partition("\x1f")
        if record and key.startswith("acme\x1f") and kind != "heads":
            found[kind, key] = bare(kind, record)
    return found


def bare(kind: str, record: bytes) -> bytes:
    """A record without what is named beside it only to be read sooner."""
    if kind != "nodes":
        return record
    return msgspec.msgpack.encode(msgspec.msgpack.decode(record)[0])


def replayed(ledger: Ledger) -> dict[tuple[str, str], bytes]:
    """All records of a clean replay."""
    state = FeatureState(catalog_of())
    for fact in ledger.events("acme"):
        state.observe(fact)
    state.settle()
    state.memory.watch()
    return {
        (kind, name): bare(kind, stored.record)
        for kind, named in all_records(state, "acme").items()
        for name, stored in named.items()
    }


@pytest.fixture(autouse=True)
def often_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """States are saved after a few facts, so that many are gone back to."""
    monkeypatch.setattr(folding, "SNAPSHOT_FACTS", 4)
    monkeypatch.setattr(logging.getLogger("breakcast.publishing"), "disabled", True)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(ACTIONS, min_size=5, max_size=60))
def test_what_is_published_is_what_a_clean_replay_says(
    actions: list[tuple[str, int, int]],
) -> None:
    with TemporaryDirectory() as folder, Ledger.temporary() as ledger:
        store = SqliteStore(Path(folder) / "records.db")
        shop = Shop(ledger, store)
        shop.models = None
        story = Story(shop)
        for action in actions:
            story.does(*action)
        story.comes_to_rest()

        assert published(store) == replayed(ledger)
        store.close()
