"""The description of the API against the API: schemathesis asks all it allows."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.peers import environment
from tests.serving.made_servers import bundle_folder
from tests.serving.served import NAME, serving

pytestmark = pytest.mark.slow

# How wide a vector is depends on the model, and how much data a tensor holds on its
# shape: a schema cannot say either, so what it allows may still be refused with 422.
SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "422", "503"]
"""


def test_every_answer_is_one_that_the_description_promises(tmp_path: Path) -> None:
    python = environment("schemathesis")
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS, encoding="utf-8")
    with serving(
        "--model-dir", str(bundle_folder()), "--name", NAME, home=tmp_path
    ) as served:
        said = subprocess.run(  # noqa: S603 - a tool, at our own server
            [
                python.with_name("st"),
                *("--config-file", settings, "run", f"{served.url}/openapi.json"),
                *("--max-examples", "100", "--seed", "1", "--no-color"),
                *("--suppress-health-check", "all", "--workers", "1"),
            ],
            capture_output=True,
            text=True,
            timeout=600,
            cwd=tmp_path,
            check=False,
        )
        assert served.end() == 0
        troubles = [line for line in served.log if line.get("level") == "error"]

    assert said.returncode == 0, said.stdout[-6_000:] + said.stderr
    assert re.search(r"(\d{4,}) generated, \1 passed", said.stdout), said.stdout
    assert troubles == []
