"""
KServe's V1 protocol: `{"instances": […]}` in, `{"predictions": […]}` out.

An instance is a vector (a number comes back) or a build in the builds file's
words (an `Answer` comes back); one kind a request.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from math import isnan
from typing import Annotated, TypeAlias

import msgspec
import numpy as np

from breakcast.errors import BadInput, Unprocessable
from breakcast.history.question import QUESTION_COLUMNS, question_of
from breakcast.serving.prediction import Answer, Prediction, Probability
from breakcast.serving.predictor import Models, Predictor, Question, VectorScores
from breakcast.serving.reading import read
from breakcast.serving.vectors import Number, Vector, check_vectors, refuse_many
from breakcast.serving.work import BuildWork, VectorWork, Work

Cell: TypeAlias = str | int | float | bool | list[str] | None

_WORDS = {name: {} for name in QUESTION_COLUMNS} | {
    "repo": {"type": "string"},
    "started_at": {"type": ["string", "null"], "format": "date-time"},
    "changed_paths": {"type": ["string", "array", "null"], "items": {"type": "string"}},
}
_SIGNAL = {"type": ["number", "null"]}

VectorInstance: TypeAlias = list[Number | None]
BuildInstance: TypeAlias = Annotated[
    dict[str, Cell],
    msgspec.Meta(
        description="A build in the builds file's words; only `repo` is required.",
        extra_json_schema={
            "required": ["repo"],
            "properties": _WORDS,
            "patternProperties": {r"^signal\..+$": _SIGNAL, r"^result\..+$": _SIGNAL},
        },
    ),
]


class PredictRequest(msgspec.Struct, frozen=True):
    """Rows to forecast: all vectors, or all builds."""

    instances: list[VectorInstance | BuildInstance]


class VectorPredictions(msgspec.Struct, frozen=True):
    """P(red) of each vector, in the order asked."""

    predictions: list[Probability]


class BuildPredictions(msgspec.Struct, frozen=True):
    """The answer to each build, in the order asked."""

    predictions: list[Answer]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """
    How an answer came about.

    Attributes:
        probability: What is answered.
        uncalibrated_probability: What the trees made of the features; None if they
            were not asked.
        model_version: Which bundle answered.
        as_of: Up to when facts were used; None for a vector.
        abstained: As in the answer; None for a vector.
        degraded: As in the answer.
        features: Those that were known, by name.
        reasons: Why, in words, the weightiest first.
    """

    probability: Probability
    uncalibrated_probability: Probability | None
    model_version: str | None
    as_of: datetime | None = None
    abstained: bool | None = None
    degraded: bool = False
    features: dict[str, float]
    reasons: tuple[str, ...] = ()


class Explanations(msgspec.Struct, frozen=True):
    """How the answer to each instance came about, in the order asked."""

    explanations: list[Explanation]


_DECODER = msgspec.json.Decoder(PredictRequest)
_ENCODER = msgspec.json.Encoder()
_PLACE = "instances"
_SKEW = timedelta(days=1)


class V1:
    """
    The protocol over a predictor.

    Args:
        predictor: What answers.
        identity: Hashes the author of a build; None leaves authors out.
        now: Tells the time: the as-of of a build that does not say when it starts.
        row_limit: How many instances are answered at once.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        identity: Callable[[str], str] | None,
        now: Callable[[], datetime],
        row_limit: int,
    ) -> None:
        self._predictor = predictor
        self._identity = identity
        self._now = now
        self._row_limit = row_limit

    def predict(self, models: Models, body: bytes) -> Work:
        """
        Read a request for forecasts.

        Raises:
            BadRequest: If it cannot be answered; says where and why.
        """
        vectors, builds = self._read(body)
        if vectors:
            check_vectors(vectors, models.champion.catalog.width, _PLACE)
            return VectorWork(vectors, _predictions)
        questions = self._questions(builds)

        def answer() -> bytes:
            answers = [self._predictor.predict(models, one).answer for one in questions]
            return _ENCODER.encode(BuildPredictions(answers))

        return BuildWork(len(questions), answer)

    def explain(self, models: Models, body: bytes) -> Work:
        """
        Read a request for explanations.

        Raises:
            BadRequest: As for `predict`.
        """
        vectors, builds = self._read(body)
        names = models.champion.catalog.names
        if vectors:
            check_vectors(vectors, len(names), _PLACE)
            return VectorWork(
                vectors,
                lambda scores: _encoded(_of_vectors(scores, vectors, names)),
            )
        questions = self._questions(builds)

        def answer() -> bytes:
            predictions = (self._predictor.predict(models, one) for one in questions)
            return _encoded([_of_build(one, names) for one in predictions])

        return BuildWork(len(questions), answer)

    def _read(self, body: bytes) -> tuple[list[Vector], list[Mapping[str, Cell]]]:
        instances = read(_DECODER, body, "").instances
        refuse_many(len(instances), self._row_limit, _PLACE)
        vectors = [one for one in instances if type(one) is list]
        if not vectors:
            return [], [one for one in instances if type(one) is dict]
        if len(vectors) == len(instances):
            return list(vectors), []
        at = next(i for i, one in enumerate(instances) if type(one) is not list)
        message = (
            f"{_PLACE}[{at}] is a build, others are vectors; ask about one kind at once"
        )
        raise Unprocessable(message)

    def _questions(self, builds: Sequence[Mapping[str, Cell]]) -> list[Question]:
        now = self._now()
        questions = []
        for at, words in enumerate(builds):
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


def _predictions(scores: VectorScores) -> bytes:
    return _ENCODER.encode(VectorPredictions(scores.probability))


def _encoded(explanations: list[Explanation]) -> bytes:
    return _ENCODER.encode(Explanations(explanations))


def _of_vectors(
    scores: VectorScores, vectors: Sequence[Vector], names: Sequence[str]
) -> list[Explanation]:
    return [
        Explanation(
            probability=probability,
            uncalibrated_probability=uncalibrated,
            model_version=scores.version,
            features={
                name: value
                for name, value in zip(names, vector, strict=False)
                if value is not None
            },
        )
        for probability, uncalibrated, vector in zip(
            scores.probability, scores.uncalibrated, vectors, strict=True
        )
    ]


def _of_build(prediction: Prediction, names: Sequence[str]) -> Explanation:
    scored = prediction.champion
    values = np.frombuffer(prediction.features, "<f4").tolist()
    return Explanation(
        probability=prediction.probability,
        uncalibrated_probability=None if scored is None else scored.uncalibrated,
        model_version=prediction.model_version,
        as_of=prediction.as_of,
        abstained=prediction.abstained,
        degraded=prediction.degraded,
        features={
            name: value
            for name, value in zip(names, values, strict=False)
            if not isnan(value)
        },
        reasons=prediction.reasons,
    )
