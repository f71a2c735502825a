"""Clients for tests: of a GitHub that is a server of this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from breakcast.adapters.github.calls import Calls, Patience
from breakcast.adapters.github.client import GitHubClient, Tokens
from breakcast.adapters.github.signin import PlainToken
from tests.live.fake_github import FakeGitHub

QUICK = Patience(attempts=4, first_wait=0.0001, longest_wait=0.001, answer_seconds=2)


@contextmanager
def calls_to(github: FakeGitHub) -> Iterator[Calls]:
    """Give calls that are not patient, by that GitHub's clock."""
    clock = github.clock
    calls = Calls(github.url, clock=clock, sleep=clock.sleep, patience=QUICK)
    try:
        yield calls
    finally:
        calls.close()


@contextmanager
def client_of(
    github: FakeGitHub, tokens: Tokens | None = None
) -> Iterator[GitHubClient]:
    """Give a client, signed in as told."""
    with calls_to(github) as calls:
        yield GitHubClient(calls, tokens or PlainToken("ghp_secret"))
