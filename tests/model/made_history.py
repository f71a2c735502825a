"""One simulated history, as rows to change and as the table that comes of them."""

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from breakcast.features.table import Table
from breakcast.history.buildsfile import read_builds
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, simulate
from breakcast.model.estimator import Recipe
from breakcast.model.judge import read_table

SMALL = Recipe(trees=12)
"""Forests good enough to see whether something changed."""

Row = dict[str, str]


@cache
def simulated_rows() -> tuple[Row, ...]:
    """2,400 builds of nine repositories of three organisations, by repository."""
    simulation = Simulation(repositories=9, organisations=3, builds=2_400)
    return tuple(
        {name: "" if cell is None else str(cell) for name, cell in cells.items()}
        for chunk in simulate(simulation, seed=5)
        for cells in (
            dict(zip(chunk, row, strict=True))
            for row in zip(*chunk.values(), strict=True)
        )
    )


@cache
def simulated_table() -> Table:
    """The table of `simulated_rows`; shared, so not to be written to."""
    return table_of()


def table_of(changed: Callable[[Row], Row] = lambda row: row) -> Table:
    """Import the simulated rows, each as changed, and replay them."""
    with TemporaryDirectory() as folder, Ledger.temporary() as ledger:
        path = write_rows(Path(folder) / "builds.csv", changed)
        import_builds(ledger, read_builds(path, identity=str.lower))
        return read_table(ledger)


def write_rows(path: Path, changed: Callable[[Row], Row] = lambda row: row) -> Path:
    """Write the simulated rows, each as changed, as a builds file."""
    rows = [changed(row) for row in simulated_rows()]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
