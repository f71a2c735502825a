"""Histories to renew a model on: simulated ones whose rules change, and real ones."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
import numpy as np

from benchmarks.quality import DATA, read
from breakcast.features.table import Table
from breakcast.history.simulate import Simulation, write_simulated
from breakcast.settings import Settings

DAY = 86_400
WARM_UP_DAYS = 90
"""What the first champion is taught by."""
REGIMES = {
    90: "changes of 40 lines or more are red in .6 beside",
    180: "that is over; pull requests are red in .55 beside",
    270: "that is over; changes to one file at the most are red in .5 beside",
}
"""What changes, by the day of the year after the first champion's training."""
_RULES = (
    (90, 180, "coalesce(lines_added, 0) + coalesce(lines_deleted, 0) >= 40", 0.60),
    (180, 270, "event = 'pull_request'", 0.55),
    (270, 10_000, "coalesce(files_modified, 0) <= 1", 0.50),
)


class World(NamedTuple):
    """
    A history, and how it is gone through.

    Attributes:
        name: What it is.
        table: All of it.
        starts_at: When the first champion is trained, in seconds since 1970.
        step_seconds: How often somebody asks whether to renew.
        changes: When rules change, likewise.
    """

    name: str
    table: Table
    starts_at: float
    step_seconds: float
    changes: tuple[float, ...]


def simulated_year(builds_a_day: int, seed: int) -> World:
    """Make up a year, and 90 days before it, in which the rules change three times."""
    days = WARM_UP_DAYS + 365
    repositories = 16
    simulation = Simulation(
        builds=builds_a_day * days,
        repositories=repositories,
        organisations=3,
        builds_per_day=builds_a_day / repositories,
    )
    table = _read(simulation, seed, _with_regimes)
    starts_at = _first_day(table) + WARM_UP_DAYS * DAY
    changes = tuple(starts_at + day * DAY for day in REGIMES)
    return World(f"a simulated year, seed {seed}", table, starts_at, DAY, changes)


def plain_history(builds: int, seed: int) -> Table:
    """Make up a history whose rules do not change."""
    simulation = Simulation(builds=builds, repositories=8, organisations=2)
    return _read(simulation, seed, lambda file, _seed: file)


def travis() -> World:
    """Read `travis_timed`: real builds, gone through in steps of four weeks."""
    table, _ = read(DATA / "travis_timed.parquet", Settings(workers=1))
    starts_at = float(np.quantile(table.started_at, 0.3))
    return World("travis_timed", table, starts_at, 28 * DAY, ())


def _read(
    simulation: Simulation, seed: int, change: Callable[[Path, int], Path]
) -> Table:
    with TemporaryDirectory(prefix="breakcast-") as folder:
        file = Path(folder) / "builds.parquet"
        write_simulated(file, simulation, seed)
        table, _ = read(change(file, seed), Settings(workers=1))
    return table


def _with_regimes(file: Path, seed: int) -> Path:
    """Let builds fail by the rules of their time, beside what made them fail before."""
    changed = file.with_name("changed.parquet")
    red = " or ".join(
        f"(day >= {since} and day < {until} and {rule} and luck < {chance})"
        for since, until, rule, chance in _RULES
    )
    with duckdb.connect() as connection:
        builds = connection.read_parquet(str(file)).project(
            f"""*,
            started_at::timestamp as start,
            hash(concat(build_id, repo, pipeline, {seed})) / 18446744073709551615.0
                as luck"""
        )
        builds.query(
            "builds",
            f"""select * exclude (outcome, start, luck, day),
                case when outcome = 'passed' and ({red}) then 'failed' else outcome end
                as outcome
            from (
                select *, date_diff('day', date_trunc('day', min(start) over ()), start)
                    - {WARM_UP_DAYS} as day
                from builds
            )""",  # noqa: S608 - of our own rules
        ).write_parquet(str(changed))
    return changed


def _first_day(table: Table) -> float:
    return float(table.started_at[0] // DAY * DAY)
