"""Which models answer: the floor, the log, and what is refused."""

import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from breakcast.blobs import blob_store
from breakcast.errors import BundleError, NotReady
from breakcast.model.registry import Registry
from breakcast.serving.following import RETRY_LOOKS, Follower, PromotedModels
from tests.serving.made_servers import MadeServer, bundle_folder
from tests.serving.served import wait_for

AT = datetime(2026, 3, 1, tzinfo=UTC)
REFUSED = 'breakcast_refused_swaps_total{model="m"}'


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Three versions; nothing is promoted yet."""
    registry = Registry(blob_store(tmp_path / "registry"))
    for _ in range(3):
        registry.publish(bundle_folder())
    return registry


def promote(registry: Registry, version: str) -> None:
    registry.promote(version, actor="test", reason="to see", at=AT)


def spoil(registry: Registry, version: str, file: str = "model.treelite") -> None:
    """Change one byte of a version's file, behind the registry's back."""
    folder = registry.blobs.folder  # type: ignore[attr-defined] - a folder's store
    path = folder / "predictor" / "prod" / version / file
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    path.unlink()
    path.write_bytes(blob)


def promoted(registry: Registry, server: MadeServer) -> PromotedModels:
    return PromotedModels(registry, server.metrics.refused_swap)


def follower(
    server: MadeServer, floor: Path | None, registry: Registry | None
) -> Follower:
    return Follower(
        server.predictor,
        server.metrics,
        floor=floor,
        promoted=None if registry is None else promoted(registry, server),
        states=server.states,
        poll_seconds=0.02,
    )


class TestPromotedModels:
    """What the log says."""

    def test_nothing_is_promoted_yet(self, registry: Registry) -> None:
        assert promoted(registry, MadeServer()).look(None) is None

    def test_a_promotion_is_found_once(self, registry: Registry) -> None:
        looking = promoted(registry, MadeServer())
        promote(registry, "v1.0")

        found = looking.look(None)

        assert found is not None
        assert found.champion.version == "v1.0"
        assert looking.look(found) is None

    def test_a_challenger_comes_beside_the_champion_which_is_not_loaded_again(
        self, registry: Registry
    ) -> None:
        looking = promoted(registry, MadeServer())
        promote(registry, "v1.0")
        first = looking.look(None)
        registry.shadow("v1.1", actor="test", reason="to see", at=AT)

        second = looking.look(first)

        assert first is not None
        assert second is not None
        assert second.champion is first.champion
        assert second.challenger is not None
        assert second.challenger.version == "v1.1"

    def test_a_rollback_is_a_promotion_too(self, registry: Registry) -> None:
        looking = promoted(registry, MadeServer())
        promote(registry, "v1.0")
        promote(registry, "v1.1")
        held = looking.look(None)
        registry.rollback(actor="test", reason="to see", at=AT)

        found = looking.look(held)

        assert found is not None
        assert found.champion.version == "v1.0"

    @pytest.mark.parametrize(
        "file", ["model.treelite", "calibration.json", "catalog.json", "manifest.json"]
    )
    def test_a_bundle_of_which_a_byte_is_amiss_is_refused_and_counted(
        self, registry: Registry, file: str
    ) -> None:
        server = MadeServer()
        looking = promoted(registry, server)
        promote(registry, "v1.0")
        held = looking.look(None)
        promote(registry, "v1.1")
        spoil(registry, "v1.1", file)

        with pytest.raises(BundleError):
            looking.look(held)

        assert server.counted()[REFUSED] == 1

    def test_what_was_refused_is_not_tried_again_at_once_but_later(
        self, registry: Registry
    ) -> None:
        server = MadeServer()
        looking = promoted(registry, server)
        promote(registry, "v1.0")
        spoil(registry, "v1.0")
        with pytest.raises(BundleError):
            looking.look(None)

        for _ in range(RETRY_LOOKS):
            assert looking.look(None) is None
        with pytest.raises(BundleError):
            looking.look(None)
        promote(registry, "v1.1")
        found = looking.look(None)

        assert server.counted()[REFUSED] == 2
        assert found is not None
        assert found.champion.version == "v1.1"

    def test_a_challenger_that_is_refused_does_not_keep_the_champion_away(
        self, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        server = MadeServer()
        looking = promoted(registry, server)
        promote(registry, "v1.0")
        registry.shadow("v1.1", actor="test", reason="to see", at=AT)
        spoil(registry, "v1.1")

        found = looking.look(None)

        assert found is not None
        assert found.champion.version == "v1.0"
        assert found.challenger is None
        assert "challenger v1.1 is refused" in caplog.text
        assert server.counted()[REFUSED] == 1


class TestFollower:
    """What answers, as time goes by."""

    def test_the_floor_answers_at_once(self) -> None:
        server = MadeServer(is_loaded=False)
        following = follower(server, bundle_folder(), None)

        following.start()
        try:
            assert server.predictor.models().champion.version == "v0.0"
            wait_for(lambda: following.is_ready, "the follower")
        finally:
            following.close()

    def test_a_floor_that_is_not_sound_ends_a_server_that_has_nothing_else(
        self, tmp_path: Path
    ) -> None:
        server = MadeServer(is_loaded=False)
        broken = tmp_path / "broken"
        shutil.copytree(bundle_folder(), broken)
        (broken / "prior.json").write_text("{}", encoding="utf-8")

        with pytest.raises(BundleError, match=r"prior\.json"):
            follower(server, broken, None).start()

        assert server.counted()[REFUSED] == 1

    def test_the_log_is_above_the_floor_even_one_that_is_not_sound(
        self, registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        server = MadeServer(is_loaded=False)
        promote(registry, "v1.0")
        following = follower(server, tmp_path / "no-such-folder", registry)

        following.start()
        try:
            wait_for(lambda: following.is_ready, "the promoted model")
            assert server.predictor.models().champion.version == "v1.0"
        finally:
            following.close()
        assert "is refused: there is no folder" in caplog.text

    def test_promotions_are_followed_and_a_bad_one_changes_nothing(
        self, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        server = MadeServer(is_loaded=False)
        following = follower(server, bundle_folder(), registry)

        def answers(version: str) -> bool:
            return server.predictor.models().champion.version == version

        with caplog.at_level(logging.INFO):
            following.start()
            try:
                promote(registry, "v1.0")
                wait_for(lambda: answers("v1.0"), "v1.0")
                promote(registry, "v1.1")
                spoil(registry, "v1.1")
                wait_for(lambda: "cannot be followed" in caplog.text, "the refusal")
                assert answers("v1.0")
                promote(registry, "v1.2")
                wait_for(lambda: answers("v1.2"), "v1.2")
            finally:
                following.close()
        assert "models cannot be followed, what is there stays: model.treelite" in (
            caplog.text
        )
        assert caplog.text.count("cannot be followed") == 1
        assert "models can be followed again" in caplog.text

    def test_without_any_model_it_is_not_ready_and_goes_on_looking(
        self, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        server = MadeServer(is_loaded=False)
        following = follower(server, None, registry)

        following.start()
        try:
            assert not following.is_ready
            wait_for(lambda: "no version was promoted yet" in caplog.text, "a word")
            with pytest.raises(NotReady):
                server.predictor.models()
            promote(registry, "v1.0")
            wait_for(lambda: following.is_ready, "the first promotion")
        finally:
            following.close()
