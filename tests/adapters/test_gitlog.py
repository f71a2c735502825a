"""What a range of commits changes, asked of a real repository."""

import subprocess
from pathlib import Path

import pytest

from breakcast.adapters.gitlog import change_in
from breakcast.errors import BadInput


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "--quiet")
    (tmp_path / "kept.py").write_text("a\nb\n")
    (tmp_path / "gone.py").write_text("c\n")
    _commit(tmp_path)
    (tmp_path / "kept.py").write_text("a\nB\n")
    (tmp_path / "gone.py").unlink()
    (tmp_path / "new \t name;.bin").write_bytes(b"\0\1\2")
    _commit(tmp_path)
    return tmp_path


def test_files_lines_and_paths_are_counted(checkout: Path) -> None:
    change = change_in("HEAD~1..HEAD", checkout)

    assert (change.files_added, change.files_modified, change.files_deleted) == (
        1,
        1,
        1,
    )
    assert (change.lines_added, change.lines_deleted) == (1, 2)
    assert set(change.paths) == {"kept.py", "gone.py", "new \t name;.bin"}


def test_a_range_git_does_not_know_is_told(checkout: Path) -> None:
    with pytest.raises(BadInput, match="git does not know that range"):
        change_in("nowhere..HEAD", checkout)


def test_an_option_is_no_range(checkout: Path) -> None:
    with pytest.raises(BadInput, match="give a range of commits"):
        change_in("--output=stolen", checkout)


def _git(checkout: Path, *words: str) -> None:
    who = ("-c", "user.name=dev", "-c", "user.email=dev@example.org")
    subprocess.run(["git", *who, *words], cwd=checkout, check=True)  # noqa: S603, S607


def _commit(checkout: Path) -> None:
    _git(checkout, "add", "--all")
    _git(checkout, "commit", "--quiet", "--message", "a commit")
