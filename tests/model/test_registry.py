"""Versions are put once, and what answers is what was promoted."""

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from breakcast.blobs import BlobStore, FolderBlobs
from breakcast.errors import BundleError, RegistryError
from breakcast.model.bundle import load_bundle
from breakcast.model.bundlewriting import write_bundle
from breakcast.model.gateverdict import GateVerdict, at_least
from breakcast.model.manifest import FILES, MANIFEST, PICKLE, TREES, seal
from breakcast.model.promotions import Promotion
from breakcast.model.registry import DEFAULT_PREFIX, Registry
from tests.model.made_bundles import make_parts

AT = datetime(2026, 4, 1, 8, tzinfo=UTC)
VERDICT = GateVerdict(
    candidate="v1.1",
    champion="v1.0",
    at=AT,
    checks=(at_least("roc_auc", 0.9, 0.89),),
    reasons=("Better.",),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "written"
    write_bundle(make_parts(), folder)
    return folder


@pytest.fixture(scope="module")
def published(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with versions v1.0 to v1.3, none of them promoted."""
    folder = tmp_path_factory.mktemp("registry")
    registry = Registry(FolderBlobs(folder))
    for _ in range(4):
        registry.publish(written)
    return folder


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    """The versions' folder of a store of the test's own."""
    shutil.copytree(published, tmp_path / "store")
    return tmp_path / "store" / DEFAULT_PREFIX


@pytest.fixture
def registry(folder: Path) -> Registry:
    return Registry(FolderBlobs(folder.parents[1]))


class TestPublishing:
    def test_versions_count_up_from_nought(self, tmp_path: Path, written: Path) -> None:
        registry = Registry(FolderBlobs(tmp_path))

        versions = [registry.publish(written) for _ in range(3)]

        assert versions == registry.versions() == ["v1.0", "v1.1", "v1.2"]

    def test_the_tenth_comes_after_the_ninth(
        self, registry: Registry, folder: Path
    ) -> None:
        expected = [f"v1.{minor}" for minor in range(12)]
        for version in expected[4:]:
            shutil.copytree(folder / "v1.0", folder / version)

        assert registry.versions() == expected

    def test_a_major_has_minors_of_its_own(
        self, registry: Registry, written: Path
    ) -> None:
        assert registry.publish(written, major=2) == "v2.0"
        assert registry.publish(written) == "v1.4"
        assert registry.versions()[-2:] == ["v1.4", "v2.0"]

    def test_it_lies_where_kserve_looks_and_knows_its_version(
        self, folder: Path
    ) -> None:
        assert folder.parts[-2:] == ("predictor", "prod")
        assert load_bundle(folder / "v1.0").version == "v1.0"
        assert {path.name for path in (folder / "v1.0").iterdir()} == {*FILES, MANIFEST}

    def test_nothing_answers_by_it(self, registry: Registry) -> None:
        assert registry.current() is None
        assert registry.load_champion() is None

    def test_what_is_no_bundle_is_not_published(
        self, registry: Registry, written: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(written, tmp_path / "damaged")
        (tmp_path / "damaged" / PICKLE).write_bytes(b"")

        with pytest.raises(BundleError, match=r"model\.joblib has 0 bytes"):
            registry.publish(tmp_path / "damaged")
        assert registry.versions()[-1] == "v1.3"

    def test_an_upload_cut_short_is_invisible_and_its_number_is_gone(
        self, registry: Registry, folder: Path, written: Path
    ) -> None:
        (folder / "v1.3" / MANIFEST).unlink()

        assert registry.versions() == ["v1.0", "v1.1", "v1.2"]
        with pytest.raises(
            RegistryError, match=r"no version 'v1\.3'; there are v1\.0,"
        ):
            registry.load("v1.3")
        assert registry.publish(written) == "v1.4"

    @pytest.mark.parametrize("name", ["v1", "v1.x", "v01.1", "1.7", "v1.7.2", "v-1.0"])
    def test_other_folders_are_no_versions(
        self, registry: Registry, folder: Path, written: Path, name: str
    ) -> None:
        shutil.copytree(written, folder / name)

        assert registry.versions() == ["v1.0", "v1.1", "v1.2", "v1.3"]
        assert registry.publish(written) == "v1.4"

    def test_a_put_that_is_tried_again_finds_itself(self, written: Path) -> None:
        """S3's client repeats a put whose answer was lost; the first took effect."""
        blobs = _Stuttering(FolderBlobs(written.parent / "stuttering"))

        version = Registry(blobs).publish(written)

        # Whose the first file is cannot be told, so that number is left.
        assert version == "v1.1"
        assert Registry(blobs).versions() == ["v1.1"]
        assert Registry(blobs).load("v1.1").version == "v1.1"

    def test_a_file_somebody_else_put_is_not_overwritten(
        self, folder: Path, registry: Registry, written: Path
    ) -> None:
        (folder / "v1.4").mkdir()
        blobs = _Stuttering(FolderBlobs(folder.parents[1]), instead=b"theirs")

        with pytest.raises(RegistryError, match=r"v1\.5/model\.joblib was put by some"):
            Registry(blobs).publish(written)
        assert registry.versions()[-1] == "v1.3"

    @pytest.mark.slow
    def test_of_four_publishers_each_has_a_version(
        self, tmp_path: Path, written: Path
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(4, mp_context=spawn) as pool:
            versions = list(pool.map(_publish, [tmp_path] * 4, [written] * 4))

        registry = Registry(FolderBlobs(tmp_path))
        assert sorted(versions) == registry.versions()
        assert len(set(versions)) == 4
        assert [registry.load(version).version for version in versions] == versions


class TestDeciding:
    def test_the_first_promotion_is_the_whole_state(self, registry: Registry) -> None:
        entry = registry.promote(
            "v1.0", actor="ada", reason="because", at=AT, verdict=VERDICT
        )

        assert entry == registry.current()
        assert entry == Promotion(
            seq=1,
            at=AT,
            action="promote",
            champion="v1.0",
            challenger=None,
            manifests={"v1.0": registry.load("v1.0").manifest_sha256},
            actor="ada",
            reason="because",
            verdict=VERDICT,
        )

    def test_what_is_promoted_answers(self, registry: Registry) -> None:
        _promote(registry, "v1.1")

        champion = registry.load_champion()

        assert champion is not None
        assert champion.version == "v1.1"

    def test_to_promote_the_champion_changes_nothing(self, registry: Registry) -> None:
        first = _promote(registry, "v1.0")

        assert _promote(registry, "v1.0") == first == registry.current()

    def test_only_what_is_there_can_be_promoted(self, registry: Registry) -> None:
        with pytest.raises(RegistryError, match=r"no version 'v9\.9'; there are v1\.0"):
            _promote(registry, "v9.9")

    def test_an_empty_registry_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(RegistryError, match="there are none yet: publish one"):
            _promote(Registry(FolderBlobs(tmp_path)), "v1.0")

    def test_what_is_not_sound_is_not_promoted(
        self, registry: Registry, folder: Path
    ) -> None:
        (folder / "v1.0" / TREES).write_bytes(b"trees")

        with pytest.raises(BundleError, match=r"model\.treelite has 5 bytes"):
            _promote(registry, "v1.0")
        assert registry.current() is None

    def test_what_is_promoted_is_what_was_judged(
        self, registry: Registry, folder: Path
    ) -> None:
        judged = _manifest_sha256(registry, "v1.0")
        _swap(folder / "v1.0", folder / "v1.1")

        with pytest.raises(BundleError, match=f"{judged} was promoted"):
            _promote(registry, "v1.0", judged)
        assert registry.current() is None

    def test_a_challenger_is_promoted_as_it_shadowed(
        self, registry: Registry, folder: Path
    ) -> None:
        _promote(registry, "v1.0")
        shadowed = _shadow(registry, "v1.1")
        _swap(folder / "v1.1", folder / "v1.2")

        with pytest.raises(
            RegistryError, match=r"the v1\.1 in the log .*judge that one"
        ):
            _promote(registry, "v1.1")
        with pytest.raises(BundleError, match=f"{shadowed.manifests['v1.1']} was prom"):
            registry.promote("v1.1", actor="ada", reason="because", at=AT)

    @pytest.mark.parametrize(("actor", "reason"), [("", "why"), ("ada", " \n")])
    def test_somebody_decides_for_a_reason(
        self, registry: Registry, actor: str, reason: str
    ) -> None:
        with pytest.raises(RegistryError, match="say who decides, and why"):
            registry.promote("v1.0", actor=actor, reason=reason, at=AT)

    @pytest.mark.parametrize(
        "at",
        [
            AT.replace(tzinfo=None),
            AT.astimezone(timezone(timedelta(hours=5, minutes=30))),
        ],
    )
    def test_times_are_utc(self, registry: Registry, at: datetime) -> None:
        entry = registry.promote("v1.0", actor="ada", reason="because", at=at)

        assert entry.at.isoformat() == AT.isoformat()

    def test_a_challenger_shadows_until_it_is_discarded(
        self, registry: Registry
    ) -> None:
        _promote(registry, "v1.0")

        shadowed = _shadow(registry, "v1.1")
        discarded = _discard(registry)

        assert (shadowed.champion, shadowed.challenger) == ("v1.0", "v1.1")
        assert set(shadowed.manifests) == {"v1.0", "v1.1"}
        assert registry.load_promoted("v1.1", shadowed).version == "v1.1"
        assert (discarded.champion, discarded.challenger) == ("v1.0", None)
        assert set(discarded.manifests) == {"v1.0"}

    def test_to_do_it_twice_is_to_do_it_once(self, registry: Registry) -> None:
        _promote(registry, "v1.0")

        assert _shadow(registry, "v1.1") == _shadow(registry, "v1.1")
        assert _discard(registry) == _discard(registry)
        assert registry.current().seq == 3  # type: ignore[union-attr]

    def test_a_promoted_challenger_shadows_no_longer(self, registry: Registry) -> None:
        _promote(registry, "v1.0")
        _shadow(registry, "v1.1")

        entry = _promote(registry, "v1.1")

        assert (entry.champion, entry.challenger) == ("v1.1", None)

    def test_another_champion_leaves_the_challenger(self, registry: Registry) -> None:
        _promote(registry, "v1.0")
        _shadow(registry, "v1.1")

        entry = _promote(registry, "v1.2")

        assert (entry.champion, entry.challenger) == ("v1.2", "v1.1")

    def test_the_champion_cannot_shadow_itself(self, registry: Registry) -> None:
        _promote(registry, "v1.0")

        with pytest.raises(RegistryError, match=r"v1\.0 is the champion and cannot"):
            _shadow(registry, "v1.0")

    def test_without_a_champion_nothing_else_can_be_decided(
        self, registry: Registry
    ) -> None:
        for decide in (lambda r: _shadow(r, "v1.0"), _discard, _rollback):
            with pytest.raises(RegistryError, match="nothing was ever promoted"):
                decide(registry)

    def test_an_entry_vouches_for_its_own_versions_only(
        self, registry: Registry
    ) -> None:
        entry = _promote(registry, "v1.0")

        with pytest.raises(RegistryError, match=r"vouches for v1\.0, not for 'v1\.1'"):
            registry.load_promoted("v1.1", entry)


class TestRollback:
    def test_the_champion_before_answers_again(self, registry: Registry) -> None:
        first = _promote(registry, "v1.0")
        _promote(registry, "v1.1")

        entry = _rollback(registry)

        assert (entry.seq, entry.action, entry.champion) == (3, "rollback", "v1.0")
        assert entry.manifests == first.manifests
        assert registry.load_champion().version == "v1.0"  # type: ignore[union-attr]

    def test_each_rollback_undoes_one_promotion_more(self, registry: Registry) -> None:
        for version in ("v1.0", "v1.1", "v1.2"):
            _promote(registry, version)

        assert [_rollback(registry).champion for _ in range(2)] == ["v1.1", "v1.0"]
        with pytest.raises(RegistryError, match=r"v1\.0 was promoted first, so there"):
            _rollback(registry)

    def test_after_a_rollback_promotions_go_on(self, registry: Registry) -> None:
        for version in ("v1.0", "v1.1"):
            _promote(registry, version)
        _rollback(registry)
        _promote(registry, "v1.2")

        assert _rollback(registry).champion == "v1.0"

    def test_a_promotion_that_was_rolled_back_can_be_made_again(
        self, registry: Registry
    ) -> None:
        for version in ("v1.0", "v1.1"):
            _promote(registry, version)
        _rollback(registry)

        assert _promote(registry, "v1.1").champion == "v1.1"
        assert _rollback(registry).champion == "v1.0"

    def test_shadows_in_between_are_no_promotions(self, registry: Registry) -> None:
        _promote(registry, "v1.0")
        _shadow(registry, "v1.1")
        _promote(registry, "v1.1")
        _shadow(registry, "v1.2")

        entry = _rollback(registry)

        assert (entry.champion, entry.challenger) == ("v1.0", "v1.2")

    def test_a_challenger_that_answers_again_shadows_no_longer(
        self, registry: Registry
    ) -> None:
        _promote(registry, "v1.0")
        _promote(registry, "v1.1")
        _shadow(registry, "v1.0")

        assert _rollback(registry).challenger is None

    def test_the_first_champion_has_none_before_it(self, registry: Registry) -> None:
        _promote(registry, "v1.0")

        with pytest.raises(RegistryError, match=r"promote one of v1\.0, v1\.1"):
            _rollback(registry)

    def test_a_version_changed_since_does_not_answer_again(
        self, registry: Registry, folder: Path
    ) -> None:
        _promote(registry, "v1.0")
        _promote(registry, "v1.1")
        _swap(folder / "v1.0", folder / "v1.2")

        with pytest.raises(BundleError, match="was promoted; it has been changed"):
            _rollback(registry)


class TestTrust:
    @pytest.mark.parametrize("name", [*FILES, MANIFEST])
    def test_a_changed_file_is_refused(
        self, registry: Registry, folder: Path, name: str
    ) -> None:
        _promote(registry, "v1.0")
        with (folder / "v1.0" / name).open("ab") as file:
            file.write(b"\n")

        with pytest.raises(BundleError, match=f"{name} has "):
            registry.load_champion()

    @pytest.mark.parametrize("name", [*FILES, MANIFEST])
    def test_a_missing_file_is_refused(
        self, registry: Registry, folder: Path, name: str
    ) -> None:
        _promote(registry, "v1.0")
        (folder / "v1.0" / name).unlink()

        with pytest.raises(BundleError, match=f"{name} is missing"):
            registry.load_champion()

    def test_another_sound_bundle_in_its_place_is_refused(
        self, registry: Registry, folder: Path
    ) -> None:
        entry = _promote(registry, "v1.0")
        _swap(folder / "v1.0", folder / "v1.1")
        found = seal((folder / "v1.0" / MANIFEST).read_bytes()).sha256

        with pytest.raises(
            BundleError, match=f"{found}, {entry.manifests['v1.0']} was promoted"
        ):
            registry.load_champion()

    def test_a_version_copied_to_anothers_place_is_refused(
        self, registry: Registry, folder: Path
    ) -> None:
        _swap(folder / "v1.0", folder / "v1.1")

        with pytest.raises(RegistryError, match=r"v1\.0 holds a bundle that says"):
            registry.load("v1.0")


class _Stuttering:
    """
    A store whose every put happens, or somebody else's does, and then fails.

    The first put is left to its caller, who cannot know whose it was.
    """

    def __init__(self, blobs: BlobStore, instead: bytes | None = None) -> None:
        self._blobs = blobs
        self._instead = instead
        self._puts = 0

    def get(self, key: str) -> bytes:
        return self._blobs.get(key)

    def keys(self, prefix: str = "") -> list[str]:
        return self._blobs.keys(prefix)

    def put_new(self, key: str, blob: bytes) -> None:
        self._puts += 1
        # The second try at a version's first file succeeds at once.
        is_claim = self._puts == 2
        self._blobs.put_new(key, blob if is_claim else self._instead or blob)
        if not is_claim:
            raise FileExistsError(key)


def _promote(
    registry: Registry, version: str, manifest_sha256: str | None = None
) -> Promotion:
    return registry.promote(
        version,
        actor="ada",
        reason="because",
        at=AT,
        manifest_sha256=manifest_sha256 or _manifest_sha256(registry, version),
    )


def _shadow(registry: Registry, version: str) -> Promotion:
    return registry.shadow(
        version,
        actor="ada",
        reason="because",
        at=AT,
        manifest_sha256=_manifest_sha256(registry, version),
    )


def _manifest_sha256(registry: Registry, version: str) -> str | None:
    """Vouch for a version as it lies there; what is vouched for loads quickly."""
    try:
        blob = registry.blobs.get(f"{DEFAULT_PREFIX}/{version}/{MANIFEST}")
    except FileNotFoundError:
        return None
    return seal(blob).sha256


def _discard(registry: Registry) -> Promotion:
    return registry.discard(actor="ada", reason="because", at=AT)


def _rollback(registry: Registry) -> Promotion:
    return registry.rollback(actor="ada", reason="because", at=AT)


def _publish(folder: Path, written: Path) -> str:
    return Registry(FolderBlobs(folder)).publish(written)


def _swap(version: Path, other: Path) -> None:
    """Put another version's files in a version's place."""
    shutil.rmtree(version)
    shutil.copytree(other, version)
