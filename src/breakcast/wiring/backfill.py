"""GitHub, as the settings say: who asks, what for, and where the past goes to."""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from breakcast import wiring
from breakcast.adapters.github.calls import Calls, Patience
from breakcast.adapters.github.changes import GitHubChanges
from breakcast.adapters.github.client import GitHubClient, Tokens, checked_repo
from breakcast.adapters.github.signin import AppTokens, PlainToken
from breakcast.adapters.github.source import GitHubHistory
from breakcast.adapters.gitmirror import GitMirror, GitMirrors
from breakcast.errors import BadInput, SourceError
from breakcast.live.backfill import Backfilled, Progress, backfill
from breakcast.live.bookmarks import BOOKMARKS_FILE, Bookmarks
from breakcast.live.source import ChangeSource, FirstToKnow, Window
from breakcast.settings import Settings

KEPT_DAYS = 400
"""How long GitHub keeps runs at most: https://docs.github.com/en/actions."""

DETAIL_LIMIT = 2_000
"""How many builds are asked about one by one: two calls each, of 5,000 an hour."""

CHANGE_SECONDS = 10.0
"""How long the worker waits for what a commit changes."""

_THREADS = 4
_QUICK = Patience(attempts=3, seconds=CHANGE_SECONDS, longest_wait=2.0)


def backfill_github(
    repo: str,
    settings: Settings,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    mirror: Path | None = None,
    detail_limit: int = DETAIL_LIMIT,
    token: str | None = None,
    progress: Progress | None = None,
) -> Backfilled:
    """
    Read a repository's workflow runs into the ledger, from where it was left.

    Args:
        repo: `OWNER/NAME`.
        settings: Where the ledger and GitHub are.
        since: Runs created from then on; by default as far back as GitHub keeps them.
        until: … and before then; by default until now.
        mirror: A git mirror of the repository, for what its commits changed.
        detail_limit: How many runs are asked about one by one.
        token: Who asks, in place of the settings'.
        progress: Told how far it has come.

    Raises:
        BadInput: If there is no such repository name, mirror, key or token.
        SourceError: If GitHub refuses or cannot be reached; go on by the same call.
    """
    # Its own words about each retry would run through the progress shown.
    logging.getLogger("stamina").setLevel(logging.ERROR)
    checked_repo(repo)
    now = wiring.now()
    since = since or now - timedelta(days=KEPT_DAYS)
    window = Window(since.replace(microsecond=0), (until or now).replace(microsecond=0))
    commits = _mirror(repo, settings, mirror)
    identity = wiring.identity_of(settings)
    ended = threading.Event()
    with (
        github_client(settings, token=token, sleep=partial(_sleep, ended)) as client,
        wiring.open_ledger(settings) as ledger,
        ThreadPoolExecutor(_THREADS) as executor,
        ExitStack() as ending,
    ):
        # Before threads are waited for: they may be asleep for an hour.
        ending.callback(ended.set)
        source = GitHubHistory(client, identity)
        with Bookmarks.open(
            settings.home / BOOKMARKS_FILE,
            ledger=hashlib.sha256(settings.ledger_place.encode()).hexdigest(),
            position=ledger.position(),
            source=source.name,
            repo=repo,
        ) as bookmarks:
            return backfill(
                ledger,
                source,
                bookmarks,
                repo,
                window,
                now=now,
                detail_limit=detail_limit,
                executor=executor,
                commits=commits,
                progress=progress,
            )


@contextmanager
def github_client(
    settings: Settings,
    *,
    token: str | None = None,
    patience: Patience | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[GitHubClient]:
    """
    Give a client of the GitHub these settings name, signed in as they say.

    Raises:
        BadInput: If a setting of its will not do.
    """
    calls = Calls(settings.github_url, clock=time.time, sleep=sleep, patience=patience)
    try:
        yield GitHubClient(calls, _tokens(settings, calls, token))
    finally:
        calls.close()


@contextmanager
def change_source(settings: Settings) -> Iterator[ChangeSource]:
    """
    Give what tells of changes: mirrors where there are some, and GitHub.

    Raises:
        BadInput: If a setting of GitHub's will not do.
    """
    with github_client(settings, patience=_QUICK) as client:
        sources: list[ChangeSource] = [GitHubChanges(client, CHANGE_SECONDS)]
        if settings.git_mirrors is not None:
            sources.insert(0, GitMirrors(settings.git_mirrors, CHANGE_SECONDS))
        yield FirstToKnow(*sources)


def token_in(name: str) -> str:
    """
    Read a token from the environment.

    Raises:
        BadInput: If there is none of that name.
    """
    token = os.environ.get(name)
    if not token:
        message = f"the environment has no {name}; set it to a token of GitHub's"
        raise BadInput(message)
    return token


def _tokens(settings: Settings, calls: Calls, token: str | None) -> Tokens:
    if token is None and settings.github_app_id is not None:
        if settings.github_app_key is None:
            message = (
                f"github_app_id is {settings.github_app_id} and github_app_key is not "
                "set; set it to the .pem file that GitHub made"
            )
            raise BadInput(message)
        return AppTokens(settings.github_app_id, settings.github_app_key, calls)
    if token is None and settings.github_token is not None:
        token = settings.github_token.get_secret_value()
    return PlainToken(token)


def _sleep(ended: threading.Event, seconds: float) -> None:
    if ended.wait(seconds):
        message = f"it was ended while it waited {seconds:.0f} s for GitHub's limit"
        raise SourceError(message)


def _mirror(repo: str, settings: Settings, mirror: Path | None) -> GitMirror | None:
    if mirror is not None:
        return GitMirror(mirror)
    if settings.git_mirrors is None:
        return None
    return GitMirrors(settings.git_mirrors, seconds=300.0).mirror(repo)
