"""What commits changed, read from a real mirror with names that strangers gave."""

import os
import subprocess
from pathlib import Path

import pytest

from breakcast.adapters import gitmirror
from breakcast.adapters.gitlog import change_in
from breakcast.adapters.gitmirror import GitMirror, GitMirrors
from breakcast.errors import BadInput
from breakcast.history.events import Change

HOSTILE = "-rf \t:100644\nnew 'name';.py"


class Made:
    """A checkout and its mirror, with a history of its own."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.mirror = folder / "mirrors" / "acme" / "shop.git"
        self.checkout.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        (self.checkout / "kept.py").write_text("a\nb\n")
        (self.checkout / "gone.py").write_text("c\n")
        self.first = self.commit()
        (self.checkout / "kept.py").write_text("a\nB\n")
        (self.checkout / "gone.py").unlink()
        (self.checkout / HOSTILE).write_bytes(b"\0\1\2")
        self.second = self.commit()
        self.git("checkout", "--quiet", "-b", "side", self.first)
        (self.checkout / os.fsdecode(b"\xff.txt")).write_text("one\n")
        self.side = self.commit()
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", "--no-ff", "--message", "both", "side")
        self.merge = self.head()
        self.git("commit", "--quiet", "--allow-empty", "--message", "nothing")
        self.empty = self.head()
        self.git("clone", "--quiet", "--mirror", ".", str(self.mirror))

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=dev", "-c", "user.email=dev@example.org")
        done = subprocess.run(  # noqa: S603
            ["git", *who, *words],  # noqa: S607
            cwd=self.checkout,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a commit")
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("git"))


def test_all_commits_are_read_in_one_go(made: Made) -> None:
    commits = {made.first, made.second, made.side, made.merge, made.empty}
    told = GitMirror(made.mirror).changes({*commits, "0" * 40, "main", "--all"})

    assert dict(told) == {
        made.first: Change(2.0, 0.0, 0.0, 3.0, 0.0, ("gone.py", "kept.py")),
        made.second: Change(1.0, 1.0, 1.0, 1.0, 2.0, (HOSTILE, "gone.py", "kept.py")),
        made.side: Change(1.0, 0.0, 0.0, 1.0, 0.0, ("\ufffd.txt",)),
        # What a merge brings to the branch it goes into.
        made.merge: Change(1.0, 0.0, 0.0, 1.0, 0.0, ("\ufffd.txt",)),
        made.empty: Change(0.0, 0.0, 0.0, 0.0, 0.0, ()),
    }


def test_it_says_the_same_as_the_checkout(made: Made) -> None:
    told = GitMirror(made.mirror).changes({made.second})[made.second]

    assert told == change_in(f"{made.first}..{made.second}", made.checkout)


def test_many_commits_do_not_stop_up_the_pipe(made: Made) -> None:
    """More is asked than a pipe holds, and more is answered."""
    absent = {f"{number:040x}" for number in range(20_000)}

    assert set(GitMirror(made.mirror).changes({made.first, *absent})) == {made.first}


def test_no_more_paths_are_kept_than_asked_for_and_all_are_counted(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitmirror, "PATHS_KEPT", 2)

    change = GitMirror(made.mirror).changes({made.second})[made.second]

    assert len(change.paths) == 2
    assert (change.files_added, change.files_modified, change.files_deleted) == (
        1,
        1,
        1,
    )


def test_when_time_is_up_what_is_whole_is_told(made: Made) -> None:
    told = GitMirror(made.mirror, seconds=0.0).changes({made.first, made.second})

    complete = GitMirror(made.mirror).changes({made.first, made.second})
    assert told.items() <= complete.items()


def test_a_mirror_tells_of_a_commit_and_of_a_pull_request_with_its_base(
    made: Made,
) -> None:
    mirrors = GitMirrors(made.mirror.parent.parent, seconds=10)

    def change(sha: str, pull: int | None, base_sha: str | None) -> Change | None:
        return mirrors.change("acme/shop", sha, pull=pull, base_sha=base_sha)

    # Since the branch left main, whatever main has done meanwhile.
    assert change(made.side, 7, made.second) == Change(
        1.0, 0.0, 0.0, 1.0, 0.0, ("\ufffd.txt",)
    )
    assert change(made.side, None, None) == change(made.side, None, made.first)
    assert change(made.side, 7, None) is None
    assert change("0" * 40, None, None) is None
    assert change("0" * 40, None, made.first) is None
    assert change("--output=stolen", None, made.first) is None


@pytest.mark.parametrize("repo", ["acme/other", "../mirrors/acme/shop", "acme", "-c/x"])
def test_where_there_is_no_mirror_nothing_is_known(made: Made, repo: str) -> None:
    mirrors = GitMirrors(made.mirror.parent.parent, seconds=10)

    assert mirrors.change(repo, made.first, pull=None, base_sha=None) is None


def test_a_folder_inside_a_repository_is_no_mirror(made: Made) -> None:
    """Git would look for one further up, and find one that was not meant."""
    inside = made.checkout / "inside"
    inside.mkdir()

    with pytest.raises(BadInput, match=r"inside is no mirror: .*git clone --mirror"):
        GitMirror(inside)


def test_a_variable_for_another_repository_does_not_count(
    made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path))

    assert made.first in GitMirror(made.mirror).changes({made.first})


def test_where_there_is_no_git_that_is_told(
    made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BadInput, match="git is not installed"):
        GitMirror(made.mirror)
