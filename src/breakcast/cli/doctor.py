"""`breakcast doctor`: what is wrong here, and how to mend it."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table as Grid

from breakcast.cli.telling import out, print_json
from breakcast.settings import read_settings

_COLOURS = {"ok": "green", "warning": "yellow", "wrong": "bold red", "unused": "dim"}


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON.")
    ] = False,
) -> None:
    """
    Say what is wrong here, and how to mend it; nothing is changed. 1: something is.

    Example: breakcast doctor
    """
    from breakcast.wiring.doctor import examine

    findings = examine(read_settings())
    if as_json:
        print_json({"findings": [one._asdict() for one in findings]})
    else:
        grid = Grid.grid(padding=(0, 2))
        for one in findings:
            colour = _COLOURS[one.standing]
            mend = f"\n[dim]→ {escape(one.mend)}[/]" if one.mend else ""
            grid.add_row(
                f"[{colour}]{one.standing}[/]", one.part, f"{escape(one.found)}{mend}"
            )
        out.print(grid)
    if any(one.standing == "wrong" for one in findings):
        raise typer.Exit(1)
