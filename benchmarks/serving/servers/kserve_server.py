"""
KServe's own SDK around the model; the server's settings are its defaults.

With `--scikit_learn` it does what KServe's scikit-learn runtime does when it is
told PREDICT_PROBA=true (that runtime is on no package index); with `--treelite` it
scores the very trees that breakcast does, by Treelite's own Python function.
"""

import argparse
from typing import Any

import joblib
import kserve
import numpy as np
import treelite
from kserve.utils.utils import get_predict_input, get_predict_response

Payload = dict[str, Any] | kserve.InferRequest
Response = dict[str, Any] | kserve.InferResponse


class ScikitLearnModel(kserve.Model):
    """Answers by scikit-learn."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        self._path = path

    def load(self) -> bool:
        """Read the pickle."""
        self._model = joblib.load(self._path)
        self.ready = True
        return self.ready

    def predict(
        self,
        payload: Payload,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> Response:
        """Answer with both classes' probabilities."""
        del headers, response_headers
        instances = get_predict_input(payload)
        result = self._model.predict_proba(instances)
        return get_predict_response(payload, result, self.name)


class TreeliteModel(kserve.Model):
    """Answers by Treelite."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        self._path = path

    def load(self) -> bool:
        """Read the checkpoint."""
        self._model = treelite.Model.deserialize(self._path)
        self.ready = True
        return self.ready

    def predict(
        self,
        payload: Payload,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> Response:
        """Answer with P(red)."""
        del headers, response_headers
        instances = np.asarray(get_predict_input(payload), np.float64)
        result = treelite.gtil.predict(self._model, instances, nthread=1)
        return get_predict_response(payload, result.ravel(), self.name)


def main() -> None:
    """Serve until a signal says to end."""
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--scikit_learn")
    which.add_argument("--treelite")
    arguments = parser.parse_args()
    name = arguments.model_name
    if arguments.treelite:
        model: kserve.Model = TreeliteModel(name, arguments.treelite)
    else:
        model = ScikitLearnModel(name, arguments.scikit_learn)
    model.load()
    kserve.ModelServer().start([model])


if __name__ == "__main__":
    main()
