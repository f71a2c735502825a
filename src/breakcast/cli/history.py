"""`breakcast import` and `breakcast ledger`: history into the ledger and out again."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from breakcast import wiring
from breakcast.cli.backtest import notes_on
from breakcast.cli.telling import out, print_json, progress
from breakcast.settings import read_settings

ledger_app = typer.Typer(
    no_args_is_help=True, help="The ledger: its schema, its contents."
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


def import_file(
    file: Annotated[Path, typer.Argument(help="A builds file, CSV or Parquet.")],
    assume_minutes: Annotated[
        float,
        typer.Option(help="How long a build took that says neither end nor duration."),
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """
    Add a builds file to the ledger: the whole file or, if it breaks, nothing.

    Example: breakcast import builds.parquet
    """
    from breakcast.wiring import histories

    with progress() as step:
        summary, position = histories.import_file(
            file,
            read_settings(),
            assume_minutes=assume_minutes,
            progress=lambda done, total: step("importing", done, total),
        )
    found, appended = summary.found, summary.appended
    if as_json:
        print_json(
            {
                "rows": found.rows,
                "accepted": found.accepted,
                "refused": found.refused,
                "refusals": [
                    msgspec.to_builtins(refusal) for refusal in found.refusals
                ],
                "assumed_finishes": found.assumed_finishes,
                "unknown_columns": found.unknown_columns,
                "new": appended.new,
                "identical": appended.identical,
                "conflicting": appended.conflicting,
                "position": position,
            }
        )
        return
    out.print(
        f"{found.accepted:,} of {found.rows:,} rows accepted: {appended.new:,} new "
        f"facts, {appended.identical:,} known already, {appended.conflicting:,} in "
        "conflict."
    )
    for note in notes_on(summary, assume_minutes):
        out.print(f"Note: {escape(note)}")


@ledger_app.command("migrate")
def migrate() -> None:
    """
    Make the ledger, or bring it to this version's schema.

    Example: breakcast ledger migrate
    """
    from breakcast.history.ledgerschema import migrate as migrate_ledger

    settings = read_settings()
    before, after = migrate_ledger(settings.ledger_place)
    was = "new" if before is None else f"was at {before}"
    out.print(f"The ledger is at {after} ({was}).")


@ledger_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where to: .csv, .csv.gz or .parquet.")],
    as_json: AsJson = False,
) -> None:
    """
    Write the ledger as a builds file, authors as their hashes.

    Example: breakcast ledger export builds.parquet
    """
    from breakcast.history.buildsexport import write_builds

    with wiring.open_ledger(read_settings()) as ledger:
        written = write_builds(file, ledger)
    if as_json:
        print_json({"builds": written.builds, "left_out": written.left_out})
    else:
        out.print(
            f"{written.builds:,} builds written to {escape(str(file))}; "
            f"{written.left_out:,} facts have no place in a builds file."
        )
