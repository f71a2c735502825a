"""A ledger that live facts come into, a store, and workers on them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from breakcast.adapters.sqlitestore import SqliteStore
from breakcast.errors import StoreError
from breakcast.features.records import read_row
from breakcast.features.state import FeatureState
from breakcast.features.store import Named, RecordStore
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Event,
    Outcome,
)
from breakcast.history.ledger import Ledger, Receipt
from breakcast.live.answers import AnswerKeeper
from breakcast.live.changes import ChangeFinder
from breakcast.live.publishing import Publisher
from breakcast.live.worker import Worker
from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Models
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
