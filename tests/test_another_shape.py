"""
A history of another shape than those at hand: wide, thin and uneven.

667 repositories, most of them small and many tiny, some always red or green;
several pipelines, builds that never ended; and nothing but when, what and how
it went: no branch, author, commit, change or signal.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Ints = NDArray[np.int64]

BUILDS, REPOSITORIES = 115_000, 667
COLUMNS = ("repo", "pipeline", "build_id", "started_at", "finished_at", "outcome")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("protocol", "builds"), [("split", BUILDS), ("walk-forward", BUILDS // 10)]
)
def test_a_wide_and_thin_history_is_judged_without_a_warning(
    tmp_path: Path, protocol: str, builds: int
) -> None:
    """The clock is not looked at here; by hand it took 40 and 55 s for the whole."""
    write_wide_history(tmp_path / "builds.csv", builds)

    ran = subprocess.run(  # noqa: S603 - our own program
        [
            sys.executable,
            *("-c", "from breakcast.cli import main; main()", "backtest"),
            *("builds.csv", "--protocol", protocol, "--json", "found.json"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )

    assert (ran.returncode, ran.stderr) == (0, "written: found.json\n")
    assert ran.stdout.startswith(f"{builds:,} builds of 667 repositories, ")
    assert "Verdict: " in ran.stdout


def write_wide_history(path: Path, builds: int, seed: int = 0) -> None:
    """Write a CSV builds file of so many builds, repository by repository."""
    rng = np.random.default_rng(seed)
    repo = _repositories(rng, builds)
    start = 1_600_000_000 + rng.integers(0, 400 * 86_400, builds)
    start = start[np.lexsort((start, repo))]
    pipeline = rng.integers(0, rng.integers(1, 5, REPOSITORIES)[repo])
    outcome = np.where(_is_red(rng, repo, pipeline), "failed", "passed")
    outcome[rng.random(builds) < 0.03] = "none"
    outcome[rng.random(builds) < 0.01] = ""
    end = start + np.rint(np.exp(rng.normal(6, 1, builds))).astype(np.int64)
    finished = end.astype("datetime64[s]").astype("U20")
    finished[(outcome == "") | (rng.random(builds) < 0.02)] = ""
    cells = (
        [f"org-{number % 431}/repo-{number}" for number in repo],
        [f"ci-{number}" for number in pipeline],
        range(builds),
        start.astype("datetime64[s]").astype("U20"),
        finished,
        outcome,
    )
    lines = [",".join(map(str, row)) for row in zip(*cells, strict=True)]
    path.write_text("\n".join([",".join(COLUMNS), *lines, ""]), encoding="utf-8")


def _repositories(rng: np.random.Generator, builds: int) -> Ints:
    """Which repository each build is of: a few large, a quarter of 1 to 5 builds."""
    tiny = np.arange(REPOSITORIES) % 4 == 0
    weight = np.where(tiny, 0.0, np.exp(rng.normal(0, 1.5, REPOSITORIES)))
    size = np.where(tiny, rng.integers(1, 6, REPOSITORIES), 6)
    size += np.floor(weight / weight.sum() * (builds - size.sum())).astype(np.int64)
    size[np.argmax(size)] += builds - size.sum()
    return np.repeat(np.arange(REPOSITORIES), size)


def _is_red(rng: np.random.Generator, repo: Ints, pipeline: Ints) -> NDArray[np.bool_]:
    """Red comes in streaks; some repositories are always green, some always red."""
    rate = rng.beta(0.8, 3, REPOSITORIES)
    rate[::10], rate[5::20] = 0.0, 1.0
    red = rng.random(len(repo)) < rate[repo]
    stays = rng.random(len(repo)) < 0.5
    last: dict[tuple[int, int], bool] = {}
    for at, place in enumerate(zip(repo.tolist(), pipeline.tolist(), strict=True)):
        if stays[at] and place in last:
            red[at] = last[place]
        last[place] = bool(red[at])
    return red
