"""A large body read in pieces says what it says read whole."""

import json
import random
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakcast.errors import BadRequest, Malformed, TooLarge, Unprocessable
from breakcast.serving import pieces as of_pieces
from breakcast.serving.pieces import take_apart
from tests.serving.made_servers import MadeServer, made_bundle
from tests.serving.test_v1 import done

WIDTH = made_bundle().catalog.width
TEXT = st.text('a"\\[]{},: \u00e9\n', max_size=6)
VALUES = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
ELEMENTS = st.one_of(
    st.lists(st.lists(VALUES | TEXT, max_size=4), max_size=20),
    st.lists(st.dictionaries(TEXT, VALUES | TEXT | st.lists(TEXT)), max_size=12),
    st.lists(VALUES, max_size=40),
)


@given(
    elements=ELEMENTS,
    beside=st.dictionaries(TEXT, TEXT | ELEMENTS, max_size=3),
    indent=st.none() | st.integers(0, 2),
    piece=st.integers(8, 40),
)
def test_pieces_and_skeleton_hold_exactly_what_the_body_held(
    elements: list[Any], beside: dict[str, Any], indent: int | None, piece: int
) -> None:
    body = {**beside, "rows": elements, "more": {"rows": [1]}}
    before, of_pieces.PIECE_BYTES = of_pieces.PIECE_BYTES, piece
    try:
        taken = take_apart(json.dumps(body, indent=indent).encode(), "rows", 1)
        parts = [json.loads(part) for part in taken.parts]
    finally:
        of_pieces.PIECE_BYTES = before

    assert [element for part in parts for element in part] == elements
    assert json.loads(taken.skeleton) == {**body, "rows": []}


def test_the_array_is_found_by_name_and_depth() -> None:
    body = b'{"data": [9], "inputs": [{"x": {"data": [8]}, "data" : [1, 2]}]}'

    taken = take_apart(body, "data", 3)

    assert list(taken.parts) == [b"[1, 2]"]
    assert taken.is_flat


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b'{"other": [1]}', Malformed, "has no array 'rows' that ends"),
        (b'{"rows": [1', Malformed, "has no array 'rows' that ends"),
        (b'{"rows": 3}', Malformed, "has no array 'rows' that ends"),
        (b"", Malformed, "has no array 'rows' that ends"),
        (b"]" * 100, Malformed, "has no array 'rows' that ends"),
        (b'{"rows": ["' + b"a" * 70_000 + b'"]}', Malformed, "byte 11 begins a string"),
        (b'{"rows": ["abc', Malformed, "byte 11 begins a string that does not end"),
        (b'{"rows":' + b"[" * 65, Malformed, "nested too deeply"),
        (
            b'{"rows":[],"x":"' + b" " * 60_000 + b'","y":"' + b" " * 9_000 + b'"}',
            TooLarge,
            "bytes beside rows",
        ),
    ],
)
def test_what_is_no_such_body_is_refused(
    body: bytes, kind: type[BadRequest], message: str
) -> None:
    with pytest.raises(kind) as refused:
        take_apart(body, "rows", 1)

    assert message in str(refused.value)


def large(rows: int, change: Callable[[list[Any]], None] = lambda _: None) -> bytes:
    """A body of vectors that is read in pieces."""
    chance = random.Random(4)  # noqa: S311 - made-up numbers
    vectors = [[chance.random() for _ in range(WIDTH)] for _ in range(rows)]
    change(vectors)
    body = json.dumps({"instances": vectors}).encode()
    assert len(body) > of_pieces.WHOLE_BYTES
    return body


def changed(row: int, column: int, value: object) -> Callable[[list[Any]], None]:
    def change(vectors: list[Any]) -> None:
        vectors[row][column] = value

    return change


def dropped(row: int) -> Callable[[list[Any]], None]:
    return lambda vectors: vectors[row].pop()


def test_many_vectors_get_the_answers_that_few_would() -> None:
    server = MadeServer(row_limit=500)
    models = server.predictor.models()
    body = large(300, changed(7, 3, None))

    answer = json.loads(done(server, models, server.v1.predict(models, body)))
    told = json.loads(done(server, models, server.v1.explain(models, body)))

    rows = np.array(json.loads(body)["instances"], float)
    assert answer["predictions"] == made_bundle().probability(rows).tolist()
    assert len(told["explanations"]) == 300
    assert len(told["explanations"][7]["features"]) == WIDTH - 1


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (changed(299, 2, "x"), Unprocessable, "instances[299][2]"),
        (changed(250, 0, value=True), Unprocessable, "instances[250][0]"),
        (changed(0, 0, 1e300), Unprocessable, "instances[0][0]"),
        (dropped(298), Unprocessable, f"instances[298] has {WIDTH - 1} numbers"),
        (dropped(0), Unprocessable, f"instances[0] has {WIDTH - 1} numbers"),
        (
            lambda vectors: vectors.append({"repo": "a/b"}),
            Unprocessable,
            "instances[300] is not of the kind",
        ),
        (lambda vectors: vectors.append(3), Unprocessable, "instances[300] is 3"),
        (
            lambda vectors: vectors.extend(vectors[:201]),
            TooLarge,
            "at most 500 are answered",
        ),
    ],
)
def test_an_error_far_into_a_large_body_is_named_by_its_number(
    change: Callable[[list[Any]], None], kind: type[BadRequest], message: str
) -> None:
    server = MadeServer(row_limit=500)
    models = server.predictor.models()

    with pytest.raises(kind) as refused:
        server.v1.predict(models, large(300, change))

    assert message in str(refused.value)


def test_many_builds_are_read_in_pieces_too() -> None:
    server = MadeServer(row_limit=5_000)
    models = server.predictor.models()
    builds = [{"repo": "acme/shop", "branch": f'a"]{n}'} for n in range(4_000)]
    body = msgspec.json.encode({"instances": builds})
    builds[3_999] = {"repo": "acme/shop", "attempt": 0}
    wrong = msgspec.json.encode({"instances": builds})

    answer = json.loads(done(server, models, server.v1.predict(models, body)))
    with pytest.raises(Unprocessable, match=r"instances\[3999\]: attempt '0'"):
        server.v1.predict(models, wrong)

    assert len(answer["predictions"]) == 4_000


@pytest.mark.parametrize("is_nested", [True, False])
def test_a_large_tensor_is_read_flat_and_nested(*, is_nested: bool) -> None:
    server = MadeServer(row_limit=500)
    models = server.predictor.models()
    rows = json.loads(large(300))["instances"]
    flat = [value for row in rows for value in row]

    def request(data: list[Any], count: int = 300) -> bytes:
        tensor = {"name": "x", "datatype": "FP64", "shape": [count, WIDTH]}
        return msgspec.json.encode({"inputs": [tensor | {"data": data}]})

    data = rows if is_nested else flat
    work = server.v2.infer(models, request(data))
    answer = json.loads(done(server, models, work))

    expected = made_bundle().probability(np.array(rows)).tolist()
    assert answer["outputs"][0]["data"] == expected
    with pytest.raises(Unprocessable, match=f"holds {300 * WIDTH} values"):
        server.v2.infer(models, request(data, count=301))
    with pytest.raises(Unprocessable, match=r"inputs\[0\]\.data"):
        server.v2.infer(models, request([*data[:-1], "x"]))
