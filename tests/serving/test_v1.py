"""KServe V1: what is asked is answered, and what is wrong is named."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from math import nan
from typing import Any

import msgspec
import numpy as np
import pytest

from breakcast.errors import BadRequest, Malformed, TooLarge, Unprocessable
from breakcast.serving.predictor import Models, VectorScores
from breakcast.serving.work import BuildWork, VectorWork, Workshop
from tests.serving.made_servers import MadeServer, made_bundle

WIDTH = made_bundle().catalog.width
FULL = [0.25] * WIDTH


def ask(body: Any, kind: str = "predict", **made: Any) -> Any:  # noqa: ANN401 - JSON
    server = MadeServer(**made)
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    models = server.predictor.models()
    work = getattr(server.v1, kind)(models, encoded)
    return msgspec.json.decode(done(server, models, work))


def done(server: MadeServer, models: Models, work: VectorWork | BuildWork) -> bytes:
    async def do() -> bytes:
        with ThreadPoolExecutor(1) as threads:
            return await Workshop(server.predictor, threads).do(models, work)

    return asyncio.run(do())


def refusal(body: Any, kind: type[BadRequest], **made: Any) -> str:  # noqa: ANN401 - JSON
    with pytest.raises(kind) as refused:
        ask(body, **made)
    return str(refused.value)


def test_the_headline_is_answered_as_the_bundle_says() -> None:
    expected = made_bundle().probability(np.array([[0.5, 0.3, 0.8, 0.2]]))

    assert ask({"instances": [[0.5, 0.3, 0.8, 0.2]]}) == {
        "predictions": expected.tolist()
    }


def test_vectors_of_full_width_may_hold_unknowns_and_whole_numbers() -> None:
    vector = [None, 1, *FULL[2:]]
    row = np.array([[nan, 1.0, *FULL[2:]]])

    answer = ask({"instances": [vector, FULL]})

    expected = made_bundle().probability(np.vstack([row, [FULL]]))
    assert answer["predictions"] == expected.tolist()


def test_what_else_stands_in_the_body_is_not_looked_at() -> None:
    assert "predictions" in ask({"signature_name": "x", "instances": [[0, 0, 0, 0]]})


def test_a_large_request_is_answered_as_many_small_ones() -> None:
    """It takes the way through another thread."""
    rng = np.random.default_rng(3)
    vectors = rng.random((2_000, 4)).round(3).tolist()

    whole = ask({"instances": vectors}, row_limit=2_000)["predictions"]

    assert whole == made_bundle().probability(np.array(vectors)).tolist()


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"", Malformed, "the body is no JSON: Input data was truncated"),
        (b"hello", Malformed, "the body is no JSON: JSON is malformed"),
        (b"\xff\xfe", Malformed, "invalid character"),
        (b"\xef\xbb\xbf{}", Malformed, "without a byte order mark"),
        (b"[]", Malformed, "not the message expected: Expected `object`, got `array`"),
        (b"{}", Malformed, "missing required field `instances`"),
        (b'{"instances":[[NaN,0,0,0]]}', Malformed, "NaN and Infinity are no JSON"),
        (b'{"instances":[[Infinity,0,0,0]]}', Malformed, "invalid character"),
        (b'{"instances":[[1,2,3,4]]} x', Malformed, "trailing characters"),
        (
            b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            Malformed,
            "nested too deeply",
        ),
        (
            b'{"instances":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            Malformed,
            "nested too deeply: more than 64 times at byte 7",
        ),
        (
            b'{"instances":' + b"[" * 1_000 + b"]" * 1_000 + b"}",
            Unprocessable,
            "instances[0][0]; expected",
        ),
        (b'{"instances":3}', Unprocessable, "instances is 3; expected `array`"),
        (b'{"instances":null}', Unprocessable, "instances is null"),
        (b'{"instances":[0.5,0.3]}', Unprocessable, "instances[0] is 0.5"),
        (b'{"instances":[[1,"a",3,4]]}', Unprocessable, 'instances[0][1] is "a"'),
        (b'{"instances":[[1,true,3,4]]}', Unprocessable, "instances[0][1] is true"),
        (b'{"instances":[[1,[2],3,4]]}', Unprocessable, "instances[0][1] is [2]"),
        (b'{"instances":[[1e999,2,3,4]]}', Unprocessable, "instances[0][0] is 1e999"),
        (
            b'{"instances":[[1,2,3,' + b"9" * 400 + b"]]}",
            Unprocessable,
            "instances[0][3] is 9999",
        ),
        (
            b'{"instances":[[1,2,3,' + b"9" * 30 + b"]]}",
            Unprocessable,
            "instances[0][3] is 9999",
        ),
        (b'{"instances":[[-1e300,2,3,4]]}', Unprocessable, "instances[0][0] is -1e300"),
        (b'{"instances":[]}', Unprocessable, "instances is empty; give at least one"),
        (b'{"instances":[[]]}', Unprocessable, "instances[0] has 0 numbers"),
        (b'{"instances":[[1,2,3]]}', Unprocessable, f"takes {WIDTH} features"),
        (
            b'{"instances":[[1,2,3,4],[1,2,3]]}',
            Unprocessable,
            "instances[1] has 3 numbers and instances[0] has 4",
        ),
        (
            b'{"instances":[[1,2,3,4],{"repo":"a/b"}]}',
            Unprocessable,
            "instances[1] is not of the kind of those before it",
        ),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, bytes) else None,
)
def test_what_cannot_be_answered_is_refused_with_its_place(
    body: bytes, kind: type[BadRequest], message: str
) -> None:
    assert message in refusal(body, kind)


def test_more_rows_than_allowed_are_too_large() -> None:
    message = refusal({"instances": [[0, 0, 0, 0]] * 51}, TooLarge)

    assert message == "instances has 51 rows; at most 50 are answered at once"


def test_a_build_is_answered_with_exactly_the_keys_that_were_promised() -> None:
    answer = ask({"instances": [{"repo": "acme/shop"}]})

    assert answer == {
        "predictions": [
            {
                "probability": made_bundle().prior.ratio("unknown", "unknown"),
                "advice": "observe",
                "abstained": True,
                "reasons": [],
                "model_version": "v0.0",
                "degraded": True,
            }
        ]
    }


def test_a_row_of_a_builds_file_is_a_question_as_it_is() -> None:
    row = {
        "repo": "acme/shop",
        "build_id": "8812",
        "started_at": "2026-02-28T10:00:00Z",
        "outcome": "failed",
        "finished_at": "2026-02-28T10:10:00Z",
        "pipeline": "ci.yml",
        "attempt": 2,
        "is_bot": False,
        "lines_added": 12.0,
        "changed_paths": ["src/a.py", "src/b.py"],
        "duration_seconds": 600,
        "signal.sloc": 1200,
        "result.tests_failed": 3,
        "author": None,
    }

    assert len(ask({"instances": [row]})["predictions"]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "instances[0]: repo '' is empty"),
        ({"repo": "/shop"}, "instances[0]: repo '/shop' has no organisation"),
        ({"repo": "a/b", "brnach": "x"}, "'brnach' is no column of the builds file"),
        ({"repo": "a/b", "signal.": 1}, "'signal.' is no column"),
        ({"repo": "a/b", "attempt": 0}, "attempt '0' is no attempt"),
        ({"repo": "a/b", "started_at": "soon"}, "started_at 'soon' is no time"),
        ({"repo": "a/b", "started_at": "2027-01-01"}, "is in the future"),
        ({"repo": "a/b", "lines_added": -1}, "lines_added '-1' is below zero"),
        ({"repo": "a/b", "branch": "a\x00b"}, "control character"),
        ({"repo": "a" * 2_000}, "has 2000 characters"),
    ],
)
def test_a_build_that_will_not_do_is_refused_with_its_column(
    words: dict[str, Any], message: str
) -> None:
    assert message in refusal({"instances": [words]}, Unprocessable)


@pytest.mark.parametrize("value", [{"a": 1}, [1], [["x"]]])
def test_a_build_holds_words_and_numbers_only(value: object) -> None:
    refusal({"instances": [{"repo": "a/b", "branch": value}]}, Unprocessable)


def test_a_vector_is_explained_by_what_was_known_and_what_the_trees_made_of_it() -> (
    None
):
    (told,) = ask({"instances": [[0.5, None, 0.8, 0.25]]}, "explain")["explanations"]

    rows = np.array([[0.5, nan, 0.8, 0.25]])
    logit = made_bundle().logit(rows)[0]
    assert told["uncalibrated_probability"] == pytest.approx(1 / (1 + np.exp(-logit)))
    assert told["probability"] == made_bundle().probability(rows)[0]
    assert told["features"] == {
        "headline.pipeline_red_ratio": 0.5,
        "headline.author_red_ratio": 0.8,
        "headline.change_size": 0.25,
    }


def test_a_build_of_which_nothing_can_be_known_is_explained_by_the_prior() -> None:
    body = {"instances": [{"repo": "acme/shop"}]}

    (told,) = ask(body, "explain")["explanations"]

    assert told["degraded"] is True
    assert told["uncalibrated_probability"] is None
    assert told["features"] == {}


def test_requests_that_wait_together_get_each_its_own_answer() -> None:
    server = MadeServer()
    models = server.predictor.models()
    rng = np.random.default_rng(1)
    asked = [rng.random((1 + n % 3, (4, WIDTH)[n % 2])).tolist() for n in range(20)]

    async def all_at_once() -> list[list[float]]:
        with ThreadPoolExecutor(1) as threads:
            workshop = Workshop(server.predictor, threads)
            works = [VectorWork(np.array(vectors), _as_json) for vectors in asked]
            answers = await asyncio.gather(*(workshop.do(models, one) for one in works))
            return [msgspec.json.decode(answer) for answer in answers]

    expected = [
        made_bundle().probability(np.array(vectors)).tolist() for vectors in asked
    ]
    assert asyncio.run(all_at_once()) == expected


def test_what_breaks_a_batch_is_told_to_all_who_wait() -> None:
    server = MadeServer()
    models = server.predictor.models()

    async def all_at_once() -> list[object]:
        with ThreadPoolExecutor(1) as threads:
            workshop = Workshop(server.predictor, threads)
            wrong = VectorWork(np.zeros((1, 5)), _as_json)
            both = [workshop.do(models, wrong), workshop.do(models, wrong)]
            return list(await asyncio.gather(*both, return_exceptions=True))

    assert [type(error).__name__ for error in asyncio.run(all_at_once())] == [
        "BadInput",
        "BadInput",
    ]


def _as_json(scores: VectorScores) -> bytes:
    return msgspec.json.encode(scores.probability)
