"""`breakcast health`: how things stand, and whether to train anew."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table as Grid

from breakcast.cli.telling import out, print_json, score, share
from breakcast.monitoring.driftreport import DriftReport
from breakcast.monitoring.health import HealthReport
from breakcast.retraining.trigger import Decision
from breakcast.settings import read_settings

_NAMED = 5

AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


def health(as_json: AsJson = False) -> None:
    """
    Say how right answers were, what has drifted, and what is to be done.

    Example: breakcast health
    """
    from breakcast.wiring.standing import look

    found = look(read_settings())
    if as_json:
        print_json({"health": found.health, "decision": found.decision})
        return
    _tell(found.health)
    tell_decision(found.decision)


def _tell(report: HealthReport) -> None:
    model = report.model
    if model is None:
        out.print("No model is promoted.")
    else:
        out.print(
            f"{model.version} answers, trained {model.trained_at:%Y-%m-%d %H:%M} UTC; "
            f"{report.new_outcomes} outcomes have become known since."
        )
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for column in (
        *("window", "outcomes", "accuracy", "parrot's", "MCC", "parrot's", "Brier"),
        *("ECE", "change recall", "false green", "answered", "labels"),
    ):
        grid.add_column(column, justify="left" if column == "window" else "right")
    for one in report.quality:
        if one.version != "all":
            continue
        ours, parrots = one.model, one.parrot
        grid.add_row(
            one.window,
            str(one.outcomes),
            score(ours.scores.accuracy),
            score(parrots.scores.accuracy),
            score(ours.scores.mcc),
            score(parrots.scores.mcc),
            score(ours.scores.brier),
            score(ours.scores.ece),
            share(ours.change_recall),
            share(ours.false_green_ratio),
            share(ours.coverage),
            share(one.label_coverage),
        )
    out.print(grid)
    out.print(f"Outcomes: {escape(report.concept.why)}.")
    if report.shadow is not None:
        why = escape(report.shadow.why)
        out.print(f"{report.shadow.challenger}, scored beside it: {why}.")
    _tell_drift("Inputs", report.inputs)
    _tell_drift("Scores", report.scores)


def _tell_drift(what: str, report: DriftReport) -> None:
    out.print(f"{what}: {report.verdict}; {escape(report.why)}.")
    for finding in report.findings[:_NAMED]:
        mark = "[bold red]broken[/]" if finding.blocks else "strange"
        out.print(f"  {mark}: {escape(finding.words)}")
    if len(report.findings) > _NAMED:
        out.print(f"  and {len(report.findings) - _NAMED} more")


def tell_decision(decision: Decision) -> None:
    """Say what is to be done, and why."""
    out.print(f"To do: [bold]{decision.action}[/].")
    for reason in decision.reasons:
        out.print(f"  {escape(reason)}")
