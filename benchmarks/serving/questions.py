"""What servers are asked, and when an answer is right."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
import numpy as np

from breakcast.model.forecasts import Floats

SEED = 1
CHECKED_ROWS = 20
MANY_ROWS = 100
TOLERANCE = 1e-9
"""How far P(red) may lie from scikit-learn's."""

HEADLINE = np.array([[0.5, 0.3, 0.8, 0.2]])


class Door(NamedTuple):
    """
    One way to ask a server for the forecast.

    Attributes:
        name: What it is called in the results.
        path: Where to post.
        bodies: What to post, by how many rows it asks about.
        fault: Says what is wrong with the answer to so many rows; nothing if it is
            right.
    """

    name: str
    path: str
    bodies: Mapping[int, bytes]
    fault: Callable[[int, bytes], str]


def draw_rows(width: int) -> Floats:
    """
    Draw rows of shares, amounts and counts.

    Every one is a float32 as well: our server rounds to it, others do not, and a
    value at a cut must go the same way in all of them. None is missing, which not
    every protocol can say.
    """
    generator = np.random.default_rng(SEED)
    shape = (MANY_ROWS, width)
    return generator.integers(0, 1024, shape) / generator.choice([1024, 16, 1], shape)


def v1_body(rows: Floats) -> bytes:
    """Write rows as KServe's V1 has them."""
    return msgspec.json.encode({"instances": rows.tolist()})


def v2_body(rows: Floats) -> bytes:
    """Write rows as the Open Inference protocol has them, flat."""
    tensor = {
        "name": "features",
        "shape": list(rows.shape),
        "datatype": "FP64",
        "data": rows.ravel().tolist(),
    }
    return msgspec.json.encode({"inputs": [tensor]})


def vector_door(
    name: str,
    path: str,
    *,
    encode: Callable[[Floats], bytes],
    rows: Floats,
    truth: Floats,
    read: Callable[[Any], Sequence[float]],
) -> Door:
    """
    Make a door through which rows go.

    Args:
        name: As for `Door`.
        path: Likewise.
        encode: Writes a body.
        rows: What may be asked: the first of them, the first 20, or all.
        truth: P(red) of each.
        read: Takes P(red) of each row out of an answer.
    """
    counts = {count for count in (1, CHECKED_ROWS, len(rows)) if count <= len(rows)}
    return Door(
        name,
        path,
        {count: encode(rows[:count]) for count in sorted(counts)},
        partial(_fault, read, truth),
    )


def build_door(path: str, build: Mapping[str, str]) -> Door:
    """Make a door through which a build goes; degraded answers are not right."""
    body = msgspec.json.encode({"instances": [build]})
    return Door("V1, a build", path, {1: body}, _degradation)


def any_door(path: str, bodies: Mapping[int, bytes]) -> Door:
    """Make a door behind which nobody forecasts anything: every answer is right."""
    return Door("any body", path, bodies, lambda _rows, _answer: "")


def _fault(
    read: Callable[[Any], Sequence[float]], truth: Floats, rows: int, answer: bytes
) -> str:
    try:
        said = np.array(read(msgspec.json.decode(answer)), np.float64)
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        return f"its answer cannot be read: {answer[:80]!r}"
    if said.shape != (rows,):
        return f"{rows} rows were asked about, its answer has the shape {said.shape}"
    gap = float(np.abs(said - truth[:rows]).max())
    # Not `gap > TOLERANCE`: NaN is not right.
    return "" if gap <= TOLERANCE else f"its P(red) is wrong by up to {gap:.2g}"


def _degradation(rows: int, answer: bytes) -> str:
    try:
        predictions = msgspec.json.decode(answer)["predictions"]
        is_right = [one["degraded"] for one in predictions] == [False] * rows
    except (msgspec.DecodeError, LookupError, TypeError):
        is_right = False
    return "" if is_right else f"it answers a build by {answer[:200]!r}"
