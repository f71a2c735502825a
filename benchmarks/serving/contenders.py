"""The servers that are compared, each as its own project would start it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from benchmarks.serving.bundle import Taught
from benchmarks.serving.questions import (
    HEADLINE,
    Door,
    any_door,
    build_door,
    draw_rows,
    v1_body,
    v2_body,
    vector_door,
)
from breakcast.model.manifest import PICKLE, TREES

PEERS = ("kserve", "mlserver", "bentoml", "fastapi")
"""Environments of their own, as the Makefile names them."""

BUILD = {"repo": "Graylog2/graylog2-server", "branch": "master", "event": "push"}
"""A build of the repository that has most of them in the history."""

_SERVERS = Path(__file__).with_name("servers")
_OURS = Path(".venv")
_V1 = "/v1/models/m:predict"
_V2 = "/v2/models/m/infer"
# Our server waits before it ends, for whoever sends it requests to learn of it.
_NO_DRAIN = {"BREAKCAST_DRAIN_SECONDS": "0"}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """
    A server to measure.

    Attributes:
        key: What `--only` calls it.
        name: What the results call it.
        environment: Where its Python and its programs are.
        command: A program of that environment and its arguments; {0} to {2} are
            ports that are free, {folder} is where it runs.
        doors: How it can be asked.
        packages: Whose versions are told.
        variables: Its environment variables beside ours, with the same in braces.
        home: Copied to where it looks for a home of breakcast; None leaves it none.
    """

    key: str
    name: str
    environment: Path
    command: tuple[str, ...]
    doors: tuple[Door, ...]
    packages: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    home: Path | None = None


def contenders(model: Taught) -> Iterator[Contender]:
    """List them all, ours first."""
    bundle, pickle = model.bundle, str(model.folder / PICKLE)
    rows = draw_rows(bundle.catalog.width)
    trees = model.estimator.predict_proba(rows)[:, 1]
    v1 = partial(vector_door, encode=v1_body, read=itemgetter("predictions"))
    v1_trees = v1("V1", _V1, rows=rows, truth=trees)
    v2 = partial(vector_door, "V2", _V2, encode=v2_body, rows=rows, truth=trees)
    ours = ("breakcast", "serve", "--port", "{0}", "--name", "m")
    yield Contender(
        key="breakcast",
        name="breakcast",
        environment=_OURS,
        command=(*ours, "--model-dir", str(model.folder)),
        doors=(
            v1("V1", _V1, rows=rows, truth=bundle.probability(rows)),
            v2(read=_uncalibrated),
            v1(
                "V1, 4 numbers",
                _V1,
                rows=HEADLINE,
                truth=bundle.probability(HEADLINE),
            ),
        ),
        packages=("breakcast", "uvicorn", "treelite"),
        variables=_NO_DRAIN,
    )
    kserve = (
        "python",
        str(_SERVERS / "kserve_server.py"),
        "--http_port={0}",
        "--grpc_port={1}",
        "--model_name=m",
    )
    yield Contender(
        key="kserve",
        name="KServe SDK, as its scikit-learn runtime does",
        environment=_peer("kserve"),
        command=(*kserve, "--scikit_learn", pickle),
        doors=(v1("V1", _V1, rows=rows, truth=trees, read=_second_of_each),),
        packages=("kserve", "uvicorn", "scikit-learn"),
    )
    yield Contender(
        key="kserve-trees",
        name="KServe SDK, our very trees",
        environment=_peer("kserve"),
        command=(*kserve, "--treelite", str(model.folder / TREES)),
        doors=(v1_trees,),
        packages=("kserve", "uvicorn", "treelite"),
    )
    yield Contender(
        key="mlserver",
        name="MLServer",
        environment=_peer("mlserver"),
        command=("mlserver", "start", "."),
        doors=(v2(read=_second_of_pairs),),
        packages=("mlserver", "mlserver-sklearn", "scikit-learn"),
        variables={
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": "{0}",
            "MLSERVER_GRPC_PORT": "{1}",
            "MLSERVER_METRICS_PORT": "{2}",
            "MLSERVER_PARALLEL_WORKERS": "0",
            "MLSERVER_MODEL_NAME": "m",
            "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_sklearn.SKLearnModel",
            "MLSERVER_MODEL_URI": pickle,
            "MLSERVER_MODEL_EXTRA": '{{"predict_fn": "predict_proba"}}',
        },
    )
    yield Contender(
        key="bentoml",
        name="BentoML",
        environment=_peer("bentoml"),
        command=(
            "bentoml",
            "serve",
            "bentoml_service:Forecast",
            "--host=127.0.0.1",
            "--port={0}",
            f"--working-dir={_SERVERS}",
        ),
        doors=(
            v1("its own", "/predict", rows=rows, truth=trees, read=_second_of_rows),
        ),
        packages=("bentoml", "uvicorn", "scikit-learn"),
        variables={
            "MODEL": pickle,
            "BENTOML_HOME": "{folder}",
            "BENTOML_DO_NOT_TRACK": "True",
        },
    )
    yield Contender(
        key="fastapi",
        name="FastAPI and scikit-learn",
        environment=_peer("fastapi"),
        command=(
            "uvicorn",
            "fastapi_app:app",
            "--port={0}",
            f"--app-dir={_SERVERS}",
        ),
        doors=(v1_trees,),
        packages=("fastapi", "uvicorn", "uvloop", "httptools", "scikit-learn"),
        variables={"MODEL": pickle},
    )
    yield Contender(
        key="echo",
        name="echo, the floor of our stack",
        environment=_OURS,
        command=("python", str(_SERVERS / "echo.py"), "{0}"),
        doors=(any_door(_V1, v1_trees.bodies),),
        packages=("uvicorn", "uvloop", "httptools"),
    )
    yield Contender(
        key="builds",
        name="breakcast, with its history",
        environment=_OURS,
        command=ours,
        doors=(build_door(_V1, BUILD),),
        packages=("breakcast", "uvicorn", "treelite"),
        variables=_NO_DRAIN,
        home=model.home,
    )


def _peer(name: str) -> Path:
    return Path("build", "peers", name, "venv")


def _second_of_each(answer: Any) -> list[float]:  # noqa: ANN401 - JSON
    return _second_of_rows(answer["predictions"])


def _second_of_rows(answer: Any) -> list[float]:  # noqa: ANN401 - JSON
    return [red for _, red in answer]


def _second_of_pairs(answer: Any) -> list[float]:  # noqa: ANN401 - JSON
    return answer["outputs"][0]["data"][1::2]


def _uncalibrated(answer: Any) -> list[float]:  # noqa: ANN401 - JSON
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    return outputs["uncalibrated_probability"]
