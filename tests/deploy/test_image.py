"""
The image cannot be built here; what building it would run is run, and looked at.

The RUN lines of the Containerfile are executed as they stand, in a clean environment,
with folders of the test's in place of the image's.
"""

import fnmatch
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "image" / "Containerfile"
MOST_MEGABYTES = 500


class Line(NamedTuple):
    """One instruction: its word, and what follows."""

    word: str
    value: str


def stages() -> list[list[Line]]:
    """Read the Containerfile's stages; what comes before the first is in none."""
    found: list[list[Line]] = []
    parser = DockerfileParser(fileobj=io.BytesIO(FILE.read_bytes()))
    for one in parser.structure:
        if one["instruction"] == "FROM":
            found.append([])
        if found and one["instruction"] != "COMMENT":
            found[-1].append(Line(one["instruction"], one["value"]))
    return found


def of(stage: list[Line], word: str) -> list[str]:
    return [line.value for line in stage if line.word == word]


def context(folder: Path) -> None:
    """Lay out what the ignore file lets into the build."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "nothing is let in but what is named"
    ignored = shutil.ignore_patterns("__pycache__")
    for rule in rules[1:]:
        if not rule.startswith("!"):
            assert fnmatch.fnmatch("a/__pycache__", rule.replace("**", "*"))
            continue
        source, target = ROOT / rule[1:], folder / rule[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy2(source, target)


def built(root: Path) -> Path:
    """Run the first stage's lines, one after the other; the environment they leave."""
    source, opt, home = root / "src", root / "opt", root / "home"
    for folder in (source, opt, home):
        folder.mkdir()
    context(source)
    for line in of(stages()[0], "COPY"):
        *names, _ = line.split()
        assert all((source / name).exists() for name in names), line
    python = root / "bin"
    python.mkdir()
    # The image's own Python, and no other program of this environment.
    (python / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    for run in of(stages()[0], "RUN"):
        ended = subprocess.run(  # noqa: S603 - what the Containerfile says
            ["/bin/sh", "-c", run.replace("/opt/", f"{opt}/")],
            capture_output=True,
            check=False,
            cwd=source,
            env={"HOME": str(home), "PATH": f"{python}:/usr/bin:/bin"},
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
    return opt / "breakcast"


@pytest.mark.slow
def test_what_its_lines_install_runs_by_itself_and_is_small(tmp_path: Path) -> None:
    environment = built(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    for words in (
        ("python", "-I", "-c", "import breakcast, cryptography, jwt, psycopg"),
        # All of it that takes part in training, answering and reports.
        ("breakcast", "demo", "--builds", "2000"),
    ):
        ended = subprocess.run(  # noqa: S603 - what was just installed
            [environment / "bin" / words[0], *words[1:]],
            capture_output=True,
            check=False,
            cwd=empty,
            env={"PATH": f"{environment / 'bin'}:/usr/bin:/bin"},
            text=True,
        )
        assert ended.returncode == 0, ended.stderr

    (packages,) = environment.glob("lib/python3.*/site-packages")
    present = {entry.name for entry in packages.iterdir()}
    assert not present & {"pip", "setuptools", "hatchling", "pytest", "tests"}
    # Written now: the image's root file system is read-only.
    assert list(packages.glob("breakcast/__pycache__/*.pyc"))
    size = sum(one.lstat().st_size for one in packages.rglob("*") if one.is_file())
    assert size < MOST_MEGABYTES * 1e6


def test_it_runs_as_nobody_in_particular() -> None:
    final = stages()[-1]

    (user,) = of(final, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert of(final, "ENTRYPOINT") == ['["breakcast"]']
    # After it, nothing is root's to change.
    words = [line.word for line in final]
    assert set(words[words.index("USER") :]) <= {"USER", "EXPOSE", "ENTRYPOINT", "CMD"}


def test_nothing_unpinned_or_secret_goes_into_it() -> None:
    text = FILE.read_text(encoding="utf-8")
    every = [line for stage in stages() for line in stage]

    assert not [line for line in every if line.word == "ADD"]
    assert "latest" not in text
    assert all(
        re.search(r":\$\{PYTHON\}", line.value) for line in every if line.word == "FROM"
    )
    assert re.search(r"^ARG PYTHON=3\.\d+-slim-\w+$", text, re.MULTILINE)
    for run in (line.value for line in every if line.word == "RUN"):
        for install in re.findall(r"pip install[^&]*", run):
            assert "--require-hashes" in install or "--no-index" in install
    given = [line.value for line in every if line.word in {"ENV", "ARG"}]
    assert not re.search("(password|secret|token|key)", " ".join(given), re.IGNORECASE)


def test_the_programs_that_manifests_call_are_in_it() -> None:
    copied = " ".join(of(stages()[-1], "COPY"))

    assert "deploy/renew.sh /usr/local/bin/breakcast-renew" in copied
    assert os.access(ROOT / "deploy" / "renew.sh", os.X_OK)
