"""KServe's own code, in its own environment, against our server and our bundle."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from breakcast.model.bundle import load_bundle
from breakcast.model.bundlewriting import write_bundle
from tests.model.made_bundles import make_parts, make_table
from tests.peers import environment
from tests.serving.made_servers import bundle_folder, made_bundle
from tests.serving.served import INFER, NAME, serving, wait_for

pytestmark = pytest.mark.slow

ELSEWHERE = Path(__file__).with_name("elsewhere")
SERVER = Path(__file__).parents[2] / "benchmarks/serving/servers/kserve_server.py"
ROWS: list[list[float]] = (
    np.random.default_rng(5)
    .integers(-1_024, 1_024, (7, made_bundle().catalog.width))
    .__truediv__(256)
    .tolist()
)


def ours(url: str, rows: list[list[float]]) -> dict[str, list[float]]:
    """Both outputs, by name, as our server gives them."""
    tensor = {"name": "features", "shape": [len(rows), len(rows[0])]}
    body = {"inputs": [tensor | {"datatype": "FP64", "data": rows}]}
    outputs = httpx.post(f"{url}{INFER}", json=body).json()["outputs"]
    return {output["name"]: output["data"] for output in outputs}


def run(python: Path, script: str, *arguments: str, rows: list[list[float]]) -> object:
    done = subprocess.run(  # noqa: S603 - our own script
        [python, "-I", ELSEWHERE / script, *arguments],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_sdk_s_own_client_finds_all_it_asks_for(tmp_path: Path) -> None:
    python = environment("kserve")
    with serving("--model-dir", str(bundle_folder()), home=tmp_path) as served:
        told = run(python, "kserve_client.py", served.url, NAME, rows=ROWS)
        expected = ours(served.url, ROWS)

    assert told == {
        "v1 live": True,
        "v1 model ready": True,
        "v1 predict": expected["probability"],
        "v1 explain": len(ROWS),
        "v2 live": True,
        "v2 ready": True,
        "v2 model ready": True,
        "v2 infer": expected,
        "v2 id": "42",
    }


@contextmanager
def kserve_serving(python: Path, model: Path) -> Iterator[str]:
    """A server of the SDK's around the pickled estimator."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [python, SERVER, "--scikit_learn", model, "--model_name", NAME]
    options = ["--http_port", str(port), "--enable_grpc", "False"]
    process = subprocess.Popen(  # noqa: S603 - our own script
        [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        try:
            return httpx.get(f"{url}/v2/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_for(is_ready, "the SDK's server")
        yield url
    finally:
        process.terminate()
        process.wait()


def test_a_server_of_the_sdk_with_the_same_estimator_says_the_same(
    tmp_path: Path,
) -> None:
    python = environment("kserve")
    with (
        serving("--model-dir", str(bundle_folder()), home=tmp_path) as served,
        kserve_serving(python, bundle_folder() / "model.joblib") as theirs,
    ):
        said = httpx.post(
            f"{theirs}/v1/models/{NAME}:predict", json={"instances": ROWS}
        ).json()
        expected = ours(served.url, ROWS)["uncalibrated_probability"]

    red = [row[1] for row in said["predictions"]]
    assert red == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", ["ours", "another"])
def test_the_pickle_says_the_same_in_a_plain_process_as_the_server(
    kind: str, tmp_path: Path
) -> None:
    """Another: any of scikit-learn's gradient boostings makes a bundle that serves."""
    python = environment("kserve")
    folder = bundle_folder()
    if kind == "another":
        table = make_table()
        labelled = ~np.isnan(table.failed)
        rows = np.nan_to_num(table.rows)
        estimator = GradientBoostingClassifier(n_estimators=20, random_state=0)
        estimator.fit(rows[labelled], table.failed[labelled] > 0)
        folder = tmp_path / "another"
        write_bundle(make_parts(estimator=estimator, test_rows=rows[-50:]), folder)
        assert not load_bundle(folder).manifest.takes_missing

    with serving("--model-dir", str(folder), home=tmp_path) as served:
        expected = ours(served.url, ROWS)["uncalibrated_probability"]
    said = run(python, "plain_sklearn.py", str(folder / "model.joblib"), rows=ROWS)

    assert said == pytest.approx(expected, abs=1e-9)
