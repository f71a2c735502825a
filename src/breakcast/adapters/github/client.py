"""GitHub's API about one repository: values and pages, under the right token."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

import msgspec

from breakcast.adapters.github.answers import Answer, Question
from breakcast.adapters.github.calls import Calls
from breakcast.adapters.github.remembered import Remembered
from breakcast.errors import BadInput, SourceError

_REPO = re.compile(
    r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}"
)
_UNAUTHORIZED = 401

_Value = TypeVar("_Value")


class Tokens(Protocol):
    """Who may read which repository."""

    def token(self, repo: str) -> str | None:
        """Give a token that reads a repository; None asks as nobody."""
        ...

    def refused(self, repo: str, token: str | None) -> bool:
        """Hear that GitHub did not take a token; say whether another can be had."""
        ...


class GitHubClient:
    """
    Reads from repositories, safe to share between threads.

    Args:
        calls: How it is asked.
        tokens: Under whose name.
    """

    def __init__(self, calls: Calls, tokens: Tokens) -> None:
        self._calls = calls
        self._tokens = tokens
        self._memory = Remembered()

    @property
    def count(self) -> int:
        """How many requests were sent so far."""
        return self._calls.count

    def now(self) -> float:
        """Tell the time on this client's clock, in seconds since 1970."""
        return self._calls.now()

    def get(
        self,
        repo: str,
        path: str,
        kind: type[_Value],
        *,
        permission: str,
        deadline: float | None = None,
    ) -> _Value:
        """
        Read one value.

        Args:
            repo: `owner/name`.
            path: What of it, below `/repos/owner/name/`.
            kind: What it is to be.
            permission: What a token must allow for it, for the error's words.
            deadline: By when, on this client's clock.

        Raises:
            BadInput: If the repository has no such name.
            SourceError: If GitHub refuses, cannot be reached, or not in time.
        """
        question = Question(
            _address(repo, path), permission=permission, deadline=deadline
        )
        return self._asked(repo, question, msgspec.json.Decoder(kind).decode).value

    def pages(
        self,
        repo: str,
        path: str,
        kind: type[_Value],
        *,
        permission: str,
        params: Mapping[str, str] | None = None,
        deadline: float | None = None,
        is_polled: bool = False,
    ) -> Iterator[_Value]:
        """
        Read a list page by page, a hundred entries each; a page when it is asked for.

        Args:
            repo: `owner/name`.
            path: What of it, below `/repos/owner/name/`.
            kind: What a page is to be.
            permission: What a token must allow for it, for the error's words.
            params: The query.
            deadline: By when, on this client's clock.
            is_polled: Whether the same is asked again and again; answers are then
                kept by their ETag, and what has not changed costs nothing.

        Raises:
            BadInput: If the repository has no such name.
            SourceError: If GitHub refuses, cannot be reached, or not in time.
        """
        memory = self._memory if is_polled else None
        read = msgspec.json.Decoder(kind).decode
        question = Question(
            _address(repo, path),
            params={"per_page": "100", **(params or {})},
            permission=permission,
            deadline=deadline,
        )
        while True:
            answer = self._asked(repo, question, read, memory)
            yield answer.value
            if answer.next_page is None:
                return
            question = Question(
                answer.next_page, permission=permission, deadline=deadline
            )

    def _asked(
        self,
        repo: str,
        question: Question,
        read: Callable[[bytes], _Value],
        memory: Remembered | None = None,
    ) -> Answer[_Value]:
        token = self._tokens.token(repo)
        try:
            return self._calls.send(question, token, read, memory)
        except SourceError as error:
            # A token may end before its time; one more is tried, not many.
            if error.status != _UNAUTHORIZED or not self._tokens.refused(repo, token):
                raise
        return self._calls.send(question, self._tokens.token(repo), read, memory)


def checked_repo(repo: str) -> str:
    """
    Give the name of a repository that could exist.

    Raises:
        BadInput: If it could not.

    >>> checked_repo("acme/shop")
    'acme/shop'
    >>> checked_repo("acme/../shop")
    Traceback (most recent call last):
    breakcast.errors.BadInput: the repository is 'acme/../shop'; use OWNER/NAME, as \
in github.com/OWNER/NAME
    """
    if not _REPO.fullmatch(repo):
        message = (
            f"the repository is {repo[:200]!r}; use OWNER/NAME, as in "
            "github.com/OWNER/NAME"
        )
        raise BadInput(message)
    return repo


def _address(repo: str, path: str) -> str:
    return f"/repos/{checked_repo(repo)}/{path}"
