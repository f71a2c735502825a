"""
A prediction: the answer to one build, and what of it the asker sees.

The whole record goes to whoever observes answers (the journal, the metrics);
over HTTP goes `Answer`, whose keys are fixed.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec

from breakcast.history.events import BuildKey
from breakcast.model.calibration import sigmoid

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What one version made of the features."""

    version: str
    logit: float
    probability: Probability

    @property
    def uncalibrated(self) -> float:
        """The trees' own P(red), as the estimator's `predict_proba` says it."""
        return sigmoid(self.logit)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the asker sees, in exactly these keys.

    Attributes:
        probability: P(this attempt ends red).
        advice: What to do about it, in the decision room's words; None
            where it was not asked.
        abstained: Whether it is too unsure to say red or green.
        reasons: Why, in words, the weightiest first.
        model_version: Which bundle answered; None if none did.
        degraded: Whether something that should have been known was out of reach.
    """

    probability: Probability
    advice: str | None
    abstained: bool
    reasons: tuple[str, ...]
    model_version: str | None
    degraded: bool


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """
    The answer to one build, whole; the fields of `Answer`, and these.

    Attributes:
        key: The attempt asked about; its `build_id` is empty if it had none yet.
        commit_sha: The commit asked about; None if it was not said.
        as_of: Up to when facts were used, UTC.
        features: The vector scored, as little-endian float32; empty if none was.
        catalog_hash: What its columns are.
        champion: What the champion's trees made of it; None if no tree was asked
            (a degraded answer by the prior).
        challenger: Likewise the challenger, which nobody sees.

    >>> from datetime import UTC
    >>> prediction = Prediction(
    ...     key=BuildKey("github", "acme/shop", "ci.yml", "8812"),
    ...     as_of=datetime(2026, 1, 2, tzinfo=UTC),
    ...     probability=0.2,
    ...     abstained=False,
    ...     model_version="v1.0",
    ... )
    >>> list(msgspec.to_builtins(prediction.answer))
    ['probability', 'advice', 'abstained', 'reasons', 'model_version', 'degraded']
    """

    key: BuildKey
    commit_sha: str | None = None
    as_of: datetime
    features: bytes = b""
    catalog_hash: str = ""
    champion: Scored | None = None
    challenger: Scored | None = None
    probability: Probability
    abstained: bool
    model_version: str | None
    advice: str | None = None
    reasons: tuple[str, ...] = ()
    degraded: bool = False

    @property
    def answer(self) -> Answer:
        """What the asker sees."""
        return Answer(
            probability=self.probability,
            advice=self.advice,
            abstained=self.abstained,
            reasons=self.reasons,
            model_version=self.model_version,
            degraded=self.degraded,
        )


Observer: TypeAlias = Callable[[Prediction], None]
"""Is told each prediction, once; it must neither fail nor take long."""
