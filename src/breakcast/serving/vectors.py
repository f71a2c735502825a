"""Lists of numbers into the matrix that a bundle scores, each place checked."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from breakcast.errors import TooLarge, Unprocessable
from breakcast.features.catalog import HEADLINE_WIDTH

Vector: TypeAlias = Sequence[float | int | bool | None]
"""One row; None is unknown."""

Vectors: TypeAlias = NDArray[np.float64]
"""At least one row, NaN where unknown; shape (n, width) or (n, 4)."""

Number: TypeAlias = Annotated[float, msgspec.Meta(ge=-(2.0**63), le=2.0**63)]
"""A feature's value; none is larger, and a number that is was not meant."""


def matrix_of(
    vectors: Sequence[Vector],
    width: int,
    place: str,
    first: int = 0,
    taken: int | None = None,
) -> Vectors:
    """
    Put vectors into one matrix; what they were read into is then let go of.

    Thousands of Python's numbers, kept until a batch is scored, would push the trees
    out of the cache.

    Args:
        vectors: At least one.
        width: The model's.
        place: Where they stand in the request, such as `instances`.
        first: How many stand before them.
        taken: The width of those before; None if there are none.

    Raises:
        Unprocessable: If they are not all of one width, or of one that the model does
            not take; says which.

    >>> matrix_of([[0.5, None, 1, True]], 210, "instances").tolist()
    [[0.5, nan, 1.0, 1.0]]
    >>> matrix_of([[0.5]], 210, "instances")
    Traceback (most recent call last):
    breakcast.errors.Unprocessable: instances[0] has 1 numbers; this model takes 210 \
features in catalog order, or the 4 of the headline
    """
    found = taken or len(vectors[0])
    if found not in {width, HEADLINE_WIDTH}:
        message = (
            f"{place}[{first}] has {found} numbers; this model takes {width} features "
            f"in catalog order, or the {HEADLINE_WIDTH} of the headline"
        )
        raise Unprocessable(message)
    for row, vector in enumerate(vectors, first):
        if len(vector) != found:
            message = (
                f"{place}[{row}] has {len(vector)} numbers and {place}[0] has {found}; "
                "all vectors of a request are of one width"
            )
            raise Unprocessable(message)
    return np.array(vectors, np.float64)


def refuse_many(count: int, limit: int, place: str) -> None:
    """
    Refuse no rows, or more than are answered at once.

    Raises:
        Unprocessable: If there are none.
        TooLarge: If there are more than the limit.
    """
    if not count:
        message = f"{place} is empty; give at least one"
        raise Unprocessable(message)
    if count > limit:
        message = f"{place} has {count} rows; at most {limit} are answered at once"
        raise TooLarge(message)
