"""One history, two ways: replayed with received times, and delivered one by one."""

from pathlib import Path

import httpx
import msgspec
import pytest

from breakcast import wiring
from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.features.feed import Feed
from breakcast.features.records import all_records
from breakcast.features.state import FeatureState
from breakcast.features.table import build_table
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import (
    BuildKey,
    Change,
    Event,
)
from breakcast.history.importing import import_builds
from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger
from breakcast.live.answers import AnswerKeeper
from breakcast.live.changes import ChangeFinder
from breakcast.live.publishing import Publisher
from breakcast.live.worker import Worker
from breakcast.serving.journal import JournalEntry, read_journal
from breakcast.serving.predictor import Models
from tests.live.deliveries import SECRET, as_if_now, signed
from tests.live.shop import Shown
from tests.serving.made_servers import bundle_folder, made_bundle
from tests.serving.served import serving

pytestmark = pytest.mark.slow

PUSHED_EVERY = 3
"""So often a build's push names its files."""


class NoOne:
    """Knows of no commit's change; what pushes say counts."""

    def change(
        self, repo: str, sha: str, *, pull: int | None, base_sha: str | None
    ) -> Change | None:
        del repo, sha, pull, base_sha


@pytest.fixture
def facts(shared_data: Path) -> list[Event]:
    with Ledger.temporary() as ledger:
        import_builds(ledger, read_builds(shared_data / "github_actions.parquet"))
        return list(ledger)


def test_a_history_delivered_one_by_one_is_answered_as_it_is_replayed(
    facts: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "BREAKCAST_GITHUB_SECRETS", msgspec.json.encode([SECRET]).decode()
    )
    home = tmp_path / "home"
    store = SqliteStore(tmp_path / "records.db")
    with (
        serving("--model-dir", str(bundle_folder()), home=home) as server,
        Ledger.open(home / "ledger.db") as ledger,
        httpx.Client(base_url=server.url) as client,
    ):
        finder = ChangeFinder(ledger, {"github": NoOne()}, wiring.now)
        shown = Shown()
        worker = Worker(
            ledger,
            "one",
            keeper=AnswerKeeper(ledger, shown),
            models=lambda: Models(made_bundle()),
            publisher=Publisher(store),
            changes=finder,
            now=wiring.now,
        )
        told = as_if_now(facts, pushed_every=PUSHED_EVERY)
        for number, (event, body) in enumerate(told):
            answer = client.post(
                "/webhooks/github", content=body, headers=signed(body, event)
            )
            assert answer.json() == {"status": "accepted"}
            if number % 40 == 0:
                worker.step()
        finder_is_done(worker, finder)

        entries = list(read_journal(JournalTable(ledger)))
        compared_with_replay(entries, ledger)
        compared_with_table(entries, ledger)
        compared_with_store(ledger, store)
    store.close()


def finder_is_done(worker: Worker, finder: ChangeFinder) -> None:
    """Let the worker learn what is still on its way."""
    worker.step()
    finder.close()
    while worker.step():
        pass


def compared_with_replay(entries: list[JournalEntry], ledger: Ledger) -> None:
    """Every answer, refined ones too, is from the vector that a replay reads."""
    catalog = made_bundle().catalog
    replayed = {}
    for organisation in ledger.organisations():
        feed = Feed(FeatureState(catalog))
        for fact in ledger.events(organisation):
            asked = feed.take(fact)
            if asked is not None:
                replayed[fact.key, asked.is_refined] = asked
    answered: dict[tuple[BuildKey, bool], JournalEntry] = {}
    for entry in entries:
        answered[entry.key, (entry.key, False) in answered] = entry
    assert answered.keys() == replayed.keys()
    assert sum(is_refined for _, is_refined in answered) > 150
    for which, entry in answered.items():
        assert entry.features == replayed[which].row.tobytes(), which
        assert entry.as_of == replayed[which].as_of


def compared_with_table(entries: list[JournalEntry], ledger: Ledger) -> None:
    """The last answer to a build is from the vector that training learns by."""
    table = build_table(ledger, made_bundle().catalog)
    last = {entry.key.build_id: entry.features for entry in entries}
    assert len(table) == len(last) > 2_000
    for build_id, row in zip(table.build_ids, table.rows, strict=True):
        assert last[str(build_id)] == row.tobytes()


def compared_with_store(ledger: Ledger, store: SqliteStore) -> None:
    """What is published is what a clean replay comes to, record by record."""
    compared = 0
    for organisation in ledger.organisations():
        state = FeatureState(made_bundle().catalog)
        for fact in ledger.events(organisation):
            state.observe(fact)
        state.settle()
        state.memory.watch()
        for kind, named in all_records(state, organisation).items():
            published = store.read({kind: list(named)})[kind]
            assert {name: one.record for name, one in published.items()} == {
                name: one.record for name, one in named.items()
            }
            compared += len(named)
    assert compared > 2_000
