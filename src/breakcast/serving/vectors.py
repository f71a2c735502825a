"""Lists of numbers that a bundle can score, each place checked."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from breakcast.errors import TooLarge, Unprocessable
from breakcast.features.catalog import HEADLINE_WIDTH

Vector: TypeAlias = Sequence[float | int | bool | None]
"""One row; None is unknown."""

Vectors: TypeAlias = list[Vector] | NDArray[np.float64]
"""At least one row: as it was read or, of a large request, as one matrix."""

Number: TypeAlias = Annotated[float, msgspec.Meta(ge=-(2.0**63), le=2.0**63)]
"""A feature's value; none is larger, and a number that is was not meant."""


def check_vectors(
    vectors: Sequence[Vector],
    width: int,
    place: str,
    first: int = 0,
    taken: int | None = None,
) -> None:
    """
    Refuse vectors that are not all of one width, or of one the model does not take.

    Args:
        vectors: At least one.
        width: The model's.
        place: Where they stand in the request, such as `instances`.
        first: How many stand before them.
        taken: The width of those before; None if there are none.

    Raises:
        Unprocessable: Says which.

    >>> check_vectors([[0.5, None, 1, True]], 210, "instances")
    >>> check_vectors([[0.5]], 210, "instances")
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
