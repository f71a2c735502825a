"""
What is asked of GitHub's API, what comes back, and how a refusal is told.

No message holds a query, a header or a body: nothing secret gets into a log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import httpx
import msgspec

from breakcast.errors import SourceError

_SAID_CHARACTERS = 200
_NOT_MODIFIED = 304
_SERVERS_MISTAKES = 500

_Read = TypeVar("_Read")


class Answer(NamedTuple, Generic[_Read]):
    """What GitHub answered, read, and where the next page is, if there is one."""

    value: _Read
    next_page: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """
    What is asked.

    Attributes:
        address: A path, or a page's whole address on the same host.
        method: GET or POST.
        params: The query.
        body: What is sent as JSON.
        deadline: By when, on the client's clock, it must be answered.
        permission: What a token must allow for it, for the error's words.
    """

    address: str
    method: str = "GET"
    params: Mapping[str, str] | None = None
    body: object = None
    deadline: float | None = None
    permission: str = "metadata: read"


class Raw(NamedTuple):
    """An answer as it came; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_redirect(self) -> bool:
        """Whether it names another address."""
        return httpx.codes.is_redirect(self.status) and not self.is_not_modified

    @property
    def is_not_modified(self) -> bool:
        """Whether it says that all is as it was."""
        return self.status == _NOT_MODIFIED

    @property
    def is_failure(self) -> bool:
        """Whether the server failed, and does not say for how long it will."""
        says_how_long = self.headers.get("retry-after", "").isdigit()
        return self.status >= _SERVERS_MISTAKES and not says_how_long


class Broken(SourceError):
    """An answer that is worth asking for again."""


def read_body(question: Question, raw: Raw, read: Callable[[bytes], _Read]) -> _Read:
    """Read an answer's body; what cannot be read is Broken."""
    try:
        return read(raw.body)
    except msgspec.DecodeError as error:
        message = (
            f"{named(question)}: an answer of {len(raw.body)} bytes cannot be read "
            f"({error}); is github_url the address of GitHub's API?"
        )
        raise Broken(message, raw.status) from error


def refusal(question: Question, raw: Raw) -> SourceError:
    """Tell why GitHub did not answer, and what would make it."""
    hint = {
        401: "the token is wrong or has expired; set another",
        403: f"the token needs the permission {_needed(question, raw)}",
        404: (
            f"is the name right, and may the token read it ({_needed(question, raw)})?"
        ),
    }.get(raw.status, "see GitHub's documentation of this status")
    said = said_in(raw.body)
    told = f" ({said!r})" if said else ""
    message = f"{named(question)}: GitHub answered {raw.status}{told}; {hint}"
    return SourceError(message, raw.status)


class _Message(msgspec.Struct):
    message: str = ""


def said_in(body: bytes) -> str:
    """Read GitHub's message, cut to what fits a line; nothing if there is none."""
    try:
        said = msgspec.json.decode(body, type=_Message).message
    except msgspec.DecodeError:
        return ""
    return _printable(said)


def named(question: Question) -> str:
    """Name a question without its query."""
    return f"{question.method} {httpx.URL(question.address).path}"


def too_late(question: Question) -> SourceError:
    """Tell that there is no time left; with time left, it is worth asking again."""
    kind = SourceError if question.deadline is not None else Broken
    return kind(f"{named(question)}: GitHub could not answer in time")


def _needed(question: Question, raw: Raw) -> str:
    accepted = raw.headers.get("x-accepted-github-permissions", "")
    return _printable(accepted) or question.permission


def _printable(text: str) -> str:
    shown = "".join(char for char in text if char.isprintable())
    return shown[:_SAID_CHARACTERS]
