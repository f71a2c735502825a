"""
The Open Inference protocol (V2): tensors in, tensors out, over JSON.

One input, `features`, of shape [n, width] or [n, 4]; two outputs, one number a
row each. What is asked for and not supported is refused by name.

Source: https://github.com/kserve/open-inference-protocol (inference_rest.md).
"""

import msgspec
import numpy as np

from breakcast.errors import Unprocessable, Unsupported
from breakcast.features.catalog import HEADLINE_WIDTH
from breakcast.serving.pieces import WHOLE_BYTES, Pieces, take_apart
from breakcast.serving.predictor import Models, VectorScores
from breakcast.serving.reading import Body, read
from breakcast.serving.v2messages import (
    DATATYPES,
    INPUT,
    OUTPUTS,
    InferRequest,
    InferResponse,
    Int64,
    ModelMetadata,
    Parameters,
    RequestInput,
    RequestOutput,
    ResponseOutput,
    TensorMetadata,
)
from breakcast.serving.vectors import Number, Vector, Vectors, matrix_of, refuse_many
from breakcast.serving.work import VectorWork

PLATFORM = "breakcast_treelite"

# These change what the answer looks like; to ignore one would be to answer another
# question. Any other parameter may stay unknown to a server.
_UNSUPPORTED_PARAMETERS = frozenset(
    {"binary_data", "binary_data_size", "binary_data_output", "classification"}
)
_DECODER = msgspec.json.Decoder(InferRequest)
_ENCODER = msgspec.json.Encoder()
_FLAT: dict[str, msgspec.json.Decoder[list[float | None]]] = {
    "FP32": msgspec.json.Decoder(list[Number | None]),
    "FP64": msgspec.json.Decoder(list[Number | None]),
    "INT64": msgspec.json.Decoder(list[Int64 | None]),
    "BOOL": msgspec.json.Decoder(list[bool | None]),
}
_NESTED: dict[str, msgspec.json.Decoder[list[Vector]]] = {
    "FP32": msgspec.json.Decoder(list[list[Number | None]]),
    "FP64": msgspec.json.Decoder(list[list[Number | None]]),
    "INT64": msgspec.json.Decoder(list[list[Int64 | None]]),
    "BOOL": msgspec.json.Decoder(list[list[bool | None]]),
}
_MATRIX = 2
_DATA = "inputs[0].data"


class V2:
    """
    The protocol, for one model.

    Args:
        name: What the model is called.
        row_limit: How many rows are answered at once.
    """

    def __init__(self, *, name: str, row_limit: int) -> None:
        self._name = name
        self._row_limit = row_limit

    def infer(self, models: Models, body: Body) -> VectorWork:
        """
        Read an inference request.

        Raises:
            BadRequest: If it cannot be answered; says where and why.
        """
        pieces = None
        if len(body) > WHOLE_BYTES:
            pieces = take_apart(body, "data", depth=3)
            body = pieces.skeleton
        request = read(_DECODER, body, "")
        _refuse_parameters(request.parameters, "parameters")
        wanted = _wanted(request.outputs)
        if len(request.inputs) != 1:
            named = ", ".join(repr(one.name) for one in request.inputs) or "none"
            message = f"inputs are {named}; this model takes one, {INPUT!r}"
            raise Unprocessable(message)
        tensor, width = request.inputs[0], models.champion.catalog.width
        self._check(tensor, width)
        if pieces is None:
            vectors = _whole(tensor, width)
        else:
            vectors = _gathered(tensor, width, pieces)

        def answer(scores: VectorScores) -> bytes:
            columns = dict(
                zip(OUTPUTS, (scores.probability, scores.uncalibrated), strict=True)
            )
            return _ENCODER.encode(
                InferResponse(
                    self._name,
                    scores.version,
                    [
                        ResponseOutput(name, "FP64", [len(vectors)], columns[name])
                        for name in wanted
                    ],
                    msgspec.UNSET if request.id is None else request.id,
                )
            )

        return VectorWork(vectors, answer)

    def metadata(self, models: Models) -> ModelMetadata:
        """Tell what the model takes and gives."""
        catalog = models.champion.catalog
        return ModelMetadata(
            self._name,
            [models.champion.version],
            PLATFORM,
            [TensorMetadata(INPUT, "FP64", [-1, catalog.width])],
            [TensorMetadata(name, "FP64", [-1]) for name in OUTPUTS],
            {
                "catalog_hash": models.champion.manifest.catalog_hash,
                "columns": ",".join(catalog.names),
                "headline": ",".join(catalog.names[:HEADLINE_WIDTH]),
            },
        )

    def _check(self, tensor: RequestInput, width: int) -> None:
        place = "inputs[0]"
        _refuse_parameters(tensor.parameters, f"{place}.parameters")
        if tensor.datatype not in DATATYPES:
            message = (
                f"{place}.datatype is {tensor.datatype!r}; this model takes "
                f"{', '.join(DATATYPES)}"
            )
            raise Unprocessable(message)
        shape = tensor.shape
        if len(shape) != _MATRIX or shape[1] not in {width, HEADLINE_WIDTH}:
            message = (
                f"{place}.shape is {shape}; this model takes [n, {width}], or "
                f"[n, {HEADLINE_WIDTH}] for the headline"
            )
            raise Unprocessable(message)
        refuse_many(max(shape[0], 0), self._row_limit, place)


def _whole(tensor: RequestInput, width: int) -> Vectors:
    """Read a tensor's data."""
    shape, data = tensor.shape, bytes(tensor.data)
    if _is_nested(data):
        rows = read(_NESTED[tensor.datatype], data, _DATA)
        vectors = matrix_of(rows, width, _DATA)
        if list(vectors.shape) != shape:
            raise _other_shape(vectors.size, shape)
        return vectors
    values = read(_FLAT[tensor.datatype], data, _DATA)
    if len(values) != shape[0] * shape[1]:
        raise _other_shape(len(values), shape)
    return np.array(values, np.float64).reshape(shape)


def _gathered(tensor: RequestInput, width: int, pieces: Pieces) -> Vectors:
    """Read a tensor's data piece by piece."""
    shape, blocks, count = tensor.shape, [], 0
    for part in pieces.parts:
        if pieces.is_flat:
            values = read(_FLAT[tensor.datatype], part, _DATA, count)
            blocks.append(np.array(values, np.float64))
            count += len(values)
        else:
            vectors = read(_NESTED[tensor.datatype], part, _DATA, count)
            block = matrix_of(vectors, width, _DATA, count, shape[1])
            blocks.append(block.ravel())
            count += len(vectors)
        if count > shape[0] * shape[1]:
            break
    values_found = sum(map(len, blocks))
    if values_found != shape[0] * shape[1]:
        raise _other_shape(values_found, shape)
    return np.concatenate(blocks).reshape(shape)


def _is_nested(data: bytes) -> bool:
    return data[1:].lstrip()[:1] == b"["


def _other_shape(found: int, shape: list[int]) -> Unprocessable:
    message = (
        f"{_DATA} holds {found} values, the shape {shape} wants "
        f"{shape[0] * shape[1]}; give one a place, row by row"
    )
    return Unprocessable(message)


def _refuse_parameters(parameters: Parameters, place: str) -> None:
    for name in sorted(_UNSUPPORTED_PARAMETERS.intersection(parameters)):
        message = (
            f"{place}.{name} is not supported; tensors are read and written as JSON, "
            "leave it out"
        )
        raise Unsupported(message)


def _wanted(outputs: list[RequestOutput]) -> list[str]:
    for at, output in enumerate(outputs):
        place = f"outputs[{at}]"
        _refuse_parameters(output.parameters, f"{place}.parameters")
        if output.name not in OUTPUTS:
            message = (
                f"{place}.name is {output.name!r}; this model gives "
                f"{' and '.join(OUTPUTS)}"
            )
            raise Unprocessable(message)
    named = [output.name for output in outputs]
    if len(set(named)) < len(named):
        message = f"outputs are {', '.join(named)}; name each once"
        raise Unprocessable(message)
    return named or list(OUTPUTS)
