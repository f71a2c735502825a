"""The option of every command whose work many machines can share."""

from typing import Annotated

import typer

Dask = Annotated[
    str | None,
    typer.Option(
        metavar="tcp://HOST:PORT",
        help=(
            "Let the workers of this Dask scheduler replay and train. A ledger in a "
            "file, as every backtest's is, they see on this machine only."
        ),
    ),
]
"""A Dask scheduler's address, or None to work on this machine alone."""
