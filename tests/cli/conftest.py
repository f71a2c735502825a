"""The command line, run in this process through the real entry point."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from breakcast.cli import main
from breakcast.settings import Settings


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command ended with."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, with no settings but the defaults, on one core."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BREAKCAST_{name.upper()}", raising=False)
    monkeypatch.setenv("BREAKCAST_WORKERS", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def breakcast(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `breakcast …` here; an error nobody foresaw fails the test."""
    assert here.is_dir()

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["breakcast", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return Ran(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run
