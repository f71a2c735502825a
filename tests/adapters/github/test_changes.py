"""What a commit changes, asked of GitHub's API, in time or not at all."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from breakcast.adapters.github.changes import FILES_READ, GitHubChanges
from breakcast.history.events import Change
from tests.adapters.github.asking import client_of
from tests.live.fake_github import Clock, FakeGitHub, in_turn, running

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
BASE, HEAD = "b" * 40, "a" * 40


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with running(FakeGitHub(Clock(NOON))) as github:
        yield github


def asked(
    github: FakeGitHub, *, sha: str = HEAD, pull: int | None, base_sha: str | None
) -> Change | None:
    with client_of(github) as client:
        changes = GitHubChanges(client, seconds=10)
        return changes.change("acme/shop", sha, pull=pull, base_sha=base_sha)


def files(count: int) -> list[dict[str, Any]]:
    return [
        {"filename": f"{n}.py", "status": "added", "additions": 2, "deletions": 1}
        for n in range(count)
    ]


def test_of_a_pull_request_all_files_are_told(github: FakeGitHub) -> None:
    github.files["pulls/7/files"] = files(250)

    change = asked(github, pull=7, base_sha=BASE)

    assert change is not None
    assert (change.files_added, change.lines_added, change.lines_deleted) == (
        250,
        500,
        250,
    )
    assert len(change.paths) == 250


def test_of_a_commit_with_a_base_the_comparison_is_told(github: FakeGitHub) -> None:
    github.files[f"compare/{BASE}...{HEAD}"] = {"files": files(3), "commits": []}

    change = asked(github, pull=None, base_sha=BASE)

    assert change is not None
    assert change.paths == ("0.py", "1.py", "2.py")


def test_of_a_commit_alone_its_own_files_are_told(github: FakeGitHub) -> None:
    github.files[f"commits/{HEAD}"] = {"sha": HEAD, "files": files(1)}

    change = asked(github, pull=None, base_sha=None)

    assert change == Change(1.0, 0.0, 0.0, 2.0, 1.0, ("0.py",))


def test_no_more_files_are_read_than_github_tells_of(github: FakeGitHub) -> None:
    github.files["pulls/7/files"] = files(FILES_READ + 500)

    change = asked(github, pull=7, base_sha=None)

    assert change is not None
    assert len(change.paths) == FILES_READ
    assert len(github.asked) == FILES_READ / 100


@pytest.mark.parametrize(
    "fault", ["403 primary", "403 secondary", "403 secondary, untold"]
)
def test_a_limit_is_not_waited_for(github: FakeGitHub, fault: str) -> None:
    github.files["pulls/7/files"] = files(1)
    github.trouble = in_turn(fault)

    assert asked(github, pull=7, base_sha=None) is None
    assert github.clock.slept == []


def test_what_github_does_not_know_is_not_known(github: FakeGitHub) -> None:
    assert asked(github, pull=None, base_sha=None) is None


@pytest.mark.parametrize("sha", ["main", "../../user", HEAD[:39], HEAD.upper(), ""])
def test_what_is_no_commit_is_not_asked_about(github: FakeGitHub, sha: str) -> None:
    assert asked(github, sha=sha, pull=None, base_sha=None) is None
    assert asked(github, pull=None, base_sha=sha or "x") is None
    assert github.asked == []
