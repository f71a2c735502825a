"""What every command prints alike: progress, numbers, errors, JSON."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

out = Console(highlight=False, soft_wrap=True)
"""Where results go."""
if not out.is_terminal:
    # Piped, a table is as wide as it needs to be, whatever COLUMNS says.
    out.width = 500
err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Where progress and errors go, so that results can be piped."""


def print_json(record: Any) -> None:  # noqa: ANN401 - any record msgspec can encode
    """Print one record as one line of JSON, for machines."""
    sys.stdout.write(msgspec.json.encode(record).decode() + "\n")


@contextmanager
def progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """
    Give a function to be told what is done, how much, and out of how much.

    Nothing is drawn where standard error is no terminal.
    """
    if not err.is_interactive:
        # Rich would still print an empty line at the end.
        yield lambda _what, _done, _total: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("to go:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def told(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield told


def share(value: float | None) -> str:
    """
    Print a share as per cent.

    >>> share(0.12345), share(None)
    ('12.3 %', 'n/a')
    """
    return "n/a" if value is None else f"{value:.1%}".replace("%", " %")


def score(value: float | None) -> str:
    """
    Print a score with three digits.

    >>> score(0.12345), score(None)
    ('0.123', 'n/a')
    """
    return "n/a" if value is None else f"{value:.3f}"
