"""`breakcast backfill`: the past that a CI provider still holds, into the ledger."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from breakcast.cli.telling import out, print_json, progress
from breakcast.errors import BadInput
from breakcast.settings import read_settings

backfill_app = typer.Typer(
    no_args_is_help=True, help="The past that a CI provider still holds."
)


@backfill_app.command("github")
def github(
    repo: Annotated[str, typer.Argument(metavar="OWNER/REPO")],
    since: Annotated[
        str | None,
        typer.Option(help="Runs created from then on, ISO 8601; by default 400 days."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Runs created before then; by default all.")
    ] = None,
    mirror: Annotated[
        Path | None,
        typer.Option(help="A git mirror of it, for what its commits changed."),
    ] = None,
    details: Annotated[
        int,
        typer.Option(min=0, help="How many re-run and red runs to ask about singly."),
    ] = 2_000,
    token_from_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The variable that holds a token."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON.")
    ] = False,
) -> None:
    """
    Read a repository's workflow runs into the ledger; run again, it goes on.

    Example: breakcast backfill github acme/shop --mirror mirrors/acme/shop.git
    """
    from breakcast.wiring.backfill import backfill_github, token_in

    settings = read_settings()
    token = None if token_from_env is None else token_in(token_from_env)
    with progress() as step:
        told = backfill_github(
            repo,
            settings,
            since=_moment("--since", since),
            until=_moment("--until", until),
            mirror=mirror,
            detail_limit=details,
            token=token,
            progress=step,
        )
    if as_json:
        print_json(told)
        return
    out.print(
        f"{told.builds:,} runs listed, {told.details_read:,} asked about singly, in "
        f"{told.calls:,} calls: {told.new:,} new facts, {told.identical:,} known "
        f"already, {told.conflicting:,} in conflict."
    )
    if told.details_left:
        out.print(f"{told.details_left:,} are still to be asked about: run it again.")
    if told.unsettled:
        out.print(
            f"Note: {told.unsettled:,} lists would not hold still, or were longer than "
            "GitHub shows; they are read again next time."
        )
    for refusal in told.refusals:
        out.print(f"Note: {escape(refusal)}")


def _moment(option: str, told: str | None) -> datetime | None:
    """Read a time; one that names no zone is in UTC."""
    if told is None:
        return None
    try:
        moment = datetime.fromisoformat(told)
    except ValueError as error:
        message = f"{option} is {told!r}; use ISO 8601, such as 2026-01-31"
        raise BadInput(message) from error
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)
