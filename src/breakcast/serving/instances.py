"""
The instances of a V1 request: vectors or builds, one kind a request.

A small body is read whole, a large one in pieces; either way an error names the
instance by its number in the request.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np

from breakcast.errors import BadInput, Unprocessable
from breakcast.history.question import question_of
from breakcast.serving.pieces import WHOLE_BYTES, take_apart
from breakcast.serving.predictor import Question
from breakcast.serving.reading import Body, read
from breakcast.serving.v1messages import (
    BuildInstance,
    PredictRequest,
    VectorInstance,
)
from breakcast.serving.vectors import (
    Vector,
    Vectors,
    matrix_of,
    refuse_many,
)

_REQUEST = msgspec.json.Decoder(PredictRequest)
_SOME = msgspec.json.Decoder(list[VectorInstance | BuildInstance])
_PLACE = "instances"
_NONE: Vectors = np.empty((0, 0))
_SKEW = timedelta(days=1)


class Asked(NamedTuple):
    """What a request asks about: vectors, or builds if there are any."""

    vectors: Vectors
    questions: list[Question]


class InstanceReader:
    """
    Reads the instances of requests.

    Args:
        identity: Hashes the author of a build; None leaves authors out.
        now: Tells the time: the as-of of a build that does not say when it starts.
        row_limit: How many instances a request may have.
    """

    def __init__(
        self,
        *,
        identity: Callable[[str], str] | None,
        now: Callable[[], datetime],
        row_limit: int,
    ) -> None:
        self._identity = identity
        self._now = now
        self._row_limit = row_limit

    def read(self, body: Body, width: int) -> Asked:
        """
        Read a request.

        Args:
            body: The request's.
            width: How many numbers the model takes.

        Returns:
            At least one vector, or one build.

        Raises:
            BadRequest: If it cannot be answered; says where and why.
        """
        if len(body) > WHOLE_BYTES:
            return self._read_in_pieces(body, width)
        instances = read(_REQUEST, body, "").instances
        refuse_many(len(instances), self._row_limit, _PLACE)
        vectors, builds = _sorted_out(instances, 0)
        if builds:
            return Asked(_NONE, self._questions(builds, 0))
        return Asked(matrix_of(vectors, width, _PLACE), [])

    def _read_in_pieces(self, body: Body, width: int) -> Asked:
        pieces = take_apart(body, _PLACE, depth=1)
        read(_REQUEST, pieces.skeleton, "")
        blocks: list[Vectors] = []
        questions: list[Question] = []
        count = 0
        for instances in _in_turn(pieces.parts):
            vectors, builds = _sorted_out(instances, count)
            if (vectors and questions) or (builds and blocks):
                raise _mixed(count)
            if builds:
                questions += self._questions(builds, count)
            elif vectors:
                taken = blocks[0].shape[1] if blocks else None
                blocks.append(matrix_of(vectors, width, _PLACE, count, taken))
            count += len(instances)
            refuse_many(max(count, 1), self._row_limit, _PLACE)
        if questions:
            return Asked(_NONE, questions)
        refuse_many(count, self._row_limit, _PLACE)
        return Asked(np.concatenate(blocks), [])

    def _questions(self, builds: Sequence[BuildInstance], first: int) -> list[Question]:
        now = self._now()
        questions = []
        for at, words in enumerate(builds, first):
            try:
                build, starts_at = question_of(
                    {
                        name: ";".join(cell) if isinstance(cell, list) else cell
                        for name, cell in words.items()
                    },
                    identity=self._identity,
                    latest=now + _SKEW,
                )
            except BadInput as error:
                message = f"{_PLACE}[{at}]: {error}"
                raise Unprocessable(message) from error
            questions.append(Question(build, starts_at or now))
        return questions


def _in_turn(
    parts: Iterator[bytes],
) -> Iterator[list[VectorInstance | BuildInstance]]:
    first = 0
    for part in parts:
        instances = read(_SOME, part, _PLACE, first)
        yield instances
        first += len(instances)


def _sorted_out(
    instances: Sequence[VectorInstance | BuildInstance], first: int
) -> tuple[list[Vector], list[BuildInstance]]:
    """Tell vectors and builds apart, of which there may be but one kind."""
    vectors: list[Vector] = [one for one in instances if isinstance(one, list)]
    if len(vectors) == len(instances):
        return vectors, []
    builds = [one for one in instances if isinstance(one, dict)]
    if vectors:
        kinds = [isinstance(one, list) for one in instances]
        raise _mixed(first + kinds.index(not kinds[0]))
    return [], builds


def _mixed(at: int) -> Unprocessable:
    message = (
        f"{_PLACE}[{at}] is not of the kind of those before it; ask about vectors or "
        "about builds, one kind a request"
    )
    return Unprocessable(message)
