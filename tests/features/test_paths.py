"""Paths and their directories are remembered for about a month."""

from math import isnan

import pytest

from breakcast.features.paths import LOOKED_UP, path_keys
from breakcast.history.events import Build, Change
from tests.features.timeline import DAY, GREEN, RED, Timeline, at, key_of


def change_of(*paths: str) -> Change:
    """Change files by name."""
    return Change(paths=paths)


def test_a_path_fades_by_half_in_a_month() -> None:
    story = Timeline().build("1", 0, 10, RED, change=change_of("a.py"))

    asked = story.asked(10 + 30 * DAY, change=change_of("a.py"))

    assert asked["path.known_most"] == 0.5
    wanted = (0.5 + 0.1) / (0.5 + 0.5)
    assert asked["path.red_ratio_highest"] == pytest.approx(wanted)


def test_files_beside_a_red_one_are_known_by_their_directory() -> None:
    story = Timeline().build("1", 0, 10, RED, change=change_of("lib/a.py"))

    asked = story.asked(20, change=change_of("lib/b.py", "README.md"))

    assert asked["path.new"] == 1
    assert isnan(asked["path.red_ratio_mean"])
    assert asked["directory.new"] == 0.5
    assert asked["directory.last_failed"] == 0.5


def test_a_path_named_twice_counts_once() -> None:
    story = Timeline().build("1", 0, 10, RED, change=change_of("a.py", "a.py"))

    asked = story.asked(10.001, change=change_of("a.py", "b.py", "b.py"))

    assert round(asked["path.known_most"], 4) == 1
    assert asked["path.new"] == 0.5


def test_repositories_do_not_share_paths() -> None:
    story = Timeline().build("1", 0, 10, RED, change=change_of("a.py"))

    asked = story.asked(20, repo="acme/other", change=change_of("a.py"))

    assert asked["path.new"] == asked["directory.new"] == 1


def test_directories_are_looked_up_beyond_the_first_32_files() -> None:
    paths = (*(f"lib/{n}.py" for n in range(50)), "src/a.py")

    files, directories = path_keys("acme/shop", paths)

    assert len(files) == LOOKED_UP
    assert len(directories) == 2


def test_a_thousand_paths_teach_no_more_than_32() -> None:
    paths = [f"d{n}/{n}.py" for n in range(1_000)]
    state = Timeline().build("1", 0, 10, GREEN, change=change_of(*paths)).state()
    state.row(Build(key_of("asked")), at(20))

    # Two more are the organisation's and the repository's last hour.
    assert len(state.memory.tallies) == 2 * LOOKED_UP + 2
