"""One answer for one build: read the row, score it, calibrate, say if sure."""

from datetime import datetime

from breakcast.features.state import FeatureState
from breakcast.history.events import Build
from breakcast.model.bundle import Bundle
from breakcast.serving.prediction import Prediction


class Predictor:
    """What a bundle says of builds; no HTTP here, every door calls this one."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def predict(self, state: FeatureState, build: Build, as_of: datetime) -> Prediction:
        """
        Forecast one build from what was known just before `as_of`.

        Args:
            state: Of the build's organisation, under the bundle's catalog.
            build: The question.
            as_of: When it is asked, aware.

        Raises:
            Leak: If the state has learnt facts later than `as_of`.
        """
        bundle = self.bundle
        row = state.row(build, as_of)
        logit = float(bundle.logit(row[None, :])[0])
        probability = bundle.calibration.probability(logit, build.key.repo)
        cut = bundle.confidence_cut
        return Prediction(
            key=build.key,
            as_of=as_of,
            logit=logit,
            probability=probability,
            abstained=cut is None or max(probability, 1 - probability) < cut,
            model_version=bundle.version,
            advice="observe",
        )
