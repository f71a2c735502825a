"""A candidate is trained, judged and promoted once, however often and by whomever."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from breakcast.blobs import BlobStore, FolderBlobs, blob_store
from breakcast.errors import RegistryError
from breakcast.features.table import Table
from breakcast.history.ledger import Ledger
from breakcast.model.judge import Terms, read_table
from breakcast.model.promotions import Promotion
from breakcast.model.registry import DEFAULT_PREFIX, Registry
from breakcast.retraining.steps import Renewal
from breakcast.retraining.tolerances import Tolerances
from breakcast.retraining.window import judged_in, lacks, newest_window, settled_until
from tests.retraining.made_renewals import (
    DAYS,
    SMALL,
    TAUGHT_DAYS,
    at,
    made_history,
    publish,
    with_champion,
)

TURNS_ON = 33
NIGHT = at(DAYS)


@dataclass
class Shop:
    """A ledger, and a registry with a champion that was taught by its first days."""

    ledger: Ledger
    folder: Path

    @property
    def registry(self) -> Registry:
        return Registry(blob_store(self.folder))

    def renewal(self, **more: object) -> Renewal:
        renewal = Renewal(
            ledger=self.ledger,
            registry=self.registry,
            terms=Terms(),
            tolerances=Tolerances(),
            recipe=SMALL,
        )
        return replace(renewal, **more)  # type: ignore[arg-type] - as Renewal takes

    def current(self) -> Promotion:
        entry = self.registry.current()
        assert entry is not None
        return entry


def _made(folder: Path, turns_on: float) -> Path:
    with Ledger.open(folder / "ledger.db") as ledger:
        registry = Registry(blob_store(folder / "registry"))
        with_champion(ledger, registry, made_history(turns_on))
    return folder


@pytest.fixture(scope="module")
def turned_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _made(tmp_path_factory.mktemp("turned"), TURNS_ON)


@pytest.fixture(scope="module")
def same_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _made(tmp_path_factory.mktemp("same"), float("inf"))


@pytest.fixture
def turned(turned_once: Path, tmp_path: Path) -> Iterator[Shop]:
    """What builds fail by has changed since the champion was taught."""
    yield from _copied(turned_once, tmp_path)


@pytest.fixture
def same(same_once: Path, tmp_path: Path) -> Iterator[Shop]:
    """Nothing has changed."""
    yield from _copied(same_once, tmp_path)


def _copied(made: Path, folder: Path) -> Iterator[Shop]:
    shutil.copytree(made, folder / "shop")
    with Ledger.open(folder / "shop" / "ledger.db") as ledger:
        yield Shop(ledger, folder / "shop" / "registry")


class TestRetrain:
    def test_the_newest_outcomes_are_kept_from_the_candidate(
        self, turned: Shop
    ) -> None:
        renewal = turned.renewal()

        found = renewal.retrain(renewal.plan(NIGHT))

        assert found.candidate == "v1.1"
        assert found.held_out >= Tolerances().builds
        manifest = turned.registry.load("v1.1").manifest
        assert manifest.taught_before == found.taught_before
        assert found.taught_before is not None
        assert manifest.known_until < found.taught_before
        assert manifest.window.last_at < found.taught_before
        assert manifest.created_at == NIGHT

    def test_done_again_it_is_the_same_version(self, turned: Shop) -> None:
        renewal = turned.renewal()
        plan = renewal.plan(NIGHT)

        first = renewal.retrain(plan)
        again = turned.renewal().retrain(plan)

        assert first == again
        assert turned.registry.versions() == ["v1.0", "v1.1"]

    @pytest.mark.parametrize("puts", [0, 3, 8])
    def test_killed_while_it_publishes_it_leaves_nothing_that_answers(
        self, turned: Shop, puts: int
    ) -> None:
        plan = turned.renewal().plan(NIGHT)
        dying = Registry(Dying(turned.folder, puts))

        with pytest.raises(Killed):
            turned.renewal(registry=dying).retrain(plan)
        found = turned.renewal().retrain(plan)

        assert turned.registry.versions() == ["v1.0", found.candidate]

    def test_with_little_that_is_new_there_is_nothing_to_do(self, same: Shop) -> None:
        """The champion was taught by nearly all there is."""
        publish(same.registry, _table(same), at(DAYS - 2))
        same.registry.promote("v1.1", actor="test", reason="newer", at=NIGHT)
        renewal = same.renewal()

        found = renewal.retrain(renewal.plan(NIGHT))

        assert found.candidate is None
        assert "outcomes are new to all that are judged; it takes 1000" in found.why

    def test_a_trial_is_ended_before_the_next_begins(self, turned: Shop) -> None:
        publish(turned.registry, _table(turned), at(TAUGHT_DAYS + 1))
        turned.registry.shadow("v1.1", actor="test", reason="to see", at=NIGHT)
        renewal = turned.renewal(mode="shadow")

        found = renewal.retrain(renewal.plan(NIGHT))

        assert (found.candidate, found.why.split()[0]) == (None, "v1.1")

    def test_an_empty_ledger_has_nothing_to_teach(self, tmp_path: Path) -> None:
        with Ledger.open(tmp_path / "ledger.db") as ledger:
            renewal = Shop(ledger, tmp_path / "registry").renewal()

            found = renewal.retrain(renewal.plan(NIGHT))

        assert (found.candidate, found.why.split()[0]) == (None, "0")


class TestDeploy:
    def test_a_better_one_answers_and_the_former_champion_shadows_it(
        self, turned: Shop
    ) -> None:
        renewal = turned.renewal()
        plan = renewal.plan(NIGHT)
        candidate = renewal.retrain(plan).candidate
        assert candidate is not None

        found = renewal.deploy(candidate, plan)

        entry = turned.current()
        assert (found.action, found.seq) == ("promote", entry.seq)
        assert (entry.champion, entry.challenger) == (candidate, "v1.0")
        assert entry.verdict == found.verdict
        assert entry.actor == "renewal"
        assert turned.registry.is_former(entry)
        loaded = turned.registry.load_champion()
        assert loaded is not None
        assert loaded.version == candidate

    def test_it_is_judged_on_outcomes_that_are_new_to_both(self, turned: Shop) -> None:
        renewal = turned.renewal()
        plan = renewal.plan(NIGHT)
        found = renewal.retrain(plan)
        assert found.candidate is not None

        verdict = renewal.deploy(found.candidate, plan).verdict

        (judged,) = [one for one in verdict.checks if one.name == "builds judged"]
        assert judged.value == found.held_out

    def test_who_was_taught_by_the_window_is_not_judged_on_it(
        self, turned: Shop
    ) -> None:
        """Somebody trained on everything, and asks the gate to let it pass."""
        version = publish(turned.registry, _table(turned), NIGHT)
        renewal = turned.renewal()

        found = renewal.deploy(version, renewal.plan(NIGHT))

        assert found.action == "refuse"
        assert "builds judged: 0" in found.why

    def test_done_again_it_promotes_once(self, turned: Shop) -> None:
        renewal = turned.renewal()
        plan = renewal.plan(NIGHT)
        candidate = renewal.retrain(plan).candidate
        assert candidate is not None

        first = renewal.deploy(candidate, plan)
        again = turned.renewal().deploy(candidate, plan)

        assert first == again
        assert turned.current().seq == 2
        assert len(turned.registry.verdicts(candidate)) == 1

    def test_in_shadow_mode_it_is_scored_unseen_first(self, turned: Shop) -> None:
        renewal = turned.renewal(mode="shadow")
        plan = renewal.plan(NIGHT)
        candidate = renewal.retrain(plan).candidate
        assert candidate is not None

        found = renewal.deploy(candidate, plan)

        entry = turned.current()
        assert found.action == "shadow"
        assert (entry.champion, entry.challenger) == ("v1.0", candidate)
        assert not turned.registry.is_former(entry)

    def test_one_that_is_no_better_is_refused_and_the_verdict_kept(
        self, same: Shop
    ) -> None:
        renewal = same.renewal()
        plan = renewal.plan(NIGHT)
        candidate = renewal.retrain(plan).candidate
        assert candidate is not None

        found = renewal.deploy(candidate, plan)

        assert found.action == "refuse"
        assert same.current().champion == "v1.0"
        assert same.registry.verdicts(candidate) == [found.verdict]
        folder = same.folder / DEFAULT_PREFIX / "verdicts" / candidate
        written = sorted(path.suffix for path in folder.iterdir())
        assert written == [".json", ".md"]
        page = next(folder.glob("*.md")).read_text(encoding="utf-8")
        assert page == found.verdict.markdown() + "\n"

    def test_what_was_decided_meanwhile_is_not_undone(self, turned: Shop) -> None:
        renewal = turned.renewal()
        plan = renewal.plan(NIGHT)
        candidate = renewal.retrain(plan).candidate
        assert candidate is not None
        other = publish(turned.registry, _table(turned), at(TAUGHT_DAYS + 1))
        turned.registry.promote(other, actor="ada", reason="by hand", at=NIGHT)

        with pytest.raises(RegistryError, match="ada has decided since"):
            renewal.deploy(candidate, plan)
        assert turned.current().champion == other

    def test_a_champion_this_code_cannot_load_is_replaced(self, turned: Shop) -> None:
        """After an upgrade its columns may be others; the parrot is still there."""
        path = turned.folder / DEFAULT_PREFIX / "v1.0" / "manifest.json"
        manifest = json.loads(path.read_bytes())
        path.write_text(json.dumps(manifest | {"format": 1}))
        renewal = turned.renewal()
        plan = renewal.plan(NIGHT)
        candidate = renewal.retrain(plan).candidate
        assert candidate is not None

        found = renewal.deploy(candidate, plan)

        assert found.verdict.champion is None
        assert "v1.0 answers, and cannot be loaded" in found.verdict.reasons[-1]

    def test_the_first_model_of_all_answers_if_it_beats_the_parrot(
        self, same: Shop, tmp_path: Path
    ) -> None:
        renewal = Shop(same.ledger, tmp_path / "empty").renewal(mode="shadow")
        plan = renewal.plan(NIGHT)
        candidate = renewal.retrain(plan).candidate
        assert candidate == "v1.0"

        found = renewal.deploy(candidate, plan)

        assert (found.action, found.seq) == ("promote", 1), found.why


class TestWindow:
    def test_builds_that_started_lately_wait_until_others_like_them_have_ended(
        self, same: Shop
    ) -> None:
        table = _table(same)

        ends_at = settled_until(table)

        assert ends_at == pytest.approx(table.known_at.max() - 8 * 60)
        window = newest_window(table, 0.0, Tolerances())
        assert table.started_at[judged_in(table, window)].max() <= ends_at

    def test_it_reaches_back_as_many_days_as_it_takes(self, same: Shop) -> None:
        table = _table(same)
        week = Tolerances(days=10)

        window = newest_window(table, 0.0, week)

        assert lacks(table, window, week) is None
        days = (window.ends_at - window.starts_at) / 86_400
        assert 9.9 < days <= 10.0

    def test_what_lacks_is_said(self, same: Shop) -> None:
        table = _table(same)
        many = Tolerances(builds=100_000)
        long = Tolerances(days=90)

        few = lacks(table, newest_window(table, 0.0, many), many)
        short = lacks(table, newest_window(table, 0.0, long), long)

        assert few is not None
        assert "it takes 100000" in few
        assert short is not None
        assert "it takes 90" in short


class Killed(BaseException):
    """The process ends here."""


class Dying:
    """A registry's folder under a process that is killed after so many puts."""

    def __init__(self, folder: Path, puts: int) -> None:
        self._blobs: BlobStore = FolderBlobs(folder)
        self._puts = puts

    def get(self, key: str) -> bytes:
        return self._blobs.get(key)

    def keys(self, prefix: str = "") -> list[str]:
        return self._blobs.keys(prefix)

    def put_new(self, key: str, blob: bytes) -> None:
        if not self._puts:
            raise Killed
        self._puts -= 1
        self._blobs.put_new(key, blob)


def _table(shop: Shop) -> Table:
    return read_table(shop.ledger)
