"""No two things share a record."""

from breakcast.features.keys import keys_of
from breakcast.history.events import Build, BuildKey
from tests.features.timeline import GREEN, RED, Timeline, key_of


def test_a_repository_named_organisation_has_records_of_its_own() -> None:
    story = Timeline().build("1", 0, 10, RED, repo="organisation")
    story.build("2", 0, 10, GREEN, repo="organisation/other")

    asked = story.asked(20, repo="organisation")

    assert asked["repository.known_ever"] == 1
    assert asked["organisation.known_ever"] == 2


def test_all_of_a_builds_records_have_names_of_their_own() -> None:
    build = Build(key_of("1"), branch="main", event="push", author="9f")
    keys = keys_of(build)

    assert len(set(keys.tracks)) == 7
    assert keys.learning == keys.tracks


def test_only_builds_of_the_main_branch_teach_the_trunk() -> None:
    keys = keys_of(Build(key_of("1"), branch="fix"))

    assert keys.tracks[-1] not in keys.learning
    assert keys.tracks[-1] is not None


def test_an_author_is_known_across_the_repositories_of_an_organisation() -> None:
    one, other = (
        keys_of(Build(BuildKey("test", repo, "ci", "1"), author="9f"))
        for repo in ("acme/shop", "acme/tools")
    )

    assert set(one.tracks) & set(other.tracks) == {one.tracks[0], one.tracks[5]}
