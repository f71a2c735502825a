"""
How well failures are forecast on real histories, and what each family adds.

`python -m benchmarks.quality` reads the builds files of the folder that
`BREAKCAST_SHARED_DATA` names (`../shared/data` beside the checkout if unset),
judges each under both protocols and writes `benchmarks/results/quality.json`
and `.md`. The ablation is read off *validation*, so that the test tails stay
what they are for: one look at the end.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import sklearn

from breakcast.features.table import Table
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.model.backtest import Protocol, backtest
from breakcast.model.evaluation import Evaluation, evaluate
from breakcast.model.judge import Findings, Terms, judge_table, read_table
from breakcast.settings import Settings, read_settings
from breakcast.wiring.histories import open_builds
from breakcast.wiring.training import workers

DATA = Path(os.environ.get("BREAKCAST_SHARED_DATA", "../shared/data"))
RESULTS = Path(__file__).with_name("results")
FILES = ("buildfast", "travis_timed", "travis_authors", "github_actions")
ABLATED = ("buildfast", "travis_timed")
FAMILIES = {
    "change": ("change", "headline", "path", "directory"),
    "track records": (
        "organisation",
        "repository",
        "pipeline",
        "branch",
        "event",
        "author",
        "trunk",
        "headline",
    ),
    "lineage and previous results": ("lineage", "previous"),
    "commit, siblings, last hour": ("commit", "siblings", "last_hour"),
    "nearby in code state": ("nearby",),
    "signals": ("signal",),
}
METRICS = {
    "accuracy": "accuracy",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier",
    "ece": "ECE",
}
ABLATION_METRICS = ("accuracy", "roc_auc", "pr_auc", "mcc")
PUBLISHED = {
    "buildfast": (
        "BuildFast (ASE 2020), mean of 20 projects, repeated rows and scaling fitted "
        "on all rows: accuracy .883, ROC-AUC .784, F1 .472"
    ),
    "travis_timed": (
        "DL-CIBuild (2022), cross-project medians, threshold chosen on the test "
        "labels: accuracy .78, ROC-AUC .72, F1 .57 (second-hand)"
    ),
    "github_actions": (
        "its own repository, shuffled split with SMOTE: accuracy .786, ROC-AUC .776, "
        "PR-AUC .348"
    ),
}


def main() -> None:
    """Run it all, or some files; write the results and print the Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="*", default=FILES, choices=FILES)
    parser.add_argument("--no-ablation", action="store_true")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(
            f"no builds files at {DATA}: set BREAKCAST_SHARED_DATA to the folder that "
            "holds them"
        )
    settings = read_settings()
    found: dict[str, Any] = {"about": about(), "judged": [], "ablation": []}
    tables = {}
    for name in arguments.files:
        table, findings = read(DATA / f"{name}.parquet", settings)
        tables[name] = table
        for protocol in get_args(Protocol):
            began = time.perf_counter()
            with workers(settings, len(table)) as pool:
                terms = Terms(protocol=protocol)
                evaluation, _ = judge_table(table, terms, found=findings, executor=pool)
            seconds = round(time.perf_counter() - began, 1)
            found["judged"].append(figures(name, evaluation, seconds))
            note(f"{name} {protocol}: {seconds} s")
            write(found)
    for name in ABLATED if not arguments.no_ablation else ():
        if name in tables:
            with workers(settings, len(tables[name])) as pool:
                found["ablation"] += list(ablation(name, tables[name], pool))
            write(found)
    print(markdown(found))


def write(found: dict[str, Any]) -> None:
    """Write what has been found so far, so that a run cut short is not lost."""
    RESULTS.mkdir(exist_ok=True)
    packed = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "quality.json").write_bytes(packed + b"\n")
    (RESULTS / "quality.md").write_text(markdown(found), encoding="utf-8")


def about() -> dict[str, str]:
    """Say what ran where."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - git of this checkout
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "command": "python -m benchmarks.quality",
        "commit": commit.stdout.strip() or "unknown",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "cores": str(os.cpu_count()),
    }


def read(path: Path, settings: Settings) -> tuple[Table, Findings]:
    """Read a builds file into a table, by way of a ledger that is gone after."""
    builds = open_builds(path, settings, assume_minutes=30.0)
    with Ledger.temporary() as ledger:
        found = import_builds(ledger, builds).found
        with workers(settings, found.accepted) as pool:
            table = read_table(ledger, executor=pool)
    return table, Findings(
        refused_rows=found.refused, assumed_finish=found.assumed_finishes
    )


def figures(name: str, evaluation: Evaluation, seconds: float) -> dict[str, Any]:
    """Keep the figures of one verdict, without its curves."""
    packed: dict[str, Any] = msgspec.to_builtins(evaluation)
    for part in ("curves", "per_repo", "method"):
        del packed[part]
    for part in ("selective", "savings"):
        packed[part].pop("curve", None)
    packed["calibration"].pop("bins", None)
    return {"file": name, **packed, "seconds": seconds}


def ablation(
    name: str, table: Table, pool: Executor | None
) -> Iterator[dict[str, Any]]:
    """Judge validation forecasts without each family, and with each alone."""
    families = np.array([feature.family for feature in table.catalog.features])
    variants = {"all": np.ones(len(families), bool)}
    for family, parts in FAMILIES.items():
        variants[f"without {family}"] = ~np.isin(families, parts)
        variants[f"only {family}"] = np.isin(families, parts)
    for variant, kept in variants.items():
        rows = np.where(kept, table.rows, np.float32(np.nan))
        # The parrot reads these rows too; it is not judged here.
        unseen = backtest(replace(table, rows=rows), executor=pool).validation
        pooled = evaluate(unseen, unseen, resamples=1).model.pooled
        note(f"{name} {variant}: {pooled.roc_auc:.4f}")
        yield {
            "file": name,
            "variant": variant,
            "columns": int(kept.sum()),
            "builds": len(unseen),
            "accuracy": pooled.accuracy,
            "roc_auc": pooled.roc_auc,
            "pr_auc": pooled.pr_auc,
            "mcc": pooled.mcc,
        }


def markdown(found: dict[str, Any]) -> str:
    """Lay the results out as a page."""
    about = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    lines = [
        "# Forecast quality on real histories",
        "",
        f"Made by: {about}. Test builds are the last 20 % of each repository's, judged",
        "once; everything chosen was chosen on validation. Intervals are 95 %, by",
        "repository-day blocks.",
        "",
        header("file, protocol", "forecaster", *METRICS.values(), "macro AUC", "first"),
    ]
    for one in found["judged"]:
        lines += standings(one)
    lines += [
        "",
        "*first*: ROC-AUC on builds whose pipeline and branch were last known green.",
        "*answered*: when sure, target .88; *skipped*, *missed*: at the threshold that",
        "missed 5 % of failures on validation.",
        "",
        header(
            "file, protocol",
            "test builds",
            "verdict",
            "answered right",
            "lower 95 %",
            "coverage",
            "skipped",
            "missed",
            "seconds after replay",
        ),
    ]
    for one in found["judged"]:
        selective, point = one["selective"], one["savings"]["point"] or {}
        shares = (
            selective["accuracy"],
            selective["lower95"],
            selective["coverage"],
            point.get("skipped_share"),
            point.get("missed_share"),
        )
        builds = f"{one['data']['test_builds']:,}"
        head = (f"{one['file']}, {one['protocol']}", builds, one["verdict"])
        lines.append(row(*head, *map(number, shares), str(one["seconds"])))
    lines += ["", "Why not, where it is *not yet*:", ""]
    lines += [
        f"- {one['file']}, {one['protocol']}: {' '.join(one['reasons'])}"
        for one in found["judged"]
        if one["verdict"] == "not yet"
    ]
    lines += ["", "Published, for comparison (none without leaks):", ""]
    lines += [f"- {name}: {said}." for name, said in PUBLISHED.items()]
    if found["ablation"]:
        lines += [
            "",
            "## What each family adds (validation, protocol `split`)",
            "",
            header(
                "file", "features", "columns", *(METRICS[m] for m in ABLATION_METRICS)
            ),
        ]
        for one in found["ablation"]:
            cells = (number(one[metric]) for metric in ABLATION_METRICS)
            lines.append(row(one["file"], one["variant"], str(one["columns"]), *cells))
    return "\n".join(lines) + "\n"


def standings(one: dict[str, Any]) -> Iterator[str]:
    """Lay out one verdict: the model, its intervals, the parrot, the majority."""
    first = number(one["first_failure"]["roc_auc"])
    name = f"{one['file']}, {one['protocol']}"
    for who in ("model", "parrot", "majority"):
        scores = [number(one[who]["pooled"][metric]) for metric in METRICS]
        macro = number(one[who]["macro"]["roc_auc"])
        if who == "model":
            yield row(name, who, *scores, macro, first)
            spans = (span(one[who]["intervals"].get(metric)) for metric in METRICS)
            yield row("", "", *spans, "", "")
        else:
            yield row("", who, *scores, macro, "")


def header(*cells: str) -> str:
    """Lay out a table's head."""
    return row(*cells) + "\n" + "|---" * len(cells) + "|"


def row(*cells: str) -> str:
    """Lay out a table's row."""
    return "| " + " | ".join(cells) + " |"


def span(interval: dict[str, float] | None) -> str:
    """Print an interval with three digits, or nothing."""
    return (
        "" if interval is None else f"{interval['lower']:.3f}–{interval['upper']:.3f}"
    )


def number(value: float | None) -> str:
    """Print a figure with three digits, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def note(said: str) -> None:
    """Tell progress on standard error."""
    print(said, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
