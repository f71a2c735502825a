"""The model behind FastAPI, the way its documentation begins: a pydantic model."""

import os

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel


class Request(BaseModel):
    """Rows to forecast."""

    instances: list[list[float]]


class Response(BaseModel):
    """P(red) of each."""

    predictions: list[float]


app = FastAPI()
_MODEL = joblib.load(os.environ["MODEL"])


@app.post("/v1/models/m:predict")
def predict(request: Request) -> Response:
    """Answer by scikit-learn, in one of FastAPI's threads as a plain `def` is."""
    probability = _MODEL.predict_proba(np.array(request.instances))[:, 1]
    return Response(predictions=probability.tolist())
