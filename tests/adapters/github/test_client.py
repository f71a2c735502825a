"""What GitHub's API refuses, breaks, limits and redirects, and what we make of it."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from breakcast.adapters.github.calls import Calls
from breakcast.adapters.github.client import checked_repo
from breakcast.adapters.github.signin import PlainToken
from breakcast.errors import BadInput, SourceError
from tests.adapters.github.asking import client_of
from tests.live.fake_github import (
    BREAKAGES,
    LIMITS,
    REPO,
    Clock,
    FakeGitHub,
    in_turn,
    running,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLACE = f"/repos/{REPO}/place"
ASKED = {"permission": "actions: read"}


class Thing(msgspec.Struct):
    name: str


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with running(FakeGitHub(Clock(NOON))) as github:
        github.files["place"] = {"name": "shop"}
        github.files["list"] = [{"name": str(number)} for number in range(250)]
        yield github


@pytest.mark.parametrize("fault", LIMITS)
def test_a_limit_is_waited_for_and_not_a_moment_less(
    github: FakeGitHub, fault: str
) -> None:
    github.trouble = in_turn(fault, fault)

    with client_of(github) as client:
        assert client.get(REPO, "place", Thing, **ASKED).name == "shop"

    assert github.impatient == 0
    assert len(github.clock.slept) == 2
    assert all(60 <= seconds <= 601 for seconds in github.clock.slept)


def test_a_secondary_limit_that_says_nothing_is_waited_for_twice_as_long_each_time(
    github: FakeGitHub,
) -> None:
    github.trouble = in_turn(*["403 secondary, untold"] * 3)

    with client_of(github) as client:
        client.get(REPO, "place", Thing, **ASKED)

    assert github.clock.slept == [60, 120, 240]


def test_a_limit_that_never_ends_is_given_up(github: FakeGitHub) -> None:
    github.trouble = lambda: "403 secondary"

    with (
        client_of(github) as client,
        pytest.raises(SourceError, match="limit was still"),
    ):
        client.get(REPO, "place", Thing, **ASKED)

    assert len(github.asked) == 8


def test_a_failure_that_says_for_how_long_is_waited_for(github: FakeGitHub) -> None:
    answers = [(200, {}, {"name": "shop"}), (503, {"Retry-After": "7"}, {})]
    github.routes["GET", PLACE] = lambda _: answers.pop()

    with client_of(github) as client:
        client.get(REPO, "place", Thing, **ASKED)

    assert github.clock.slept == [7]


def test_the_last_call_that_is_left_is_known_to_be_the_last(
    github: FakeGitHub,
) -> None:
    reset = str(int(github.clock()) + 100)
    left = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    github.routes["GET", PLACE] = lambda _: (200, left, {"name": "shop"})

    with client_of(github) as client:
        client.get(REPO, "place", Thing, **ASKED)
        assert github.clock.slept == []
        client.get(REPO, "list", list[Thing], **ASKED)

    assert github.clock.slept == [101]


@pytest.mark.parametrize("fault", BREAKAGES)
def test_what_breaks_is_asked_again(github: FakeGitHub, fault: str) -> None:
    github.trouble = in_turn(fault, fault)

    with client_of(github) as client:
        assert client.get(REPO, "place", Thing, **ASKED).name == "shop"

    assert len(github.asked) == 3
    assert github.clock.slept == []


@pytest.mark.parametrize("fault", BREAKAGES)
def test_what_stays_broken_is_given_up(github: FakeGitHub, fault: str) -> None:
    github.trouble = lambda: fault

    with client_of(github) as client, pytest.raises(SourceError) as refused:
        client.get(REPO, "place", Thing, **ASKED)

    assert str(refused.value).startswith(f"GET {PLACE}: ")
    assert len(github.asked) == 4


def test_half_an_answer_is_not_remembered_as_the_answer(github: FakeGitHub) -> None:
    """Its ETag is that of the whole: GitHub would say that nothing has changed."""
    github.trouble = in_turn("half JSON")

    with client_of(github) as client:
        pages = client.pages(REPO, "place", Thing, is_polled=True, **ASKED)
        assert [page.name for page in pages] == ["shop"]


def test_what_is_polled_and_unchanged_is_answered_from_memory(
    github: FakeGitHub,
) -> None:
    with client_of(github) as client:

        def names() -> list[str]:
            pages = client.pages(REPO, "list", list[Thing], is_polled=True, **ASKED)
            return [thing.name for page in pages for thing in page]

        first, again = names(), names()
        github.files["list"][0] = {"name": "new"}
        later = names()

    assert first == again == [str(number) for number in range(250)]
    assert later == ["new", *first[1:]]
    etags = ["if-none-match" in asked.headers for asked in github.asked]
    assert etags == [False] * 3 + [True] * 6


def test_pages_are_asked_for_one_at_a_time(github: FakeGitHub) -> None:
    with client_of(github) as client:
        pages = client.pages(REPO, "list", list[Thing], **ASKED)
        assert len(next(pages)) == 100
        assert len(github.asked) == 1
        assert [len(page) for page in pages] == [100, 50]


def test_a_token_does_not_follow_to_another_host(github: FakeGitHub) -> None:
    with running(FakeGitHub(Clock(NOON))) as elsewhere:
        there = {"Location": f"{elsewhere.url}{PLACE}"}
        next_page = {"Link": f'<{elsewhere.url}{PLACE}?page=2>; rel="next"'}
        github.routes["GET", PLACE] = lambda _: (302, there, {})
        github.routes["GET", f"/repos/{REPO}/paged"] = lambda _: (200, next_page, [])

        with client_of(github) as client:
            with pytest.raises(SourceError, match="the token stays here"):
                client.get(REPO, "place", Thing, **ASKED)
            with pytest.raises(SourceError, match="lies on another host"):
                list(client.pages(REPO, "paged", list[Thing], **ASKED))

        assert elsewhere.asked == []


def test_a_repository_that_was_renamed_is_followed(github: FakeGitHub) -> None:
    github.routes["GET", "/repositories/7/place"] = lambda _: (200, {}, {"name": "new"})
    moved = {"Location": f"{github.url}/repositories/7/place"}
    github.routes["GET", PLACE] = lambda _: (301, moved, {})

    with client_of(github) as client:
        assert client.get(REPO, "place", Thing, **ASKED).name == "new"


def test_redirects_that_go_round_end(github: FakeGitHub) -> None:
    github.routes["GET", PLACE] = lambda _: (302, {"Location": PLACE}, {})

    with client_of(github) as client, pytest.raises(SourceError, match="302"):
        client.get(REPO, "place", Thing, **ASKED)

    assert len(github.asked) == 4


@pytest.mark.parametrize(
    ("status", "headers", "said", "told"),
    [
        (401, {}, "Bad credentials", "401 ('Bad credentials'); the token is wrong"),
        (403, {}, "Resource not accessible", "needs the permission actions: read"),
        (
            403,
            {"x-accepted-github-permissions": "actions=write"},
            "",
            "answered 403; the token needs the permission actions=write",
        ),
        (404, {}, "Not Found", "404 ('Not Found'); is the name right, and may the"),
        (422, {}, "x" * 999 + "\n", "422 ('" + "x" * 200 + "'); see GitHub's"),
    ],
)
def test_a_refusal_says_what_would_be_right(
    github: FakeGitHub, status: int, headers: dict[str, str], said: str, told: str
) -> None:
    github.routes["GET", PLACE] = lambda _: (status, headers, {"message": said})

    with client_of(github) as client, pytest.raises(SourceError) as refused:
        client.get(REPO, "place", Thing, **ASKED)

    assert told in str(refused.value)
    assert refused.value.status == status
    assert len(github.asked) == 1


def test_where_nobody_listens_that_is_told() -> None:
    with running(FakeGitHub(Clock(NOON))) as github:
        pass

    with (
        client_of(github) as client,
        pytest.raises(SourceError, match="cannot be reached"),
    ):
        client.get(REPO, "place", Thing, **ASKED)


def test_a_deadline_is_kept_though_a_limit_is_in_force(github: FakeGitHub) -> None:
    github.trouble = in_turn("403 primary")

    with client_of(github) as client:
        deadline = client.now() + 5
        with pytest.raises(SourceError, match="could not answer in time"):
            client.get(REPO, "place", Thing, deadline=deadline, **ASKED)

    assert github.clock.slept == []


def test_an_answer_without_end_is_not_read_to_its_end(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("breakcast.adapters.github.calls.BODY_LIMIT_BYTES", 100)

    with (
        client_of(github) as client,
        pytest.raises(SourceError, match="more than 100 "),
    ):
        client.get(REPO, "list", list[Thing], **ASKED)


def test_the_token_is_sent_and_nowhere_to_be_read(
    github: FakeGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    github.trouble = in_turn("403 secondary", "500", "broken off")
    tokens = PlainToken("ghp_secret")
    with client_of(github, tokens) as client:
        client.get(REPO, "place", Thing, **ASKED)
        github.files.clear()
        with pytest.raises(SourceError) as refused:
            client.get(REPO, "place", Thing, **ASKED)

    assert github.asked[0].headers["authorization"] == "Bearer ghp_secret"
    assert github.asked[0].headers["x-github-api-version"] == "2022-11-28"
    for shown in (caplog.text, str(refused.value), repr(tokens), repr(client)):
        assert "ghp_secret" not in shown
    assert caplog.text


@pytest.mark.parametrize("token", ["ghp_\nsecret", "ghp secret", "", "ghp_ä"])
def test_what_is_no_token_is_refused_unseen(token: str) -> None:
    with pytest.raises(BadInput, match="copy it again") as refused:
        PlainToken(token)

    assert token == "" or token not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://github.acme.org",
        "ftp://github.acme.org",
        "https://",
        "api.github.com",
        "https://ann:pw@github.acme.org",
        "https://github.acme.org?token=pw",
    ],
)
def test_an_address_that_would_give_the_token_away_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="github_url is") as refused:
        Calls(url, clock=lambda: 0.0, sleep=lambda _: None)

    assert "pw" not in str(refused.value)


@pytest.mark.parametrize(
    "repo",
    ["acme", "acme/shop/x", "../shop", "acme/..", "acme/sh op", "a/b?x", "/b", ""],
)
def test_what_is_no_repository_is_refused(repo: str) -> None:
    with pytest.raises(BadInput, match="use OWNER/NAME"):
        checked_repo(repo)


@pytest.mark.parametrize("repo", ["acme/shop", "a/.github", "a-b/c_d.e", "0/1"])
def test_names_that_repositories_have_are_taken(repo: str) -> None:
    assert checked_repo(repo) == repo
