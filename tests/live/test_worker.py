"""Workers follow the ledger: states, records and answers, whatever happens to them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.errors import BadInput, StoreError
from breakcast.features.columns import catalog_of
from breakcast.features.feed import Feed
from breakcast.features.packing import packed
from breakcast.features.records import read_row, shard_key
from breakcast.features.state import FeatureState
from breakcast.features.store import PULSES, Named, RecordStore, shard_of
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Cause,
    CauseSettled,
    Change,
    ChangeSeen,
    Event,
    Outcome,
    PredictionShown,
)
from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger, Receipt
from breakcast.history.ledgerschema import EVENTS
from breakcast.live.answers import AnswerKeeper
from breakcast.live.changes import ChangeFinder
from breakcast.live.publishing import Publisher
from breakcast.live.worker import LEASE_SECONDS, Worker
from breakcast.serving.journal import read_journal
from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Models
from breakcast.serving.storedrows import StoredRows
from tests.serving.made_servers import made_bundle

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Shown:
    """Remembers what was shown."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, bool]] = []
        self.predictions: list[Prediction] = []

    def show(self, prediction: Prediction, *, is_refined: bool) -> None:
        self.answers.append((prediction.key.build_id, is_refined))
        self.predictions.append(prediction)


class Clock:
    """Tells the time it is set to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Away:
    """A store that is out of reach until it is not."""

    def __init__(self, store: RecordStore) -> None:
        self.store = store
        self.is_away = True

    def read(self, wanted: Mapping[str, Sequence[str]]) -> Named:
        return self._reached().read(wanted)

    def write(self, changed: Named) -> None:
        self._reached().write(changed)

    def close(self) -> None:
        self.store.close()

    def _reached(self) -> RecordStore:
        if self.is_away:
            message = "away"
            raise StoreError(message)
        return self.store


class Shop:
    """A ledger that live facts come into, and workers on it."""

    def __init__(self, ledger: Ledger, store: SqliteStore) -> None:
        self.ledger = ledger
        self.store = store
        self.clock = Clock()
        self.shown = Shown()
        self.models: Models | None = Models(made_bundle())

    def worker(
        self,
        name: str = "one",
        *,
        changes: ChangeFinder | None = None,
        store: RecordStore | None = None,
    ) -> Worker:
        return Worker(
            self.ledger,
            name,
            keeper=AnswerKeeper(self.ledger, self.shown),
            models=lambda: self.models,
            publisher=Publisher(store or self.store),
            changes=changes,
            now=self.clock,
        )

    def receive(self, *facts: Event) -> None:
        outcomes = self.ledger.receive(
            [Receipt([fact], self.clock.now) for fact in facts]
        )
        assert not [one for one in outcomes if isinstance(one, Exception)]

    def start(self, build_id: str, repo: str = "acme/shop", **about: object) -> None:
        build = Build(
            BuildKey("github", repo, "ci.yml", build_id),
            branch="main",
            event="push",
            commit_sha=f"c{build_id}",
            **about,  # type: ignore[arg-type]
        )
        self.receive(BuildStarted(build, occurred_at=self.clock.now))

    def finish(
        self,
        build_id: str,
        outcome: Outcome = Outcome.PASSED,
        repo: str = "acme/shop",
        attempt: int = 1,
    ) -> None:
        key = BuildKey("github", repo, "ci.yml", build_id, attempt)
        self.receive(BuildFinished(key, outcome, occurred_at=self.clock.now))

    def is_as_replayed(self, organisation: str = "acme") -> bool:
        """Whether the records published say what a clean replay says."""
        catalog = made_bundle().catalog
        state = FeatureState(catalog)
        for event in self.ledger.events(organisation):
            state.observe(event)
        later = self.clock.now + timedelta(hours=1)
        for repo in ("shop", "other"):
            build = Build(
                BuildKey("github", f"{organisation}/{repo}", "ci.yml", "asked"),
                branch="main",
                event="push",
                commit_sha="c3",
            )
            published = read_row(self.store, catalog, build, later).row
            if published.tobytes() != state.row(build, later).tobytes():
                return False
        return True


@pytest.fixture
def shop(place: str | Path, tmp_path: Path) -> Iterator[Shop]:
    store = SqliteStore(tmp_path / "records.db")
    with Ledger.open(place) as ledger:
        yield Shop(ledger, store)
    store.close()


def test_a_build_that_starts_is_answered_and_journalled_once(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    for _ in range(3):
        worker.step()

    assert shop.shown.answers == [("1", False)]
    (entry,) = read_journal(JournalTable(shop.ledger))
    assert entry.key.build_id == "1"
    assert [type(fact) for fact in shop.ledger] == [BuildStarted, PredictionShown]


def test_the_answer_is_what_a_replay_with_received_times_says(shop: Shop) -> None:
    worker = shop.worker()
    for number in range(40):
        shop.start(str(number))
        worker.step()
        shop.clock.passes(20)
        shop.finish(str(number), Outcome.FAILED if number % 3 else Outcome.PASSED)
        worker.step()
        shop.clock.passes(40)

    feed = Feed(FeatureState(made_bundle().catalog))
    replayed = [asked for fact in shop.ledger if (asked := feed.take(fact))]
    entries = list(read_journal(JournalTable(shop.ledger)))
    assert len(entries) == 40
    for entry, asked in zip(entries, replayed, strict=True):
        assert entry.features == asked.row.tobytes()
        assert entry.as_of == asked.as_of
    assert shop.is_as_replayed()


def test_what_was_imported_is_learnt_and_not_answered(shop: Shop) -> None:
    key = BuildKey("github", "acme/shop", "ci.yml", "old")
    shop.ledger.append([BuildStarted(Build(key), occurred_at=NOON)])

    shop.worker().step()

    assert not shop.shown.answers
    assert shop.is_as_replayed()


def test_a_build_that_started_long_ago_is_not_answered(shop: Shop) -> None:
    shop.start("1")
    shop.clock.passes(600)

    shop.worker().step()

    assert not shop.shown.answers


def test_without_a_model_states_are_kept_all_the_same(shop: Shop) -> None:
    shop.models = None
    shop.start("1")

    assert shop.worker().step() == 1
    assert not shop.shown.answers


class Knows:
    """Knows what every commit changes."""

    def __init__(self, change: Change | None) -> None:
        self.known = change
        self.asked: list[str] = []

    def change(
        self, repo: str, sha: str, *, pull: int | None, base_sha: str | None
    ) -> Change | None:
        del repo, pull, base_sha
        self.asked.append(sha)
        return self.known


def test_a_change_that_is_found_refines_the_answer(shop: Shop) -> None:
    change = Change(lines_added=40.0, paths=("src/a.py",))
    source = Knows(change)
    finder = ChangeFinder(shop.ledger, {"github": source}, shop.clock)
    worker = shop.worker(changes=finder)
    shop.start("1")
    worker.step()
    shop.clock.passes(2)
    finder.close()
    worker.step()

    assert source.asked == ["c1"]
    assert [fact.change for fact in shop.ledger if isinstance(fact, ChangeSeen)] == [
        change
    ]
    assert shop.shown.answers == [("1", False), ("1", True)]
    first, refined = read_journal(JournalTable(shop.ledger))
    column = made_bundle().catalog.column("change.lines_added")
    assert first.vector()[column] != first.vector()[column]
    assert refined.vector()[column] == 40
    assert (first.is_first_shown, refined.is_first_shown) == (True, False)


def test_a_change_nobody_knows_leaves_the_answer_as_it_is(shop: Shop) -> None:
    finder = ChangeFinder(shop.ledger, {"github": Knows(None)}, shop.clock)
    finder.find(
        Build(BuildKey("github", "acme/shop", "ci.yml", "1"), commit_sha="c1"),
        lambda _: None,
    )
    finder.close()

    assert not list(shop.ledger)


def test_a_worker_that_starts_anew_goes_on_where_it_was(shop: Shop) -> None:
    first = shop.worker("one")
    for number in range(10):
        shop.start(str(number))
        shop.finish(str(number), Outcome.FAILED)
    first.step()
    first.close()
    shop.clock.passes(1)

    second = shop.worker("two")
    shop.start("10")
    second.step()

    assert shop.shown.answers == [(str(number), False) for number in range(11)]
    assert shop.is_as_replayed()


def test_a_worker_that_dies_is_replaced_when_its_lease_ends(shop: Shop) -> None:
    shop.worker("dead").step()
    other = shop.worker("other")
    shop.start("1")
    other.step()
    assert not shop.shown.answers

    shop.clock.passes(LEASE_SECONDS + 1)
    other.step()

    assert shop.shown.answers == [("1", False)]


def test_a_worker_whose_lease_is_over_can_write_nothing(shop: Shop) -> None:
    zombie = shop.worker("zombie")
    shop.start("1")
    zombie.step()
    # It sleeps for so long that another takes over.
    shop.clock.passes(LEASE_SECONDS + 1)
    shop.worker("heir").step()
    shop.clock.now -= timedelta(seconds=LEASE_SECONDS + 1)
    shop.start("2")

    zombie.step()

    assert shop.shown.answers == [("1", False)]


def test_two_workers_share_the_organisations(shop: Shop) -> None:
    workers = [shop.worker(name) for name in ("one", "two")]
    organisations = [f"org{number}" for number in range(12)]
    for _ in range(4):
        for worker in workers:
            worker.step()
        shop.clock.passes(4)
    for organisation in organisations:
        shop.start("1", repo=f"{organisation}/shop")

    counts = [worker.step() for worker in workers]

    assert sum(counts) == 12
    assert counts[1] == sum(shard_of(name) % 2 for name in organisations)
    assert sorted(shop.shown.answers) == [("1", False)] * 12


def test_a_late_fact_is_learnt_in_its_place(shop: Shop) -> None:
    worker = shop.worker()
    for number in range(30):
        shop.start(str(number))
        shop.clock.passes(10)
        shop.finish(str(number), Outcome.FAILED)
        worker.step()
    key = BuildKey("github", "acme/other", "ci.yml", "late")
    at = NOON + timedelta(seconds=35)
    shop.ledger.append(
        [
            BuildStarted(Build(key, branch="main"), occurred_at=at),
            BuildFinished(key, Outcome.FAILED, occurred_at=at + timedelta(seconds=9)),
        ]
    )

    worker.step()

    assert shop.is_as_replayed()
    assert len(shop.shown.answers) == 30


def test_a_late_fact_is_learnt_from_the_last_snapshot_before_it(shop: Shop) -> None:
    for number in range(30):
        shop.start(str(number))
        shop.clock.passes(10)
        shop.finish(str(number), Outcome.FAILED)
        if number % 5 == 0:
            worker = shop.worker()
            worker.step()
            worker.close()
    at = NOON + timedelta(seconds=215)
    key = BuildKey("github", "acme/other", "ci.yml", "late")
    shop.ledger.append([BuildStarted(Build(key, branch="main"), occurred_at=at)])

    shop.worker("late").step()

    assert shop.is_as_replayed()


def test_what_a_late_fact_changes_is_newer_than_what_any_worker_published(
    shop: Shop,
) -> None:
    first = shop.worker("one")
    shop.start("1")
    shop.finish("1", Outcome.FAILED)
    first.step()
    first.close()
    name = "acme\x1facme/shop"
    before = shop.store.read({"tracks": [name]})["tracks"][name]
    key = BuildKey("github", "acme/shop", "ci.yml", "late")
    early = NOON - timedelta(hours=1)
    shop.ledger.append([BuildStarted(Build(key), occurred_at=early)])
    shop.clock.passes(1)

    shop.worker("two").step()

    after = shop.store.read({"tracks": [name]})["tracks"][name]
    assert after.record != before.record
    assert after.stamp > before.stamp
    assert shop.is_as_replayed()


def test_a_store_that_lost_its_records_is_filled_again(
    shop: Shop,
) -> None:
    worker = shop.worker()
    shop.start("1")
    shop.finish("1", Outcome.FAILED)
    worker.step()
    with shop.store._connection() as connection:  # noqa: SLF001 - as a restarted Redis does
        connection.execute("DELETE FROM records")
    shop.clock.passes(2)

    worker.step()

    assert shop.is_as_replayed()


def test_a_store_that_lost_its_records_between_pulses_is_filled_again(
    shop: Shop,
) -> None:
    worker = shop.worker()
    shop.start("1")
    shop.start("2", repo="acme/other")
    worker.step()
    with shop.store._connection() as connection:  # noqa: SLF001 - as a restarted Redis does
        connection.execute("DELETE FROM records")
    shop.clock.passes(0.1)
    shop.finish("1", Outcome.FAILED)
    worker.step()
    assert not shop.is_as_replayed()
    shop.clock.passes(2)

    worker.step()

    assert shop.is_as_replayed()


def test_what_cannot_be_read_keeps_no_other_organisation_waiting(shop: Shop) -> None:
    worker = shop.worker()
    worker.step()
    shop.start("1", repo="broken/shop")
    with shop.ledger.engine.begin() as connection:
        connection.execute(update(EVENTS).values(payload=b"\xc1"))
    shop.start("2")
    shop.clock.passes(2)

    assert worker.step() == 1

    assert shop.shown.answers == [("2", False)]
    names = [
        shard_key(shard_of(one), made_bundle().catalog) for one in ("acme", "broken")
    ]
    pulses = shop.store.read({PULSES: names})[PULSES]
    assert pulses[names[0]].stamp > pulses[names[1]].stamp


def test_what_could_not_be_published_is_published_later(shop: Shop) -> None:
    away = Away(shop.store)
    worker = shop.worker(store=away)
    shop.start("1")
    worker.step()
    shop.clock.passes(5)
    shop.finish("1", Outcome.FAILED)
    worker.step()
    away.is_away = False
    shop.clock.passes(5)

    worker.step()

    assert shop.shown.answers == [("1", False)]
    assert shop.is_as_replayed()


def test_a_green_attempt_says_that_the_red_one_before_was_flaky(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    shop.finish("1", Outcome.FAILED)
    worker.step()
    shop.finish("1", Outcome.PASSED, attempt=2)

    worker.step()

    causes = [fact for fact in shop.ledger if isinstance(fact, CauseSettled)]
    assert [(fact.key.attempt, fact.cause) for fact in causes] == [(1, Cause.FLAKY)]


def test_a_state_is_not_kept_before_its_records_are(shop: Shop) -> None:
    away = Away(shop.store)
    away.is_away = False
    worker = shop.worker(store=away)
    shop.start("1")
    worker.step()
    shop.clock.passes(2)
    away.is_away = True
    shop.finish("1", Outcome.FAILED)
    worker.step()
    worker.close()
    away.is_away = False
    shop.clock.passes(2)

    shop.worker("two").step()

    assert shop.is_as_replayed()


def test_a_store_that_was_set_back_is_filled_again(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    worker.step()
    connection = shop.store._connection()  # noqa: SLF001 - as a backup does
    copy = connection.execute("SELECT * FROM records").fetchall()
    shop.clock.passes(2)
    shop.finish("1", Outcome.FAILED)
    worker.step()
    connection.execute("DELETE FROM records")
    connection.executemany("INSERT INTO records VALUES (?, ?, ?)", copy)
    shop.clock.passes(2)

    worker.step()

    assert shop.is_as_replayed()


def test_late_facts_around_a_killed_worker_are_published(shop: Shop) -> None:
    def late(number: int) -> None:
        key = BuildKey("github", "acme/shop", "ci.yml", f"late{number}")
        build = Build(key, branch="old")
        at = NOON - timedelta(minutes=number)
        shop.ledger.append([BuildStarted(build, occurred_at=at)])

    first = shop.worker("one")
    shop.start("1")
    shop.finish("1", Outcome.FAILED)
    first.step()
    late(1)
    shop.clock.passes(2)
    first.step()
    late(2)
    shop.clock.passes(LEASE_SECONDS + 1)

    shop.worker("two").step()

    assert shop.is_as_replayed()


def test_a_start_that_comes_after_its_end_moves_what_the_end_taught(shop: Shop) -> None:
    shop.finish("0", Outcome.FAILED)
    first = shop.worker("one")
    first.step()
    first.close()
    shop.clock.passes(10)
    at = shop.clock.now
    worker = shop.worker("two")
    shop.clock.passes(10)
    shop.finish("1", Outcome.FAILED)
    worker.step()
    key = BuildKey("github", "acme/shop", "ci.yml", "1")
    shop.ledger.append([BuildStarted(Build(key, branch="main"), occurred_at=at)])
    shop.clock.passes(2)

    worker.step()

    nowhere = "acme\x1facme/shop\x1fci.yml\x1fbranch\x1f"
    state = FeatureState(made_bundle().catalog)
    for fact in shop.ledger.events("acme"):
        state.observe(fact)
    state.settle()
    held = shop.store.read({"tracks": [nowhere]})["tracks"][nowhere].record
    assert held == packed(state.memory.tracks[nowhere.removeprefix("acme\x1f")])
    assert shop.is_as_replayed()


def test_a_refined_answer_is_given_once_whatever_happens_afterwards(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    worker.step()
    worker.close()
    shop.clock.passes(1)
    # A clean restart in between loses nothing.
    worker = shop.worker("two")
    worker.step()
    key = BuildKey("github", "acme/shop", "ci.yml", "1")
    change = Change(lines_added=3.0)
    shop.receive(ChangeSeen(key, change, occurred_at=shop.clock.now))
    worker.step()
    shop.clock.passes(LEASE_SECONDS + 1)
    shop.worker("three").step()
    early = NOON - timedelta(days=1)
    old = BuildKey("github", "acme/shop", "ci.yml", "old")
    shop.ledger.append([BuildStarted(Build(old), occurred_at=early)])

    shop.worker("three").step()

    assert shop.shown.answers == [("1", False), ("1", True)]


def test_what_was_kept_is_shown_though_another_answer_failed(shop: Shop) -> None:
    keeper = AnswerKeeper(shop.ledger, shop.shown)
    shop.start("1")
    shop.worker().step()
    (said,) = shop.shown.predictions
    other = replace(said, key=replace(said.key, build_id="2"))
    broken = replace(said, key=replace(said.key, build_id="3" * 3_000))

    with pytest.raises(BadInput):
        keeper.keep([(broken, False), (other, False)], NOON, lambda _: None)

    assert [build_id for build_id, _ in shop.shown.answers] == ["1", "2"]


def test_the_highest_attempt_there_may_be_takes_no_time(shop: Shop) -> None:
    worker = shop.worker()
    shop.start("1")
    shop.finish("1", Outcome.FAILED, attempt=7)
    shop.finish("1", Outcome.PASSED, attempt=2**31 - 1)

    worker.step()

    causes = [fact for fact in shop.ledger if isinstance(fact, CauseSettled)]
    assert [fact.key.attempt for fact in causes] == [7]


def test_a_lost_shard_is_lost_for_all_its_organisations(shop: Shop) -> None:
    same = next(
        name
        for name in (f"org{number}" for number in range(1_000))
        if shard_of(name) == shard_of("acme")
    )
    zombie = shop.worker("zombie")
    for repo in ("acme/shop", f"{same}/shop"):
        shop.start("1", repo=repo)
    zombie.step()
    shop.clock.passes(LEASE_SECONDS + 1)
    shop.worker("heir").step()
    shop.clock.now -= timedelta(seconds=LEASE_SECONDS + 1)
    for repo in ("acme/shop", f"{same}/shop"):
        shop.start("2", repo=repo)

    assert zombie.step() == 0
    zombie.close()

    assert len(shop.shown.answers) == 2


def test_leases_are_renewed_while_a_step_takes_long(shop: Shop) -> None:
    worker, other = shop.worker("one"), shop.worker("other")
    worker.step()
    for _ in range(5):
        shop.clock.passes(LEASE_SECONDS / 2)
        worker.renew()
        other.step()
    shop.start("1", repo="org1/shop")

    worker.step()
    other.step()

    assert shop.shown.answers == [("1", False)]


def test_rows_of_a_catalog_that_no_worker_publishes_are_out_of_reach(
    shop: Shop,
) -> None:
    shop.start("1")
    shop.worker().step()
    other = catalog_of(signals=("sloc",), code_state=("sloc",))
    rows = StoredRows(shop.store, timedelta(seconds=30), waits=False)
    rows.follow([other, made_bundle().catalog])
    build = Build(BuildKey("github", "acme/shop", "ci.yml", "asked"))

    assert rows.row(build, other.hash, shop.clock.now) is None
    assert rows.row(build, made_bundle().catalog.hash, shop.clock.now) is not None
    shop.clock.passes(60)
    known = rows.row(build, made_bundle().catalog.hash, shop.clock.now)
    assert known is not None
    assert known.is_stale
