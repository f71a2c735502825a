"""`breakcast backtest`: a builds file in, the verdict out, nothing kept."""

import json
import re
import subprocess
import sys
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.history.made_builds import HEADER, write_csv
from tests.model.made_history import simulated_rows, write_rows

FORECASTERS = ("model", "parrot", "majority")


def _two_builds(folder: Path) -> Path:
    return write_csv(folder, "a/b,1,2026-01-01,passed", "a/b,2,2026-01-02,failed")


class _Addresses(HTMLParser):
    """What a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fetching = {"src", "srcset", "data", "poster"} | (
            {"href"} if tag in {"link", "image", "use"} else set()
        )
        self.found += [value or "" for name, value in attrs if name in fetching]


def test_the_json_has_every_key_that_is_promised(
    breakcast: Command, here: Path
) -> None:
    history = write_rows(here / "builds.csv")

    ran = breakcast("backtest", history, "--json", "found.json")

    assert ran.code == 0
    found = json.loads((here / "found.json").read_bytes())
    assert found.keys() >= {
        "data",
        "protocol",
        "model",
        "parrot",
        "majority",
        "first_failure",
        "selective",
        "per_repo",
        "verdict",
        "seconds",
    }
    assert found["data"].keys() >= {
        "builds",
        "labelled",
        "test_builds",
        "repos",
        "failure_rate",
        "refused_rows",
        "assumed_finish",
    }
    metrics = {"accuracy", "roc_auc", "pr_auc", "f1", "mcc", "brier", "ece"}
    for forecaster in FORECASTERS:
        for view in ("pooled", "macro"):
            assert found[forecaster][view].keys() >= metrics
    assert found["first_failure"].keys() >= {"roc_auc", "recall_at_20"}
    selective = found["selective"]
    assert selective.keys() >= {"target", "threshold", "accuracy", "lower95"}
    assert selective["threshold_from"] == "validation"
    assert 0 <= selective["coverage"] <= 1
    assert found["protocol"] == "split"
    assert found["verdict"] in {"turn on", "not yet"}
    assert found["seconds"] > 0
    assert found["data"]["builds"] == len(simulated_rows())
    assert len(found["per_repo"]) == found["data"]["repos"] == 9


def test_what_is_printed_is_what_is_written(breakcast: Command, here: Path) -> None:
    history = write_rows(here / "builds.csv")

    ran = breakcast("backtest", history, "--json", "found.json")

    found = json.loads((here / "found.json").read_bytes())
    for forecaster in FORECASTERS:
        pooled = found[forecaster]["pooled"]
        figures = [pooled["accuracy"], pooled["roc_auc"], pooled["pr_auc"]]
        line = next(
            line for line in ran.out.splitlines() if line.startswith(forecaster)
        )
        assert line.split()[1:4] == [f"{figure:.3f}" for figure in figures]
    assert f"Verdict: {found['verdict']}" in ran.out
    assert all(reason in ran.out for reason in found["reasons"])
    assert ran.err == "written: found.json\n"


def test_the_page_is_whole_and_fetches_nothing(breakcast: Command, here: Path) -> None:
    history = write_rows(here / "builds.csv")

    ran = breakcast("backtest", history, "--html", "report.html")

    assert ran.code == 0
    page = (here / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "builds.csv" in page
    addresses = _Addresses()
    addresses.feed(page)
    assert [a for a in addresses.found if not a.startswith(("#", "data:"))] == []


def test_a_backtest_keeps_nothing(breakcast: Command, here: Path) -> None:
    """Not even the key that hashes authors, which the next import would use."""
    _two_builds(here)

    ran = breakcast("backtest", "builds.csv")

    assert ran.code == 0
    assert [path.name for path in here.iterdir()] == ["builds.csv"]


def test_authors_exported_under_the_key_here_are_the_authors_named(
    breakcast: Command, here: Path
) -> None:
    """With a key at home, a name and its exported hash are one author."""
    write_csv(here, *_by_ada("Ada"), header=HEADER + ",author")
    breakcast("import", "builds.csv")
    breakcast("ledger", "export", "exported.csv")
    (hashed,) = re.findall(r"h:[0-9a-f]{16}", (here / "exported.csv").read_text())[:1]

    figures = []
    for names in (("Ada", "Ada"), ("Ada", hashed)):
        write_csv(here, *_by_ada(*names), header=HEADER + ",author")
        breakcast("backtest", "builds.csv", "--json", "found.json")
        found = json.loads((here / "found.json").read_bytes())
        figures.append((found["model"], found["parrot"]))

    assert figures[0] == figures[1]


@pytest.mark.parametrize("protocol", ["split", "walk-forward"])
def test_two_builds_are_calmly_not_yet_enough(
    breakcast: Command, here: Path, protocol: str
) -> None:
    ran = breakcast("backtest", _two_builds(here), "--protocol", protocol)

    assert (ran.code, ran.err) == (0, "")
    assert "2 builds of 1 repositories" in ran.out
    assert "Verdict: not yet" in ran.out
    assert "All 1 test builds failed" in ran.out


@pytest.mark.parametrize("outcome", ["passed", "failed", "none"])
def test_one_outcome_only_is_calmly_not_yet_enough(
    breakcast: Command, here: Path, outcome: str
) -> None:
    history = write_csv(
        here,
        *(
            f"a/b,{n},2026-01-{1 + n // 24:02}T{n % 24:02}:00,{outcome}"
            for n in range(300)
        ),
    )

    ran = breakcast("backtest", history, "--html", "report.html")

    assert ran.code == 0
    assert "Verdict: not yet" in ran.out


def test_what_was_refused_ignored_and_assumed_is_told(
    breakcast: Command, here: Path
) -> None:
    history = write_csv(
        here,
        "a/b,1,2026-01-01,passed,x",
        "a/b,1,2026-01-01,failed,x",
        "a/b,2,2026-01-02,failed,x",
        "a/b,2,2026-01-02,failed,x",
        "a/b,3,yesterday,failed,x",
        header=HEADER + ",colour",
    )

    told = breakcast("backtest", history, "--assume-minutes", "12.5").out

    assert "Note: 1 of 5 rows were refused:" in told
    assert "Note: line 6: started_at 'yesterday' is no time; write ISO 8601" in told
    assert "4 builds say neither when they ended" in told
    assert "12.5 minutes were assumed" in told
    assert "1 unknown columns were ignored: colour." in told
    assert "contradict an earlier one" in told
    assert "facts were repeated, and counted once" in told


@pytest.mark.slow
def test_piped_it_prints_the_same_however_wide_and_colourful(here: Path) -> None:
    _two_builds(here)
    printed = set()
    for setting in ({}, {"COLUMNS": "20"}, {"COLUMNS": "300"}, {"NO_COLOR": "1"}):
        ran = _piped("backtest", "builds.csv", **setting)
        assert (ran.returncode, ran.stderr) == (0, "")
        printed.add(re.sub(r"\(\d+ s\)", "", ran.stdout))

    assert len(printed) == 1
    assert "\x1b" not in printed.pop()


@pytest.mark.slow
def test_it_runs_with_warnings_as_errors_on_two_processes(here: Path) -> None:
    rows = [
        f"org-{n % 4}/repo,{n},{datetime.fromtimestamp(1.7e9 + 600 * n).isoformat()},"  # noqa: DTZ006 - a naive time is what is meant
        + ("failed" if n * n % 7 == 2 else "passed")
        for n in range(5_200)
    ]
    write_csv(here, *rows)

    ran = _piped("backtest", "builds.csv", BREAKCAST_WORKERS="2")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "5,200 builds of 4 repositories" in ran.stdout


def _by_ada(*names: str) -> list[str]:
    return [
        f"a/b,{n},2026-01-{1 + n // 24:02}T{n % 24:02}:00,"
        f"{'failed' if n % 3 else 'passed'},{names[n % len(names)]}"
        for n in range(240)
    ]


def _piped(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run breakcast in a process of its own, warnings as errors."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", "from breakcast.cli import main; main()", *arguments],
        env=_ENVIRONMENT | environment,
        check=False,
        capture_output=True,
        encoding="utf-8",
    )


_ENVIRONMENT = {
    "PYTHONWARNINGS": "error",
    "PYTHONPATH": ":".join(sys.path),
    "OMP_NUM_THREADS": "1",
    "BREAKCAST_WORKERS": "1",
}
