"""All commands, and what becomes of their errors."""

import re
import sys

import typer
from rich.markup import escape

from breakcast.cli.backfill import backfill_app
from breakcast.cli.backtest import backtest
from breakcast.cli.demo import demo
from breakcast.cli.doctor import doctor
from breakcast.cli.features import features_app
from breakcast.cli.history import import_file, ledger_app
from breakcast.cli.models import models_app, promote, rollback, train
from breakcast.cli.predict import predict
from breakcast.cli.renew import check_drift, retrain, validate_and_deploy
from breakcast.cli.serve import serve, token
from breakcast.cli.telling import err
from breakcast.cli.watch import health
from breakcast.cli.worker import worker
from breakcast.errors import BadInput, BreakcastError, BuildsFileError

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
app.command("demo")(demo)
app.command("backtest")(backtest)
app.command("import")(import_file)
app.add_typer(backfill_app, name="backfill")
app.add_typer(ledger_app, name="ledger")
app.command("train")(train)
app.add_typer(models_app, name="models")
app.command("promote")(promote)
app.command("rollback")(rollback)
app.command("predict")(predict)
app.command("serve")(serve)
app.command("worker")(worker)
app.add_typer(features_app, name="features")
app.command("health")(health)
app.command("doctor")(doctor)
app.command("check-drift")(check_drift)
app.command("retrain")(retrain)
app.command("validate-and-deploy")(validate_and_deploy)
app.command("token")(token)


def main() -> None:
    """Run one command; an error we foresaw is one line, never a traceback."""
    try:
        app()
    except BuildsFileError as error:
        _tell(str(error))
        sys.exit(1)
    except BadInput as error:
        _tell(str(error))
        sys.exit(2)
    except (BreakcastError, OSError) as error:
        # A disk, a folder or a bucket that refuses: its own words say it best.
        _tell(str(error))
        sys.exit(1)


def _tell(message: str) -> None:
    # A misspelt setting may hold the ledger's URL, and that its password.
    shown = re.sub("(://[^:/@]*:).*@", r"\1***@", message, flags=re.DOTALL)
    err.print(f"[bold red]error:[/] {escape(shown)}")
