"""Environments of others' code, made by `make`; absent, their tests are skipped."""

import os
from pathlib import Path

import pytest

PEERS = Path(__file__).parent.parent / "build" / "peers"


def environment(name: str) -> Path:
    """
    Find the Python of an environment, or skip the test that asks for it.

    In CI there is no skipping: what is to be compared with has to be there.
    """
    python = PEERS / name / "venv" / "bin" / "python"
    if python.exists():
        return python
    message = f"no environment of {name}; `make build/peers/{name}/.ready` makes it"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
