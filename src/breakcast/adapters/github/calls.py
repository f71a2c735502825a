"""
One call to GitHub's API: sent, waited for, tried again, and at last given up.

Two kinds of trouble are kept apart. What breaks (5xx, a cut connection, half a
body) is tried again soon, a few times. What is limited is waited for, as long as
GitHub says, by all threads together: asking on in vain is what gets one banned.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx
import msgspec
import stamina

from breakcast.adapters.github.answers import (
    Answer,
    Broken,
    Question,
    Raw,
    named,
    read_body,
    refusal,
    said_in,
    too_late,
)
from breakcast.adapters.github.limits import seconds_to_wait, seconds_until_reset
from breakcast.adapters.github.origin import Origin
from breakcast.adapters.github.remembered import Kept, Remembered
from breakcast.errors import SourceError

API_VERSION = "2022-11-28"
"""The version of GitHub's API we ask for."""

BODY_LIMIT_BYTES = 64 * 1024 * 1024
"""A hundred runs are 3 MB; what is longer is not what we asked for."""

_CONNECTIONS = 8
_REDIRECTS = 3
_LIMIT_WAITS = 8
_LOG = logging.getLogger("breakcast.github")

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How long one call is tried; waiting for a limit does not count.

    Attributes:
        attempts: How often at most.
        seconds: How long in all.
        first_wait: Seconds before the second attempt; then twice as long each.
        longest_wait: The longest of these waits, in seconds.
        answer_seconds: How long one attempt may be silent.
    """

    attempts: int = 8
    seconds: float = 120.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    answer_seconds: float = 30.0


class Calls:
    """
    Calls to one GitHub, safe to share between threads.

    Args:
        base_url: Where its API is, such as https://api.github.com.
        clock: Tells the time, in seconds since 1970.
        sleep: Waits, for a limit to end.
        patience: How long to try what breaks.

    Raises:
        BadInput: If the address is none, or would show a token to everybody.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        patience: Patience | None = None,
    ) -> None:
        self._origin = Origin(base_url)
        self._clock = clock
        self._sleep = sleep
        self._patience = patience or Patience()
        self._lock = threading.Lock()
        self._blocked_until = 0.0
        self._count = 0
        self._http = httpx.Client(
            headers={
                "Accept": "application/vnd.github+json",
                "User-Agent": "breakcast",
                "X-GitHub-Api-Version": API_VERSION,
            },
            limits=httpx.Limits(max_connections=_CONNECTIONS),
            timeout=self._patience.answer_seconds,
        )

    @property
    def count(self) -> int:
        """How many requests were sent so far."""
        return self._count

    def now(self) -> float:
        """Tell the time on this client's clock."""
        return self._clock()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def send(
        self,
        question: Question,
        token: str | None,
        read: Callable[[bytes], _Read],
        memory: Remembered | None = None,
    ) -> Answer[_Read]:
        """
        Ask, until there is an answer that can be read.

        Args:
            question: What.
            token: Who asks; None asks as nobody.
            read: Reads the body; what raises msgspec.DecodeError is asked again.
            memory: Where answers are kept by ETag, if it is asked again and again.

        Raises:
            SourceError: If GitHub refuses, cannot be reached, answers nonsense or
                not by the deadline.
        """
        for tries in range(_LIMIT_WAITS):
            self._wait_for_limit(question)
            got = self._persistently(question, token, read, memory)
            if isinstance(got, Answer):
                return got
            said, now = said_in(got.body), self._clock()
            wait = seconds_to_wait(got.status, got.headers, said, tries=tries, now=now)
            if wait is None:
                raise refusal(question, got)
            self._block(wait)
        message = (
            f"{named(question)}: GitHub's limit was still reached after "
            f"{_LIMIT_WAITS} waits; run it again later, or with fewer at once"
        )
        raise SourceError(message)

    def _persistently(
        self,
        question: Question,
        token: str | None,
        read: Callable[[bytes], _Read],
        memory: Remembered | None,
    ) -> Answer[_Read] | Raw:
        """Ask until there is an answer that can be read, or a refusal."""
        patience = self._patience
        seconds = patience.seconds
        if question.deadline is not None:
            seconds = min(seconds, question.deadline - self._clock())
        try:
            for attempt in stamina.retry_context(
                on=(httpx.RequestError, Broken),
                attempts=patience.attempts,
                timeout=max(seconds, 0.001),
                wait_initial=patience.first_wait,
                wait_max=patience.longest_wait,
                wait_jitter=patience.first_wait,
            ):
                with attempt:
                    return self._once(question, token, read, memory)
        except httpx.RequestError as error:
            message = (
                f"{named(question)}: GitHub cannot be reached "
                f"({type(error).__name__}: {error}); tried up to {patience.attempts} "
                "times. Is the network up, and github_url right?"
            )
            raise SourceError(message) from error
        raise AssertionError  # the loop returns or raises

    def _once(
        self,
        question: Question,
        token: str | None,
        read: Callable[[bytes], _Read],
        memory: Remembered | None,
    ) -> Answer[_Read] | Raw:
        address = self._origin.address(question)
        kept = None if memory is None else memory.get(str(address))
        raw = self._exchange(question, address, token, kept)
        target = address
        for _ in range(_REDIRECTS):
            if not raw.is_redirect:
                break
            target = self._origin.redirected(question, raw, target)
            raw = self._exchange(question, target, token, kept)
        if raw.is_failure:
            message = (
                f"{named(question)}: GitHub failed with {raw.status}, again and again; "
                "is it up (githubstatus.com)? Run it again later"
            )
            raise Broken(message, raw.status)
        if kept is not None and raw.is_not_modified:
            raw = Raw(httpx.codes.OK, {**raw.headers, "link": kept.link}, kept.body)
        if not httpx.codes.is_success(raw.status):
            return raw
        answer = Answer(
            read_body(question, raw, read), self._origin.next_page(question, raw)
        )
        etag = raw.headers.get("etag")
        if memory is not None and etag is not None:
            # Only now: what could not be read must not come back as unchanged.
            memory.keep(str(address), Kept(etag, raw.body, raw.headers.get("link", "")))
        return answer

    def _exchange(
        self,
        question: Question,
        address: httpx.URL,
        token: str | None,
        kept: Kept | None,
    ) -> Raw:
        """Send one request, and read what comes back, as far as is reasonable."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if kept is not None:
            headers["If-None-Match"] = kept.etag
        seconds = self._patience.answer_seconds
        end = self._clock() + self._patience.seconds
        if question.deadline is not None:
            end = min(end, question.deadline)
            seconds = max(min(seconds, question.deadline - self._clock()), 0.001)
        content = None if question.body is None else msgspec.json.encode(question.body)
        with self._lock:
            self._count += 1
        with self._http.stream(
            question.method, address, headers=headers, content=content, timeout=seconds
        ) as response:
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > BODY_LIMIT_BYTES:
                    message = (
                        f"{named(question)}: the answer has more than "
                        f"{BODY_LIMIT_BYTES} bytes; is {self._origin.host} a GitHub?"
                    )
                    raise SourceError(message, response.status_code)
                # A few bytes now and then are no silence, and no answer either.
                if self._clock() > end:
                    raise too_late(question)
        headers = {name.lower(): value for name, value in response.headers.items()}
        wait = seconds_until_reset(headers, self._clock())
        if wait is not None and response.is_success:
            # That was the last call: the next one waits without being refused.
            self._block(wait)
        return Raw(response.status_code, headers, bytes(body))

    def _wait_for_limit(self, question: Question) -> None:
        """Wait until no limit holds us; whoever has a deadline before that gives up."""
        while True:
            now = self._clock()
            wait = self._blocked_until - now
            if question.deadline is not None and now + max(wait, 0) > question.deadline:
                raise too_late(question)
            if wait <= 0:
                return
            self._sleep(wait)

    def _block(self, seconds: float) -> None:
        until = self._clock() + seconds
        with self._lock:
            if until <= self._blocked_until:
                return
            self._blocked_until = until
        _LOG.warning("GitHub's rate limit is reached; going on in %d s", round(seconds))
