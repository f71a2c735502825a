"""`breakcast worker`: follow the ledger, publish, answer."""

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
    once: Annotated[
        bool, typer.Option("--once", help="End when nothing is new.")
    ] = False,
) -> None:
    """
    Follow the ledger: keep states, publish records, answer builds that start.

    Any number may run side by side. Each answer is a line of JSON.

    Example: breakcast worker --store records.db
    """
    settings = read_settings(store=store)
    from breakcast.wiring.working import work

    work(settings, once=once)
