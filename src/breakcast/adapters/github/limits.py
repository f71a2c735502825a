"""
GitHub's limits: how long to wait, read off an answer.

The primary limit counts calls an hour and says when it starts anew. The
secondary ones are about bursts and do not say what they count; they say how
long to stay away, or nothing.

Source:
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 3_900.0
"""No limit lasts longer than an hour; whoever says so is not waited for so long."""

FIRST_SECONDS = 60.0
"""The least to stay away where a secondary limit does not say for how long."""

_REFUSED = frozenset({403, 429, 500, 502, 503, 504})
_SECONDARY = ("secondary rate limit", "abuse detection")


def seconds_to_wait(
    status: int, headers: Mapping[str, str], said: str, *, tries: int, now: float
) -> float | None:
    """
    Tell how long to wait before the same is asked again; None if no limit is hit.

    Args:
        status: The answer's status.
        headers: Its headers, by names in lower case.
        said: GitHub's message in its body.
        tries: How often a limit was hit before, for this question.
        now: Seconds since 1970; counts where the answer has no date of its own.

    >>> seconds_to_wait(429, {"retry-after": "30"}, "", tries=0, now=0)
    30.0
    >>> used_up = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "160"}
    >>> seconds_to_wait(403, used_up, "API rate limit exceeded", tries=0, now=100)
    61.0
    >>> seconds_to_wait(403, {}, "You hit a secondary rate limit", tries=2, now=0)
    240.0
    >>> seconds_to_wait(403, {}, "Resource not accessible", tries=0, now=0)
    """
    if status not in _REFUSED:
        return None
    asked_to_wait = _retry_after(headers, now)
    if asked_to_wait is not None:
        return min(max(asked_to_wait, 1.0), LONGEST_SECONDS)
    used_up = seconds_until_reset(headers, now)
    if used_up is not None:
        return used_up
    if status == 429 or any(word in said.lower() for word in _SECONDARY):  # noqa: PLR2004 - too many requests
        return min(FIRST_SECONDS * 2.0**tries, LONGEST_SECONDS)
    return None


def seconds_until_reset(headers: Mapping[str, str], now: float) -> float | None:
    """
    Tell how long until calls are left again; None if some are left now.

    GitHub's own clock counts: ours may be wrong.
    """
    if headers.get("x-ratelimit-remaining") != "0":
        return None
    reset = headers.get("x-ratelimit-reset", "")
    if not (reset.isascii() and reset.isdigit()):
        return None
    # A second more: the reset is told in whole seconds.
    seconds = float(reset) - (_moment(headers.get("date")) or now) + 1
    return min(max(seconds, 1.0), LONGEST_SECONDS)


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return float(told)
    moment = _moment(told)
    if moment is None:
        return None
    return max(moment - (_moment(headers.get("date")) or now), 0.0)


def _moment(told: str | None) -> float | None:
    """Read a date of HTTP as seconds since 1970; None if it is none."""
    try:
        return parsedate_to_datetime(told or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
