"""The application described in OpenAPI 3.1, from the types of its messages."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from breakcast.serving.http import ErrorBody
from breakcast.serving.v1messages import (
    BuildPredictions,
    Explanations,
    PredictRequest,
    VectorPredictions,
)
from breakcast.serving.v2messages import (
    InferRequest,
    InferResponse,
    ModelMetadata,
    ServerMetadata,
)

Json: TypeAlias = dict[str, Any]


class Alive(msgspec.Struct, frozen=True):
    """The server lives."""

    status: str


class Live(msgspec.Struct, frozen=True):
    """The server lives."""

    live: bool


class Ready(msgspec.Struct, frozen=True):
    """The server can answer."""

    ready: bool


class ModelReady(msgspec.Struct, frozen=True):
    """The model can answer."""

    name: str
    ready: bool


class ModelList(msgspec.Struct, frozen=True):
    """The models that are served."""

    models: list[str]


class _Operation(NamedTuple):
    name: str
    summary: str
    answer: Any
    asked: Any = None
    refusals: tuple[int, ...] = ()


_MEANING = {
    400: "The body is no JSON, or not the message expected.",
    401: "The request carries no token that is known.",
    403: "The request's token does not allow this.",
    404: "The model or version named does not answer here.",
    408: "The body did not arrive in time.",
    413: "The body has more bytes or rows than allowed.",
    415: "The body is of a kind that is not read.",
    422: "A shape, type or value is wrong.",
    503: "Nothing can answer yet.",
}
_FORECAST = (400, 401, 403, 404, 408, 413, 415, 422, 503)
_READ = (401, 403, 404, 503)
_PREDICTIONS = VectorPredictions | BuildPredictions

_INFER = _Operation("infer", "Score tensors.", InferResponse, InferRequest, _FORECAST)
_MODEL_READY = _Operation(
    "modelReady", "Can the model answer?", ModelReady, refusals=(404, 503)
)
_METADATA = _Operation(
    "modelMetadata", "What the model takes and gives.", ModelMetadata, refusals=_READ
)
_OPERATIONS: Mapping[tuple[str, str], _Operation] = {
    ("post", "/v1/models/{model}:predict"): _Operation(
        "predict",
        "Forecast vectors or builds.",
        (VectorPredictions, BuildPredictions),
        PredictRequest,
        _FORECAST,
    ),
    ("post", "/v1/models/{model}:explain"): _Operation(
        "explain",
        "Say how the answers come about.",
        Explanations,
        PredictRequest,
        _FORECAST,
    ),
    ("get", "/v1/models/{model}"): _MODEL_READY._replace(name="v1ModelReady"),
    ("get", "/v1/models"): _Operation(
        "models", "Which models there are.", ModelList, refusals=(401, 403)
    ),
    ("post", "/v2/models/{model}/infer"): _INFER,
    ("post", "/v2/models/{model}/versions/{version}/infer"): _INFER._replace(
        name="inferVersion"
    ),
    ("get", "/v2/models/{model}"): _METADATA,
    ("get", "/v2/models/{model}/versions/{version}"): _METADATA._replace(
        name="versionMetadata"
    ),
    ("get", "/v2/models/{model}/ready"): _MODEL_READY,
    ("get", "/v2/models/{model}/versions/{version}/ready"): _MODEL_READY._replace(
        name="versionReady"
    ),
    ("get", "/v2/health/live"): _Operation("live", "Does the server live?", Live),
    ("get", "/v2/health/ready"): _Operation(
        "ready", "Can the server answer?", Ready, refusals=(503,)
    ),
    ("get", "/v2"): _Operation("server", "What this server is.", ServerMetadata),
    ("get", "/"): _Operation("alive", "Does the server live?", Alive),
}


def openapi(name: str, version: str) -> Json:
    """
    Describe the application.

    Args:
        name: What the model is called.
        version: Of breakcast.

    >>> sorted(openapi("m", "1.0"))
    ['components', 'info', 'openapi', 'paths', 'security']
    """
    kinds = {ErrorBody}
    for operation in _OPERATIONS.values():
        kinds |= {*_alternatives(operation.answer), *_alternatives(operation.asked)}
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    schemas, components = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    refs = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Json] = {}
    for (method, path), operation in _OPERATIONS.items():
        described = _described(operation, path, refs, name)
        paths.setdefault(path, {})[method] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "breakcast",
            "summary": "Forecasts which CI builds will break",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(
    operation: _Operation, path: str, refs: Mapping[Any, Json], name: str
) -> Json:
    answers: Json = {"200": _content("Answered.", operation.answer, refs)}
    for status in operation.refusals:
        answers[str(status)] = _content(_MEANING[status], ErrorBody, refs)
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": answers,
    }
    parameters = []
    if "{model}" in path:
        parameters.append(_named("model", "What the model is called.", name))
    if "{version}" in path:
        parameters.append(_named("version", "Such as v1.0.", "v1.0"))
    if parameters:
        described["parameters"] = parameters
    if operation.asked is not None:
        asked = _content("The request.", operation.asked, refs)
        described["requestBody"] = {**asked, "required": True}
    return described


def _named(parameter: str, meaning: str, example: str) -> Json:
    return {
        "name": parameter,
        "in": "path",
        "required": True,
        "description": meaning,
        "schema": {"type": "string"},
        "example": example,
    }


def _content(meaning: str, kinds: Any, refs: Mapping[Any, Json]) -> Json:  # noqa: ANN401 - a type, or several
    schemas = [refs[kind] for kind in _alternatives(kinds)]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}


def _alternatives(kinds: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a type, or several
    if kinds is None:
        return ()
    return kinds if isinstance(kinds, tuple) else (kinds,)
