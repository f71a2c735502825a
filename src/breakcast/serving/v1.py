"""
KServe's V1 protocol: `{"instances": […]}` in, `{"predictions": […]}` out.

An instance is a vector (a number comes back) or a build in the builds file's
words (an `Answer` comes back); one kind a request.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import isnan

import msgspec
import numpy as np
from numpy.typing import NDArray

from breakcast.serving.instances import InstanceReader
from breakcast.serving.prediction import Answer, Prediction
from breakcast.serving.predictor import Models, Predictor, Question, VectorScores
from breakcast.serving.reading import Body
from breakcast.serving.v1messages import Explanation, VectorPredictions
from breakcast.serving.vectors import Vectors
from breakcast.serving.work import BuildWork, VectorWork, Work

_ENCODER = msgspec.json.Encoder()


class V1:
    """
    The protocol over a predictor.

    Args:
        predictor: What answers.
        reader: Reads what is asked.
    """

    def __init__(self, predictor: Predictor, reader: InstanceReader) -> None:
        self._predictor = predictor
        self._reader = reader

    def predict(self, models: Models, body: Body) -> Work:
        """
        Read a request for forecasts.

        Raises:
            BadRequest: If it cannot be answered; says where and why.
        """
        vectors, questions = self._reader.read(body, models.champion.catalog.width)
        if not questions:
            return VectorWork(vectors, _predictions)

        def answer() -> bytes:
            predictions = self._predicted(models, questions)
            return _listed("predictions", (one.answer for one in predictions))

        return BuildWork(len(questions), answer)

    def explain(self, models: Models, body: Body) -> Work:
        """
        Read a request for explanations.

        Raises:
            BadRequest: As for `predict`.
        """
        names = models.champion.catalog.names
        vectors, questions = self._reader.read(body, len(names))
        if not questions:
            return VectorWork(
                vectors,
                lambda scores: _listed(
                    "explanations", _of_vectors(scores, vectors, names)
                ),
            )

        def answer() -> bytes:
            predictions = self._predicted(models, questions)
            explanations = (_of_build(one, names) for one in predictions)
            return _listed("explanations", explanations)

        return BuildWork(len(questions), answer)

    def _predicted(
        self, models: Models, questions: list[Question]
    ) -> Iterator[Prediction]:
        # Taken off one by one: to free ten thousand at once takes milliseconds.
        questions.reverse()
        while questions:
            yield self._predictor.predict(models, questions.pop())


def _predictions(scores: VectorScores) -> bytes:
    return _ENCODER.encode(VectorPredictions(scores.probability))


def _listed(name: str, answers: Iterable[Answer | Explanation]) -> bytes:
    """Encode a response one by one: thousands at once would hold the interpreter."""
    encoded = [_ENCODER.encode(answer) for answer in answers]
    return b'{"%b":[%b]}' % (name.encode(), b",".join(encoded))


def _of_vectors(
    scores: VectorScores, vectors: Vectors, names: Sequence[str]
) -> Iterator[Explanation]:
    for probability, uncalibrated, vector in zip(
        scores.probability, scores.uncalibrated, vectors, strict=True
    ):
        yield Explanation(
            probability=probability,
            uncalibrated_probability=uncalibrated,
            model_version=scores.version,
            features=_known(names, vector),
        )


def _of_build(prediction: Prediction, names: Sequence[str]) -> Explanation:
    scored = prediction.champion
    return Explanation(
        probability=prediction.probability,
        uncalibrated_probability=None if scored is None else scored.uncalibrated,
        model_version=prediction.model_version,
        as_of=prediction.as_of,
        abstained=prediction.abstained,
        degraded=prediction.degraded,
        features=_known(names, np.frombuffer(prediction.features, "<f4")),
        reasons=prediction.reasons,
    )


def _known(names: Sequence[str], vector: NDArray[np.floating]) -> dict[str, float]:
    """Name the numbers of a row: all, the first four, or none at all."""
    values = zip(names, vector.tolist(), strict=False)
    return {name: value for name, value in values if not isnan(value)}
