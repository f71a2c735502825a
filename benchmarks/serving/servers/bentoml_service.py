"""The model as a BentoML service with its default settings."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service
class Forecast:
    """Answers by scikit-learn."""

    def __init__(self) -> None:
        self._model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, instances: np.ndarray) -> np.ndarray:
        """Answer with both classes' probabilities."""
        return self._model.predict_proba(instances)
