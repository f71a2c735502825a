"""The messages of the Open Inference protocol, as it names them and as we fill them."""

from typing import Annotated, Any, TypeAlias

import msgspec

INPUT = "features"
DATATYPES = ("FP32", "FP64", "INT64", "BOOL")
OUTPUTS = ("probability", "uncalibrated_probability")

Parameters: TypeAlias = dict[str, Any]
Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


def _described(**schema: object) -> msgspec.Meta:
    """Say in the schema what is checked later, and refused in words of our own."""
    return msgspec.Meta(extra_json_schema=schema)


class RequestInput(msgspec.Struct, frozen=True):
    """An input tensor; `data` is flat in row-major order, or nested by row."""

    name: str
    shape: Annotated[list[int], _described(minItems=2, maxItems=2)]
    datatype: Annotated[str, _described(enum=list(DATATYPES))]
    data: Annotated[
        msgspec.Raw,
        _described(
            type="array", items={"type": ["number", "boolean", "null", "array"]}
        ),
    ]
    parameters: Parameters = {}


class RequestOutput(msgspec.Struct, frozen=True):
    """An output tensor asked for."""

    name: Annotated[str, _described(enum=list(OUTPUTS))]
    parameters: Parameters = {}


class InferRequest(msgspec.Struct, frozen=True):
    """Rows to score, and which outputs are wanted: all of them, if none is named."""

    inputs: Annotated[list[RequestInput], _described(minItems=1, maxItems=1)]
    id: str | None = None
    parameters: Parameters = {}
    outputs: list[RequestOutput] = []


class ResponseOutput(msgspec.Struct, frozen=True):
    """An output tensor: one number a row."""

    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class InferResponse(msgspec.Struct, frozen=True):
    """What the model says, and which version of it."""

    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str | msgspec.UnsetType = msgspec.UNSET


class TensorMetadata(msgspec.Struct, frozen=True):
    """A tensor: -1 in its shape is any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, frozen=True):
    """What a model takes and gives; `properties` names its columns."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    properties: dict[str, str]


class ServerMetadata(msgspec.Struct, frozen=True):
    """What this server is."""

    name: str
    version: str
    extensions: list[str]
