"""Open Inference V2: tensors in and out to the letter, the unsupported by its name."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from math import nan
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from breakcast.errors import (
    BadRequest,
    Malformed,
    TooLarge,
    Unprocessable,
    Unsupported,
)
from breakcast.serving.work import Workshop
from tests.serving.made_servers import NAME, MadeServer, made_bundle

GOLDEN = Path(__file__).with_name("golden")
WIDTH = made_bundle().catalog.width
DATA = [0.5, 0.25, 0.75, 0.125]


def infer(body: Any, **made: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    server = MadeServer(**made)
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    models = server.predictor.models()
    work = server.v2.infer(models, encoded)

    async def do() -> bytes:
        with ThreadPoolExecutor(1) as threads:
            return await Workshop(server.predictor, threads).do(models, work)

    answer: dict[str, Any] = msgspec.json.decode(asyncio.run(do()))
    return answer


def request(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A request with one input, some of whose parts are changed."""
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": DATA}
    return {"inputs": [tensor | changed]}


def probability(*rows: list[float]) -> list[float]:
    found: list[float] = made_bundle().probability(np.array(rows, float)).tolist()
    return found


@pytest.mark.parametrize("name", ["headline", "two_rows", "one_output"])
def test_golden_requests_get_golden_responses(name: str) -> None:
    body = (GOLDEN / f"{name}.request.json").read_bytes()
    golden = msgspec.json.decode((GOLDEN / f"{name}.response.json").read_bytes())

    answer = infer(body)

    for ours, theirs in zip(answer["outputs"], golden["outputs"], strict=True):
        assert ours.pop("data") == pytest.approx(theirs.pop("data"), abs=1e-9)
    assert answer == golden


def test_all_outputs_come_if_none_is_named_and_the_probability_first() -> None:
    answer = infer(request())

    first, second = answer["outputs"]
    assert first == {
        "name": "probability",
        "datatype": "FP64",
        "shape": [1],
        "data": probability(DATA),
    }
    logit = made_bundle().logit(np.array([DATA]))[0]
    assert second["name"] == "uncalibrated_probability"
    assert second["data"] == pytest.approx([1 / (1 + np.exp(-logit))])
    assert (answer["model_name"], answer["model_version"]) == (NAME, "v0.0")


def test_only_the_outputs_named_come_in_the_order_named() -> None:
    names = ["uncalibrated_probability", "probability"]

    answer = infer(request() | {"outputs": [{"name": name} for name in names]})

    assert [output["name"] for output in answer["outputs"]] == names


def test_the_id_comes_back_and_none_is_made_up() -> None:
    assert infer(request() | {"id": "42"})["id"] == "42"
    assert "id" not in infer(request())


def test_parameters_that_change_nothing_are_let_pass() -> None:
    harmless = {"content_type": "np", "trace": 1}

    body = request(parameters=harmless) | {"parameters": harmless}

    assert infer(body)["outputs"][0]["data"] == probability(DATA)


@pytest.mark.parametrize(
    ("datatype", "data", "row"),
    [
        ("FP32", [0.1, None, 1, -2.5], [0.1, nan, 1, -2.5]),
        ("FP64", [0.1, None, 1, -2.5], [0.1, nan, 1, -2.5]),
        ("INT64", [0, 1, None, -(2**40)], [0, 1, nan, -(2**40)]),
        ("BOOL", [True, False, None, True], [1, 0, nan, 1]),
    ],
)
def test_every_datatype_is_read_flat_and_nested(
    datatype: str, data: list[Any], row: list[float]
) -> None:
    for form in (data, [data]):
        answer = infer(request(datatype=datatype, data=form))
        assert answer["outputs"][0]["data"] == probability(row)


def test_rows_may_be_of_full_width() -> None:
    row = np.linspace(-1, 1, WIDTH).tolist()

    answer = infer(request(shape=[2, WIDTH], data=row + row))

    assert answer["outputs"][0]["data"] == probability(row, row)


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"{", Malformed, "the body is no JSON"),
        (b"{}", Malformed, "missing required field `inputs`"),
        ({"inputs": []}, Unprocessable, "inputs are none; this model takes one"),
        (
            {"inputs": request()["inputs"] * 2},
            Unprocessable,
            "inputs are 'x', 'x'; this model takes one, 'features'",
        ),
        ({"inputs": {"x": 1}}, Unprocessable, "inputs is"),
        (request(name=3), Unprocessable, "inputs[0].name is 3"),
        (request(datatype="BYTES"), Unprocessable, "inputs[0].datatype is 'BYTES'"),
        (request(datatype="FP16"), Unprocessable, "takes FP32, FP64, INT64, BOOL"),
        (request(shape=[4]), Unprocessable, "inputs[0].shape is [4]"),
        (request(shape=[1, 2, 2]), Unprocessable, "inputs[0].shape is [1, 2, 2]"),
        (request(shape=[1, 5]), Unprocessable, f"takes [n, {WIDTH}], or [n, 4]"),
        (request(shape=["1", 4]), Unprocessable, 'inputs[0].shape[0] is "1"'),
        (request(shape=[0, 4], data=[]), Unprocessable, "inputs[0] is empty"),
        (request(shape=[-1, 4]), Unprocessable, "inputs[0] is empty"),
        (request(shape=[2, 4]), Unprocessable, "wants 8; give one a place"),
        (request(shape=[10**30, 4]), TooLarge, "inputs[0] has 1000"),
        (request(shape=[51, 4]), TooLarge, "at most 50 are answered at once"),
        (request(data=3), Unprocessable, "inputs[0].data is 3"),
        (request(data=[]), Unprocessable, "inputs[0].data holds 0 values"),
        (request(data=[[]]), Unprocessable, "inputs[0].data[0] has 0 numbers"),
        (
            request(shape=[2, 4], data=[DATA, DATA[:3]]),
            Unprocessable,
            "inputs[0].data[1] has 3 numbers and inputs[0].data[0] has 4",
        ),
        (request(data=[DATA, DATA]), Unprocessable, "inputs[0].data holds 8 values"),
        (request(data=[*DATA[:3], "a"]), Unprocessable, 'inputs[0].data[3] is "a"'),
        (request(data=[*DATA[:3], True]), Unprocessable, "inputs[0].data[3] is true"),
        (request(data=[[*DATA[:3], []]]), Unprocessable, "inputs[0].data[0][3] is []"),
        (
            request(datatype="INT64", data=[1, 2, 3, 2**63]),
            Unprocessable,
            "inputs[0].data[3] is 9223372036854775808",
        ),
        (
            request(datatype="INT64", data=[1, 2, 3, 0.5]),
            Unprocessable,
            "inputs[0].data[3] is 0.5",
        ),
        (
            request(datatype="BOOL", data=[1, 0, 0, 1]),
            Unprocessable,
            "inputs[0].data[0] is 1",
        ),
        (
            request() | {"outputs": [{"name": "label"}]},
            Unprocessable,
            "outputs[0].name is 'label'; this model gives probability and",
        ),
        (
            request() | {"outputs": [{"name": "probability"}] * 2},
            Unprocessable,
            "name each once",
        ),
        (
            request(parameters={"binary_data_size": 32}),
            Unsupported,
            "inputs[0].parameters.binary_data_size is not supported",
        ),
        (
            request() | {"parameters": {"binary_data_output": True}},
            Unsupported,
            "parameters.binary_data_output is not supported",
        ),
        (
            request()
            | {"outputs": [{"name": "probability", "parameters": {"binary_data": 1}}]},
            Unsupported,
            "outputs[0].parameters.binary_data is not supported",
        ),
        (
            b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[NaN]}]}',
            Malformed,
            "NaN and Infinity are no JSON",
        ),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, str) else None,
)
def test_what_cannot_be_answered_is_refused_with_its_place(
    body: Any,  # noqa: ANN401 - JSON
    kind: type[BadRequest],
    message: str,
) -> None:
    with pytest.raises(kind) as refused:
        infer(body)

    assert message in str(refused.value)


def test_the_metadata_tells_the_columns_and_both_widths() -> None:
    server = MadeServer()

    told = server.v2.metadata(server.predictor.models())

    names = made_bundle().catalog.names
    assert told.inputs[0].shape == [-1, WIDTH]
    assert told.properties["columns"].split(",") == list(names)
    assert told.properties["headline"].split(",") == list(names[:4])
    assert told.versions == ["v0.0"]
