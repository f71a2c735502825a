"""`breakcast worker`: follow the ledger, publish, answer."""

from pathlib import Path
from typing import Annotated

import typer

from breakcast.settings import read_settings


def worker(
    store: Annotated[
        str | None,
        typer.Option(
            help="Where records are published: a SQLite file, or the URL of a Feast "
            "server; nowhere by default."
        ),
    ] = None,
    model_dir: Annotated[
        Path | None,
        typer.Option(
            help="A bundle's folder, whose model answers until one is promoted."
        ),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(help="Registry whose champion answers; by default the home's."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End when nothing is new.")
    ] = False,
) -> None:
    """
    Follow the ledger: keep states, publish records, answer builds that start.

    Any number may run side by side. Each answer is a line of JSON.

    Example: breakcast worker --store records.db
    """
    settings = read_settings(store=store, model_dir=model_dir, registry=registry)
    from breakcast.wiring.working import work

    work(settings, once=once)
