"""What the model says, of vectors and of builds; every door calls this one."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import numpy as np

from breakcast.errors import BundleError, NotReady
from breakcast.history.events import Build
from breakcast.model.bundle import Bundle
from breakcast.model.calibration import sigmoid
from breakcast.serving.journal import packed
from breakcast.serving.prediction import Observer, Prediction, Scored
from breakcast.serving.states import Known, RowSource
from breakcast.serving.vectors import Vectors


class Models(NamedTuple):
    """What answers at one moment: a whole that is swapped as one."""

    champion: Bundle
    challenger: Bundle | None = None


class Question(NamedTuple):
    """A build asked about, and when it starts: the as-of."""

    build: Build
    as_of: datetime


class VectorScores(NamedTuple):
    """
    What the champion made of vectors, each list with one number a vector.

    Attributes:
        version: Which bundle said so.
        logit: The trees' log-odds.
        probability: P(red), calibrated for a repository of which nothing is known.
    """

    version: str
    logit: list[float]
    probability: list[float]

    @property
    def uncalibrated(self) -> list[float]:
        """The trees' own P(red), as the estimator's `predict_proba` says it."""
        return [sigmoid(logit) for logit in self.logit]

    def part(self, start: int, end: int) -> "VectorScores":
        """Give those of some of the vectors."""
        return VectorScores(
            self.version, self.logit[start:end], self.probability[start:end]
        )


class Predictor:
    """
    Answers by the champion, scores builds by the challenger too.

    Whoever answers a request takes `models()` once, and answers all of it by
    those: a swap meanwhile changes nothing for it.

    Args:
        rows: Where the features of builds come from.
        observers: Each is told every prediction of a build.
    """

    def __init__(self, rows: RowSource, observers: Iterable[Observer] = ()) -> None:
        self._rows = rows
        self._observers = tuple(observers)
        self._models: Models | None = None

    @property
    def waits(self) -> bool:
        """Whether to forecast a build waits for another machine."""
        return self._rows.waits

    def models(self) -> Models:
        """
        Give what answers now.

        Raises:
            NotReady: If nothing does yet.
        """
        if self._models is None:
            message = "no model is loaded yet; ask again, or look at the server's log"
            raise NotReady(message)
        return self._models

    def swap(self, models: Models) -> None:
        """Let these answer from now on."""
        self._models = models

    def score(self, models: Models, vectors: Vectors) -> VectorScores:
        """
        Score vectors by the champion.

        Args:
            models: What answers.
            vectors: Shape (n, width), or (n, 4): the headline. NaN is unknown.

        Raises:
            BadInput: If they are of another width.
        """
        bundle = models.champion
        logits = bundle.logit(vectors).tolist()
        calibrated = bundle.calibration.probability
        return VectorScores(
            bundle.version, logits, [calibrated(logit, "") for logit in logits]
        )

    def predict(self, models: Models, question: Question) -> Prediction:
        """
        Forecast a build by the champion, from what is known when it starts.

        Where its features are out of reach the answer is the prior's, and says so.
        """
        champion, challenger = models
        build, as_of = question
        known = self._rows.row(build, champion.manifest.catalog_hash, as_of)
        if known is None:
            prediction = _by_prior(champion, question)
        else:
            shadow = None
            if challenger is not None:
                shadow = self._shadow(challenger, champion, known, question)
            prediction = _by_trees(champion, build, known, shadow)
        for observe in self._observers:
            observe(prediction)
        return prediction

    def _shadow(
        self, challenger: Bundle, champion: Bundle, known: Known, question: Question
    ) -> Scored | None:
        """Score by the challenger what the champion is scored by: the same moment."""
        wanted = challenger.manifest.catalog_hash
        if wanted == champion.manifest.catalog_hash:
            return _scored(challenger, known, question.build)
        its = self._rows.row(question.build, wanted, known.as_of)
        return None if its is None else _scored(challenger, its, question.build)


def _scored(bundle: Bundle, known: Known, build: Build) -> Scored:
    logit = float(bundle.logit(known.row[None, :])[0])
    return Scored(
        version=bundle.version,
        logit=logit,
        probability=bundle.calibration.probability(logit, build.key.repo),
    )


def _by_trees(
    bundle: Bundle, build: Build, known: Known, shadow: Scored | None
) -> Prediction:
    scored = _scored(bundle, known, build)
    return Prediction(
        key=build.key,
        commit_sha=build.commit_sha,
        as_of=known.as_of,
        features=packed(known.row),
        catalog_hash=bundle.manifest.catalog_hash,
        champion=scored,
        challenger=shadow,
        probability=scored.probability,
        abstained=_is_unsure(bundle, scored.probability),
        model_version=bundle.version,
        advice="observe",
        degraded=known.is_stale,
    )


def _by_prior(bundle: Bundle, question: Question) -> Prediction:
    build, as_of = question
    probability = bundle.prior.probability(build)
    return Prediction(
        key=build.key,
        commit_sha=build.commit_sha,
        as_of=as_of,
        probability=probability,
        abstained=_is_unsure(bundle, probability),
        model_version=bundle.version,
        advice="observe",
        degraded=True,
    )


def _is_unsure(bundle: Bundle, probability: float) -> bool:
    cut = bundle.confidence_cut
    return cut is None or max(probability, 1 - probability) < cut


def warm(bundle: Bundle) -> None:
    """
    Ask a bundle once: what is made on first use is made, and what is broken shows.

    Raises:
        BundleError: If the answer is no probability.
    """
    unknown = np.full((1, bundle.catalog.width), np.nan)
    answer = bundle.probability(unknown)[0]
    if not 0 <= answer <= 1:
        message = (
            f"{bundle.version} answers {answer} to a build of which nothing is known; "
            "a probability lies between 0 and 1"
        )
        raise BundleError(message)
