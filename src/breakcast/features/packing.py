"""Records as bytes: MessagePack, with arrays as dtype, shape and raw numbers."""

from typing import Any, TypeVar, get_origin

import msgspec
import numpy as np

PackedT = TypeVar("PackedT")

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)
"""What reading damaged bytes raises; text that is no UTF-8 is reported as such."""


def packed(value: object) -> bytes:
    """Encode a record, or a tree of them."""
    return _ENCODER.encode(value)


def reader_of(kind: type[PackedT] | Any) -> "msgspec.msgpack.Decoder[PackedT]":  # noqa: ANN401 - a type as annotations write it
    """
    Make what decodes records of a kind.

    >>> from breakcast.features.track import Tally
    >>> reader_of(Tally).decode(packed(Tally(60.0, 2.0, 1.0, 0.0)))
    Tally(touched_at=60.0, known=2.0, red=1.0, last_failed=0.0)
    """
    return msgspec.msgpack.Decoder(kind, dec_hook=_array_in)


def _array_out(value: object) -> tuple[str, list[int], bytes]:
    if not isinstance(value, np.ndarray):
        raise NotImplementedError
    return value.dtype.str, list(value.shape), value.tobytes()


def _array_in(kind: type, packed: object) -> object:
    if get_origin(kind) is not np.ndarray:
        raise NotImplementedError
    dtype, shape, raw = msgspec.convert(packed, tuple[str, list[int], bytes])
    return np.frombuffer(raw, dtype).reshape(shape).copy()


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_array_out)
