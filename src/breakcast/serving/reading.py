"""
Bytes of a request into messages, and every way in which that fails into words.

What comes in is hostile until it is checked. An error names the place
(`instances[3][0]`), shows the value and says what would be right.
"""

import re
from typing import TypeAlias, TypeVar

import msgspec

from breakcast.errors import BadRequest, Malformed, Unprocessable

Body: TypeAlias = bytes | bytearray
"""What was sent; a large one lies in memory of its own, and is not changed."""

_Message = TypeVar("_Message")

_PLACE = re.compile(r"(?P<what>.*?) - at `\$(?P<place>.*)`", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")
_INDEX = re.compile(r"^\[(\d+)\]")
_LONGEST_SHOWN = 60
_LOOKED_THROUGH_BYTES = 64 * 1024
"""Beyond, a wrong value is not looked up again to be shown: it would take long."""


def read(
    decoder: msgspec.json.Decoder[_Message], body: Body, within: str, first: int = 0
) -> _Message:
    """
    Decode a body, or a part of one.

    Args:
        decoder: Of the message's type.
        body: The bytes.
        within: What is read, for errors: a place such as `inputs[0].data`, or
            nothing for the body as a whole.
        first: If it is a piece of an array, how many elements stand before it.

    Raises:
        Malformed: If it is no JSON, or not this message at all.
        Unprocessable: If a part of it is of a wrong type; says which.

    >>> class Ask(msgspec.Struct):
    ...     instances: list[list[float | None]]
    >>> read(msgspec.json.Decoder(Ask), b'{"instances": [[1, "a"]]}', "")
    Traceback (most recent call last):
    breakcast.errors.Unprocessable: instances[0][1] is "a"; expected `float | null`, \
got `str`
    """
    where = f"{within}, from element {first} on," if first else within or "the body"
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), body, within, first) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = (
            f"{where} is no JSON: {error}; write UTF-8 without a byte "
            "order mark, and null for what is unknown (NaN and Infinity are no JSON)"
        )
        raise Malformed(message) from None
    except RecursionError:
        message = f"{where} is nested too deeply to be read"
        raise Malformed(message) from None


def _misfit(told: str, body: Body, within: str, first: int) -> BadRequest:
    match = _PLACE.fullmatch(told)
    what = match["what"] if match else told
    path = match["place"] if match else ""
    counted = _INDEX.sub(lambda at: f"[{int(at[1]) + first}]", path)
    place = (within + counted).removeprefix(".")
    if not place:
        return Malformed(f"the body is not the message expected: {what}")
    value = _value_at(path, body)
    shown = f"{place} is {value}" if value else place
    lowered = what[:1].lower() + what[1:]
    return Unprocessable(f"{shown}; {lowered}")


def _value_at(path: str, body: Body) -> str:
    """Show what stands at a place; nothing if that cannot be said quickly."""
    if len(body) > _LOOKED_THROUGH_BYTES:
        return ""
    raw = msgspec.Raw(bytes(body))
    try:
        for name, index in _STEP.findall(path):
            if name:
                raw = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])[name]
            elif index:
                raw = msgspec.json.decode(raw, type=list[msgspec.Raw])[int(index)]
            else:
                # Somewhere in an object: msgspec does not say under which name.
                return ""
    except (msgspec.MsgspecError, RecursionError, KeyError, IndexError):
        return ""
    text = bytes(raw).decode(errors="replace").strip()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
