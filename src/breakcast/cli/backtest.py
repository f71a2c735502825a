"""`breakcast backtest FILE`: the honest verdict; keeps nothing."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer
from rich.markup import escape
from rich.table import Table as Grid

from breakcast import wiring
from breakcast.cli.dask import Dask
from breakcast.cli.telling import err, out, progress, score, share
from breakcast.errors import BadInput
from breakcast.settings import Settings, read_settings

if TYPE_CHECKING:
    from breakcast.history.importing import ImportSummary
    from breakcast.model.evaluation import Evaluation
    from breakcast.model.judge import Terms

_NOTED = 10


def backtest(
    file: Annotated[Path, typer.Argument(help="A builds file, CSV or Parquet.")],
    protocol: Annotated[
        Literal["split", "walk-forward"],
        typer.Option(help="Train once (split), or twelve times as time goes by."),
    ] = "split",
    test_fraction: Annotated[
        float,
        typer.Option(help="Share of each repository's newest builds that is judged."),
    ] = 0.2,
    assume_minutes: Annotated[
        float,
        typer.Option(help="How long a build took that says neither end nor duration."),
    ] = 30.0,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write all figures to this JSON file.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write the report to this page; it works offline."),
    ] = None,
    dask: Dask = None,
) -> None:
    """
    Say how well failures could have been forecast, and what that is worth.

    Example: breakcast backtest builds.csv --html report.html
    """
    from breakcast.console.report import render_report
    from breakcast.wiring.training import terms_of

    for wanted in filter(None, (json, html)):
        if wanted.is_dir() or not wanted.parent.is_dir():
            message = f"{wanted} cannot be written; name a file in a folder there is"
            raise BadInput(message)
    settings = read_settings()
    terms = terms_of(settings, protocol=protocol, test_fraction=test_fraction)
    evaluation = judge_file(
        file, settings, terms, assume_minutes=assume_minutes, dask=dask
    )
    if json is not None:
        _write(json, msgspec.json.format(msgspec.json.encode(evaluation)) + b"\n")
    if html is not None:
        page = render_report(evaluation, source=file.name, made_at=wiring.now())
        _write(html, page.encode())
    tell(evaluation)
    for written in (json, html):
        if written is not None:
            err.print(f"written: {escape(str(written))}")


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise BadInput(message) from error


def judge_file(
    file: Path,
    settings: Settings,
    terms: "Terms",
    *,
    assume_minutes: float,
    dask: str | None = None,
) -> "Evaluation":
    """Import a file into a ledger that is gone afterwards, and judge it."""
    from breakcast.history.importing import import_builds
    from breakcast.history.ledger import Ledger
    from breakcast.model.judge import Findings, judge_table, read_table
    from breakcast.wiring.histories import open_builds
    from breakcast.wiring.training import executor_for

    began = time.perf_counter()
    builds = open_builds(file, settings, assume_minutes=assume_minutes, is_kept=False)
    with Ledger.temporary() as ledger, progress() as step:
        summary = import_builds(
            ledger,
            builds,
            progress=lambda done, total: step("reading", done, total),
        )
        with executor_for(ledger, settings, dask) as pool:
            table = read_table(ledger, executor=pool, step=step)
            found = Findings(
                refused_rows=summary.found.refused,
                assumed_finish=summary.found.assumed_finishes,
                notes=tuple(notes_on(summary, assume_minutes)),
            )
            evaluation, _ = judge_table(
                table, terms, found=found, executor=pool, step=step
            )
    seconds = time.perf_counter() - began
    return msgspec.structs.replace(evaluation, seconds=round(seconds, 2))


def notes_on(summary: "ImportSummary", assume_minutes: float) -> list[str]:
    """Say in sentences what an import refused, ignored or assumed."""
    found, appended = summary.found, summary.appended
    notes = []
    if found.refused:
        notes.append(f"{found.refused:,} of {found.rows:,} rows were refused:")
        notes += [str(refusal) for refusal in found.refusals[:_NOTED]]
        if found.refused > _NOTED:
            notes.append(f"… and {found.refused - _NOTED:,} more.")
    if found.assumed_finishes:
        notes.append(
            f"{found.assumed_finishes:,} builds say neither when they ended nor how "
            f"long they took; {assume_minutes:g} minutes were assumed."
        )
    if found.unknown_columns:
        names = ", ".join(found.unknown_columns[:_NOTED])
        notes.append(
            f"{len(found.unknown_columns)} unknown columns were ignored: {names}."
        )
    if appended.identical:
        notes.append(f"{appended.identical:,} facts were repeated, and counted once.")
    if appended.conflicting:
        notes.append(
            f"{appended.conflicting:,} facts contradict an earlier one on the same "
            "attempt; the first was kept:"
        )
        notes += [str(conflict) for conflict in appended.conflicts[:_NOTED]]
    return notes


def tell(evaluation: "Evaluation") -> None:
    """Print a verdict for people: the numbers, then what they mean."""
    data = evaluation.data
    out.print(
        f"{data.builds:,} builds of {data.repos:,} repositories, "
        f"{share(data.failure_rate)} red; {data.test_builds:,} judged "
        f"({evaluation.protocol})."
    )
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column("")
    for name in (
        "accuracy",
        "ROC-AUC",
        "PR-AUC",
        "F1",
        "MCC",
        "Brier",
        "ECE",
        "macro AUC",
    ):
        grid.add_column(name, justify="right")
    for name in ("model", "parrot", "majority"):
        standing = getattr(evaluation, name)
        pooled = standing.pooled
        values = (
            pooled.accuracy,
            pooled.roc_auc,
            pooled.pr_auc,
            pooled.f1,
            pooled.mcc,
            pooled.brier,
            pooled.ece,
            standing.macro.roc_auc,
        )
        grid.add_row(name, *map(score, values))
    out.print(grid)
    first, selective = evaluation.first_failure, evaluation.selective
    out.print(
        f"First failures: ROC-AUC {score(first.roc_auc)}; "
        f"the riskiest 20 % hold {share(first.recall_at_20)} of them."
    )
    out.print(
        f"Answering when sure (target {share(selective.target)}, chosen on "
        "validation): "
        f"right on {share(selective.accuracy)} (lower 95 % bound "
        f"{share(selective.lower95)}) of the {share(selective.coverage)} answered."
    )
    for note in data.notes:
        out.print(f"Note: {escape(note)}")
    style = "bold green" if evaluation.verdict == "turn on" else "bold yellow"
    out.print(f"[{style}]Verdict: {evaluation.verdict}[/] ({evaluation.seconds:.0f} s)")
    for reason in evaluation.reasons:
        out.print(f"  - {escape(reason)}")
