"""All commands, and what becomes of their errors."""

import sys

import typer
from pydantic import ValidationError
from rich.markup import escape

from breakcast.cli.backtest import backtest
from breakcast.cli.history import import_file, ledger_app
from breakcast.cli.telling import err
from breakcast.errors import BreakcastError

app = typer.Typer(
    name="breakcast",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Forecast which CI builds will break, say why, and what that is worth. "
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 99 nothing to do."
    ),
)
app.command("backtest")(backtest)
app.command("import")(import_file)
app.add_typer(ledger_app, name="ledger")


def main() -> None:
    """Run one command; an error we foresaw is one line, never a traceback."""
    try:
        app()
    except BreakcastError as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)
    except ValidationError as error:
        for wrong in error.errors():
            name = ".".join(map(str, wrong["loc"]))
            err.print(
                f"[bold red]error:[/] setting {escape(name)} is "
                f"{escape(repr(wrong['input']))}: {escape(wrong['msg'])}"
            )
        sys.exit(2)
