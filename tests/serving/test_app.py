"""The HTTP application: paths, forms of a body, errors, roles, counts."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from breakcast.serving.access import Access, Token, make_token
from breakcast.serving.predictor import Models
from tests.serving.made_servers import NAME, MadeServer, made_bundle
from tests.serving.served import wait_for

PREDICT = f"/v1/models/{NAME}:predict"
EXPLAIN = f"/v1/models/{NAME}:explain"
INFER = f"/v2/models/{NAME}/infer"
BODY = b'{"instances": [[0.5, 0.3, 0.8, 0.2]]}'
TENSOR = (
    b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64",'
    b'"data":[0.5,0.3,0.8,0.2]}]}'
)


def call(
    method: str,
    path: str,
    server: MadeServer | None = None,
    **given: Any,  # noqa: ANN401 - as httpx takes it
) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with (server or MadeServer()).client() as client:
            return await client.request(method, path, **given)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/x-www-form-urlencoded",
        "application/vnd.api+json",
    ],
)
def test_json_is_read_under_every_name_it_goes_by(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}

    answer = call("POST", PREDICT, content=BODY, headers=headers)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.json()["predictions"]) == 1


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"content-type": "text/csv"}, "content-type is 'text/csv'"),
        ({"content-type": "application/json; charset=utf-16"}, "charset is 'utf-16'"),
        ({"content-encoding": "gzip"}, "content-encoding is 'gzip'"),
        ({"inference-header-content-length": "9"}, "tensors are binary"),
    ],
)
def test_other_forms_are_refused_by_their_header(
    headers: dict[str, str], message: str
) -> None:
    answer = call("POST", PREDICT, content=BODY, headers=headers)

    assert answer.status_code == 415
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", PREDICT, b"{", 400, "no JSON"),
        ("POST", PREDICT, b'{"instances":[[1]]}', 422, "instances[0] has 1 numbers"),
        ("POST", PREDICT, b" " * 100_001, 413, "at most 100000 are read"),
        ("POST", INFER, b"{}", 400, "missing required field `inputs`"),
        ("POST", "/v1/models/other:predict", BODY, 404, "there is no model 'other'"),
        ("POST", "/v2/models/other/infer", TENSOR, 404, "there is 'm'"),
        ("GET", "/v1/models/other", b"", 404, "there is no model 'other'"),
        (
            "POST",
            f"/v2/models/{NAME}/versions/v9.9/infer",
            TENSOR,
            404,
            "version 'v9.9' of 'm' does not answer; 'v0.0' does",
        ),
        ("GET", "/nowhere", b"", 404, "there is nothing at '/nowhere'"),
        ("GET", PREDICT, b"", 405, "does not take GET; it takes POST"),
        ("DELETE", "/metrics", b"", 405, "does not take DELETE; it takes"),
    ],
)
def test_an_error_is_json_with_what_was_wrong(
    method: str, path: str, body: bytes, status: int, message: str
) -> None:
    answer = call(method, path, content=body)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert message in answer.json()["error"]


def test_a_body_without_a_length_is_cut_off_at_the_limit() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 1_000

    answer = call("POST", PREDICT, content=endless())

    assert answer.status_code == 413


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b'{"inst'
        await asyncio.sleep(30)

    answer = call("POST", PREDICT, MadeServer(body_seconds=0.2), content=never())

    assert answer.status_code == 408
    assert "did not arrive within 0.2 s" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", {"status": "alive"}),
        ("/v2/health/live", {"live": True}),
        ("/v1/models", {"models": [NAME]}),
    ],
)
def test_pages_tell_how_things_stand(path: str, expected: object) -> None:
    answer = call("GET", path)

    assert (answer.status_code, answer.json()) == (200, expected)


def test_a_version_that_answers_may_be_named() -> None:
    named = f"/v2/models/{NAME}/versions/v0.0"

    assert call("POST", f"{named}/infer", content=TENSOR).status_code == 200
    assert call("GET", named).json()["versions"] == ["v0.0"]


@pytest.mark.parametrize("path", ["/v2/health/ready", f"/v1/models/{NAME}"])
def test_it_is_not_ready_before_a_model_is_loaded(path: str) -> None:
    server = MadeServer(is_loaded=False)

    answer = call("GET", path, server)

    assert answer.status_code == 503
    assert "no model is loaded yet" in answer.json()["error"]
    assert call("POST", PREDICT, server, content=BODY).status_code == 503


def test_it_is_ready_once_a_model_answers_and_not_while_it_drains() -> None:
    server = MadeServer()
    server.follower.start()
    wait_for(lambda: server.follower.is_ready, "the follower")

    assert call("GET", "/v2/health/ready", server).json() == {"ready": True}
    assert call("GET", f"/v2/models/{NAME}/ready", server).status_code == 200

    server.lifecycle.is_draining = True
    draining = call("GET", "/v2/health/ready", server)
    answered = call("POST", PREDICT, server, content=BODY)
    server.follower.close()

    assert draining.status_code == 503
    assert answered.status_code == 200
    assert answered.headers["connection"] == "close"


def test_a_request_keeps_its_id_and_one_without_gets_one() -> None:
    given = call("POST", PREDICT, content=BODY, headers={"x-request-id": "a-1"})
    hostile = call("GET", "/", headers={"x-request-id": "a b\tc" * 100})

    assert given.headers["x-request-id"] == "a-1"
    assert len(hostile.headers["x-request-id"]) == 16


@pytest.mark.parametrize("path", [PREDICT, f"/v2/models/{NAME}/versions/v0.0/infer"])
def test_a_bug_is_told_as_such_and_its_cause_goes_into_the_log_only(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = MadeServer()

    def broken(*_: object) -> None:
        message = "a secret"
        raise ZeroDivisionError(message)

    server.predictor.score = broken  # type: ignore[assignment,method-assign] - to see what a bug does
    body = TENSOR if path.endswith("infer") else BODY
    with caplog.at_level(logging.ERROR):
        answer = call("POST", path, server, content=body)

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "a secret" in caplog.text
    assert server.counted()[
        f'ml_predictions_total{{model="{NAME}",status="server_error"}}'
    ]


class TestAccess:
    """Tokens and what they allow."""

    TOKEN, KEPT = make_token("ci", ["read"])
    OTHER, OTHER_KEPT = make_token("hooks", ["ingest"])

    def server(self) -> MadeServer:
        return MadeServer(access=Access(map(Token.parse, (self.KEPT, self.OTHER_KEPT))))

    @pytest.mark.parametrize("header", [None, "Bearer", "Bearer x", "Basic abc"])
    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", PREDICT), ("GET", f"/v2/models/{NAME}"), ("GET", "/openapi.json")],
    )
    def test_without_a_token_there_is_no_answer(
        self, method: str, path: str, header: str | None
    ) -> None:
        headers = {} if header is None else {"authorization": header}

        answer = call(method, path, self.server(), headers=headers)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"

    def test_a_token_of_the_role_is_let_in(self) -> None:
        headers = {"authorization": f"Bearer {self.TOKEN}"}

        answer = call("POST", PREDICT, self.server(), content=BODY, headers=headers)

        assert answer.status_code == 200

    def test_a_token_of_another_role_is_not(self) -> None:
        headers = {"authorization": f"bearer {self.OTHER}"}

        answer = call("POST", PREDICT, self.server(), content=BODY, headers=headers)

        assert answer.status_code == 403
        assert answer.json() == {
            "error": "the token 'hooks' allows ingest; this takes read"
        }

    @pytest.mark.parametrize("path", ["/v2/health/live", "/metrics"])
    def test_probes_and_scrapes_need_none(self, path: str) -> None:
        assert call("GET", path, self.server()).status_code == 200


@pytest.mark.parametrize(
    ("roles", "status"), [({"predict"}, 200), ({"ingest"}, 404), ({"console"}, 404)]
)
def test_a_server_answers_what_its_roles_say(roles: Any, status: int) -> None:  # noqa: ANN401 - a set of roles
    server = MadeServer(roles=frozenset(roles))

    assert call("POST", PREDICT, server, content=BODY).status_code == status
    assert call("POST", "/webhooks/github", server).status_code == 404
    assert call("GET", "/metrics", server).status_code == 200


def test_a_server_without_forecasts_is_ready_without_a_model() -> None:
    server = MadeServer(roles=frozenset({"ingest"}), is_loaded=False)

    assert call("GET", "/v2/health/ready", server).status_code == 200


class TestCounts:
    """What the metrics say of requests."""

    def test_every_label_set_is_there_from_the_start(self) -> None:
        counted = MadeServer().counted()

        for status in ("success", "client_error", "server_error"):
            name = f'ml_predictions_total{{model="{NAME}",status="{status}"}}'
            assert counted[name] == 0
        assert counted[f'ml_prediction_latency_seconds_count{{model="{NAME}"}}'] == 0
        assert (
            counted[
                'breakcast_request_duration_seconds_count{code="5xx",route="v2_infer"}'
            ]
            == 0
        )
        assert counted[f'breakcast_refused_swaps_total{{model="{NAME}"}}'] == 0

    def test_the_latency_has_the_buckets_that_were_specified(self) -> None:
        counted = MadeServer().counted()

        bounds = [
            name.partition('le="')[2].partition('"')[0]
            for name in counted
            if name.startswith("ml_prediction_latency_seconds_bucket")
        ]
        assert bounds == ["0.1", "0.5", "1.0", "2.0", "5.0", "+Inf"]

    def test_requests_are_counted_and_not_rows(self) -> None:
        server = MadeServer()
        two_rows = b'{"instances":[[0,0,0,0],[1,1,1,1]]}'
        for path, body in (
            (PREDICT, two_rows),
            (EXPLAIN, BODY),
            (INFER, TENSOR),
            (f"/v2/models/{NAME}/versions/v0.0/infer", TENSOR),
            (PREDICT, b"{"),
            (INFER, b"[]"),
            ("/v1/models/other:predict", BODY),
        ):
            call("POST", path, server, content=body)
        call("GET", "/v2/health/live", server)

        counted = server.counted()
        total = 'ml_predictions_total{model="m",status='
        assert counted[f'{total}"success"}}'] == 4
        assert counted[f'{total}"client_error"}}'] == 3
        assert counted[f'{total}"server_error"}}'] == 0
        assert counted['ml_prediction_latency_seconds_count{model="m"}'] == 4
        duration = "breakcast_request_duration_seconds_count"
        assert counted[f'{duration}{{code="2xx",route="v1_predict"}}'] == 1
        assert counted[f'{duration}{{code="4xx",route="v1_predict"}}'] == 2
        assert counted[f'{duration}{{code="2xx",route="v2_infer"}}'] == 2
        assert counted[f'{duration}{{code="2xx",route="health"}}'] == 1
        assert counted['breakcast_batch_rows_sum{model="m"}'] == 5
        assert counted["breakcast_requests_in_flight"] == 0

    def test_a_degraded_answer_is_counted(self) -> None:
        server = MadeServer()
        body = b'{"instances":[{"repo":"a/b"},{"repo":"a/c"}]}'

        call("POST", PREDICT, server, content=body)

        assert server.counted()['breakcast_degraded_answers_total{model="m"}'] == 2

    def test_the_models_in_use_are_named(self) -> None:
        server = MadeServer()

        server.metrics.serving(Models(made_bundle(), made_bundle()))

        counted = server.counted()
        info = 'breakcast_model_info{model="m",role="%s",version="v0.0"}'
        assert counted[info % "champion"] == counted[info % "challenger"] == 1
        at = 'breakcast_model_trained_timestamp_seconds{model="m",role="champion"}'
        assert counted[at] == made_bundle().manifest.created_at.timestamp()


def test_the_description_names_every_path_and_every_reference_leads_somewhere() -> None:
    described = call("GET", "/openapi.json").json()

    assert described["openapi"] == "3.1.0"
    assert {PREDICT.replace("m:", "{model}:"), INFER.replace("/m/", "/{model}/")} <= {
        *described["paths"]
    }
    schemas = described["components"]["schemas"]
    for reference in _references(described):
        assert reference.removeprefix("#/components/schemas/") in schemas


def _references(node: Any) -> list[str]:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for one in node.values() for found in _references(one)]
    if isinstance(node, list):
        return [found for one in node for found in _references(one)]
    return []
