"""
The cells of a builds file, read one by one.

Values may be hostile. What cannot be meant is refused with the column, the value
and what would be right. A cell comes as text (CSV), or as text, a number or
microseconds since 1970 (Parquet); empty text and None are *unknown*.
"""

import unicodedata
from datetime import UTC, datetime, timedelta
from math import isfinite

from breakcast.errors import BadInput
from breakcast.history.events import Outcome
from breakcast.history.outcomes import OUTCOME_WORDS, outcome_of

LONGEST_NAME = 1024
"""Most characters a name (of a repository, branch, path, …) may have."""

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""No CI build is older; a time before is a mistake."""

FAR_FUTURE = datetime(9000, 1, 1, tzinfo=UTC)
"""Later times are a mistake whatever the clock says; sums up to here are safe."""

Value = str | float | None
"""What a cell holds: text, a number (or microseconds since 1970), or nothing."""

_LONGEST_SHOWN = 200
_UNKNOWN_WORDS = frozenset({"", "nan", "na", "n/a", "null", "none"})
_TRUE_WORDS = frozenset({"true", "1", "1.0"})
_FALSE_WORDS = frozenset({"false", "0", "0.0"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_SEPARATORS = frozenset({"", "T", "t", " "})
_HIGHEST_ATTEMPT = 2**31 - 1
_REMEMBERED_NUMBERS = 65_536
_LONGEST_REMEMBERED = 20
# Control characters, halves of surrogate pairs, line and paragraph separators.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


class RowRefused(BadInput):
    """
    One row cannot be used; the others can.

    Attributes:
        reason: What is wrong, and what would be right.
        column: The column at fault; empty if it is the row as a whole.
        value: What stands there, at most 200 characters of it.
    """

    def __init__(self, reason: str, column: str, value: Value) -> None:
        self.reason = reason
        self.column = column
        self.value = "" if value is None else str(value)[:_LONGEST_SHOWN]
        super().__init__(f"{column} {self.value!r} {reason}")


def read_name(column: str, value: Value) -> str | None:
    """
    Read a name without surrounding blanks; None where nothing is left.

    Raises:
        RowRefused: If it is longer than 1024 characters, or holds a control
            character: it is stored, logged and shown.

    >>> read_name("branch", " main "), read_name("branch", " ")
    ('main', None)
    """
    if not value:
        return None
    text = str(value).strip()
    if len(text) > LONGEST_NAME:
        reason = f"has {len(text)} characters; at most {LONGEST_NAME} are allowed"
        raise RowRefused(reason, column, text)
    # False too for what is harmless, such as a no-break space: so look closer.
    if not text.isprintable():
        for character in text:
            if unicodedata.category(character) in _FORBIDDEN_CATEGORIES:
                reason = f"holds the control character {character!r}; leave it out"
                raise RowRefused(reason, column, text)
    return text or None


def read_required_name(column: str, value: Value) -> str:
    """
    Read a name that must be there.

    Raises:
        RowRefused: If it is empty, or for the reasons of `read_name`.
    """
    name = read_name(column, value)
    if name is None:
        reason = "is empty; every row needs one"
        raise RowRefused(reason, column, value)
    return name


def read_repo(value: Value) -> str:
    """
    Read a repository's name, whose first segment is its organisation.

    Raises:
        RowRefused: If it is empty or has no first segment.
    """
    repo = read_required_name("repo", value)
    if repo.startswith("/"):
        reason = "has no organisation; write organisation/name"
        raise RowRefused(reason, "repo", repo)
    return repo


def read_number(column: str, value: Value) -> float | None:
    """
    Read a number; None where it is unknown (empty, NaN, null, NA, none).

    Raises:
        RowRefused: If it is something else, or infinite.

    >>> read_number("signal.churn", "1e3"), read_number("signal.churn", "NaN")
    (1000.0, None)
    """
    try:
        return NUMBERS[value]
    except ValueError as error:
        raise RowRefused(str(error), column, value) from None


def read_count(column: str, value: Value) -> float | None:
    """
    Read a number that is not below zero; None where it is unknown.

    Raises:
        RowRefused: If it is below zero, infinite or no number.
    """
    number = read_number(column, value)
    if number is not None and number < 0:
        reason = "is below zero; write a number from 0 on, or nothing"
        raise RowRefused(reason, column, value)
    return number


def read_attempt(value: Value) -> int:
    """
    Read the number of an attempt; 1 where it is unknown.

    Raises:
        RowRefused: If it is no whole number from 1 to 2147483647.
    """
    number = read_number("attempt", value)
    if number is None:
        return 1
    if not (1 <= number <= _HIGHEST_ATTEMPT and number.is_integer()):
        reason = "is no attempt; write a whole number from 1 on"
        raise RowRefused(reason, "attempt", value)
    return int(number)


def read_boolean(column: str, value: Value) -> bool | None:
    """
    Read true, false, 1 or 0 in any case; None where it is unknown.

    Raises:
        RowRefused: If it is another word.
    """
    word = _word(value)
    if word in _UNKNOWN_WORDS:
        return None
    if word in _TRUE_WORDS:
        return True
    if word in _FALSE_WORDS:
        return False
    reason = "is neither true nor false; write true, false, 1, 0 or nothing"
    raise RowRefused(reason, column, value)


def read_paths(value: Value) -> tuple[str, ...]:
    """
    Read paths with `;` between them.

    Raises:
        RowRefused: If one of them is no name that `read_name` takes.

    >>> read_paths("src/a.py; src/b.py;")
    ('src/a.py', 'src/b.py')
    """
    if not value:
        return ()
    paths = (read_name("changed_paths", path) for path in str(value).split(";"))
    return tuple(path for path in paths if path is not None)


def read_outcome(value: Value) -> Outcome | None:
    """
    Read an outcome or a provider's conclusion; None where it is empty.

    Raises:
        RowRefused: If the word is not known, or is of a build still running.
    """
    if not value:
        return None
    word = str(value)
    known = OUTCOME_WORDS.get(word)
    if known is not None:
        return known
    if not word.strip():
        return None
    try:
        return outcome_of(word)
    except BadInput:
        reason = (
            "is no outcome; write passed, failed, none or a provider's final "
            "conclusion such as success or cancelled; nothing if still running"
        )
        raise RowRefused(reason, "outcome", word) from None


def read_time(column: str, value: Value, latest: datetime) -> datetime | None:
    """
    Read a time as UTC; None where it is empty. A naive one is UTC already.

    Args:
        column: Where the cell stands.
        value: ISO 8601 text, or microseconds since 1970.
        latest: Times after this one are in the future.

    Raises:
        RowRefused: If it is no time, before 1990, or in the future.

    >>> read_time("started_at", "2026-01-31 09:30+02:00", FAR_FUTURE)
    datetime.datetime(2026, 1, 31, 7, 30, tzinfo=datetime.timezone.utc)
    """
    at = _parsed_time(column, value)
    if at is None:
        return None
    if at < EARLIEST:
        reason = "is before 1990; write when the build really ran"
        raise RowRefused(reason, column, value)
    if at > latest:
        reason = "is in the future; write when the build really ran, with its offset"
        raise RowRefused(reason, column, value)
    return at


def _parsed_time(column: str, value: Value) -> datetime | None:
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            return _EPOCH + timedelta(microseconds=value)
        text = value.strip()
        if not text:
            return None
        at = datetime.fromisoformat(text)
        # Python also reads 20260131 or any separator; a number is no date here.
        if text[4:5] == "-" and text[10:11] in _TIME_SEPARATORS:
            return _utc(at)
    except (ValueError, OverflowError):
        pass
    reason = "is no time; write ISO 8601 such as 2026-01-31T09:30:00Z"
    raise RowRefused(reason, column, value)


def _utc(at: datetime) -> datetime:
    if at.tzinfo is UTC:
        return at
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _word(value: Value) -> str:
    return "" if value is None else str(value).strip().lower()


class _KnownNumbers(dict[Value, float | None]):
    """
    What cells mean as numbers; None is unknown.

    Most cells of a file repeat few values: looking them up takes a third of the
    time that reading them does. Bounded, for those that do not.
    """

    def __missing__(self, value: Value) -> float | None:
        number = _parsed_number(value)
        if len(self) < _REMEMBERED_NUMBERS and len(str(value)) <= _LONGEST_REMEMBERED:
            self[value] = number
        return number


def _parsed_number(value: Value) -> float | None:
    word = _word(value)
    if word in _UNKNOWN_WORDS:
        return None
    if word in {"true", "false"}:
        return float(word == "true")
    try:
        number = float(word)
    except ValueError:
        message = "is no number; write one such as 12 or 0.5, or nothing"
        raise ValueError(message) from None
    if not isfinite(number):
        message = "is not finite; leave the cell empty where it is unknown"
        raise ValueError(message)
    return number


NUMBERS = _KnownNumbers()
"""
Every cell's number, looked up as `NUMBERS[value]`; None is unknown.

Raises ValueError with the reason for a value that is no finite number.
"""
