"""`breakcast backfill github`: the past into the ledger, told in a line or two."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Command
from tests.live.fake_github import REPO, Clock, FakeGitHub, running
from tests.live.made_runs import attempt, job


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch, breakcast: Command) -> Iterator[FakeGitHub]:
    assert breakcast
    with running(FakeGitHub(Clock(datetime.now(UTC)))) as github:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        github.add([attempt(1, yesterday, conclusion="failure")])
        github.jobs[1, 1] = [job(1, 1, failed_step="Set up job")]
        github.add([attempt(2, yesterday)])
        monkeypatch.setenv("BREAKCAST_GITHUB_URL", github.url)
        yield github


def test_what_was_read_is_told(github: FakeGitHub, breakcast: Command) -> None:
    assert github.url
    ran = breakcast("backfill", "github", REPO)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "2 runs listed, 1 asked about singly, in 2 calls: 5 new facts, 0 known "
        "already, 0 in conflict.\n"
    )


def test_as_json_it_is_one_object_on_one_line(
    github: FakeGitHub, breakcast: Command
) -> None:
    assert github.url
    ran = breakcast("backfill", "github", REPO, "--details", "0", "--json")

    (line,) = ran.out.splitlines()
    assert json.loads(line) == {
        "builds": 2,
        "new": 4,
        "identical": 0,
        "conflicting": 0,
        "details_read": 0,
        "details_left": 1,
        "unsettled": 0,
        "refused": 0,
        "refusals": [],
        "calls": 1,
    }


def test_a_token_is_read_from_where_it_is_said_to_be(
    github: FakeGitHub, breakcast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKCAST_GITHUB_TOKEN", "ghp_setting")
    breakcast("backfill", "github", REPO)
    monkeypatch.setenv("MY_TOKEN", "ghp_mine")
    breakcast("backfill", "github", REPO, "--token-from-env", "MY_TOKEN")

    sent = [asked.headers["authorization"] for asked in github.asked]
    assert (sent[0], sent[-1]) == ("Bearer ghp_setting", "Bearer ghp_mine")


def test_a_refusal_is_one_line_without_the_token(
    github: FakeGitHub, breakcast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKCAST_GITHUB_TOKEN", "ghp_wrong")
    github.tokens = {"ghp_right": 1e12}

    ran = breakcast("backfill", "github", REPO)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "error: GET /repos/acme/shop/actions/runs: GitHub answered 401 "
        "('Bad credentials'); the token is wrong or has expired; set another\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("acme",), "the repository is 'acme'; use OWNER/NAME"),
        ((REPO, "--since", "soon"), "--since is 'soon'; use ISO 8601"),
        ((REPO, "--token-from-env", "NOWHERE"), "the environment has no NOWHERE"),
        ((REPO, "--mirror", "nowhere"), "nowhere is no mirror"),
    ],
)
def test_wrong_usage_is_told(
    github: FakeGitHub, breakcast: Command, arguments: tuple[str, ...], told: str
) -> None:
    ran = breakcast("backfill", "github", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert github.asked == []


def test_an_app_without_its_key_is_told(
    github: FakeGitHub, breakcast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKCAST_GITHUB_APP_ID", "7")

    ran = breakcast("backfill", "github", REPO)

    assert ran.code == 2
    assert "github_app_key is not set" in ran.err
    assert github.asked == []
