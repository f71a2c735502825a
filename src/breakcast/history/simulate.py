"""
A made-up CI history in the builds-file format, for the demo and benchmarks.

Everything in it is labelled: `source` is "simulated", organisations begin
with "sim-". The same seed gives the same history, byte for byte.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np

from breakcast.errors import BadInput
from breakcast.history.simulatedbuilds import draw_builds, latest
from breakcast.history.simulatedpushes import DIRECTORIES, draw_files, draw_pushes
from breakcast.history.simulatedrows import COLUMNS, Columns, History, Home, columns
from breakcast.history.simulatedsittings import (
    REGULARS,
    Floats,
    Ints,
    draw_sittings,
)
from breakcast.history.simulation import Simulation

__all__ = ["COLUMNS", "Columns", "Simulation", "simulate", "write_simulated"]

_DAY = 86_400
_MONTH_DAYS = 30
_OUTAGE_SECONDS = 3600
_ORGANISATIONS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove")
# Each kind of draw has a stream of its own, so that neither the order nor the
# number of repositories drawn before changes a repository.
_HOMES, _OUTAGES, _AUTHORS, _REPOSITORY = range(4)
_ROW_GROUP = 20_480


def simulate(
    simulation: Simulation, seed: int, *, chunk_rows: int = 8192
) -> Iterator[Columns]:
    """
    Make up a history, a chunk of rows of one repository at a time.

    Rows of a repository come by start time; repositories follow one another.
    Memory holds one repository as numbers and one chunk as text.

    Args:
        simulation: What the history is made of.
        seed: Same seed, same rows; any whole number from 0 on.
        chunk_rows: Most rows a chunk has; changes nothing else.

    Raises:
        BadInput: If the seed or `chunk_rows` is too small.

    >>> small = Simulation(repositories=2, organisations=1, builds=200)
    >>> chunks = list(simulate(small, seed=7, chunk_rows=64))
    >>> sum(len(chunk["repo"]) for chunk in chunks)
    200
    >>> chunks[0]["source"][0], chunks[0]["repo"][0]
    ('simulated', 'sim-amber/api')
    """
    for name, value, least in (("seed", seed, 0), ("chunk_rows", chunk_rows, 1)):
        if value < least:
            message = f"{name} is {value!r}; use a whole number from {least} on"
            raise BadInput(message)
    for home in _homes(simulation, seed):
        history = _history(simulation, seed, home)
        for start in range(0, home.builds, chunk_rows):
            yield columns(home, history, slice(start, start + chunk_rows))


def write_simulated(path: Path, simulation: Simulation, seed: int) -> int:
    """
    Write a made-up history as a builds file; return the count of its rows.

    A file that is there already is replaced, once the new one is complete.

    Args:
        path: Where to; `.csv` or `.parquet` says which format.
        simulation: What the history is made of.
        seed: Same seed, same bytes (Parquet: with the same DuckDB).

    Raises:
        BadInput: If the path ends in anything else, its folder is not there, or
            the seed is below 0.

    >>> with TemporaryDirectory() as folder:
    ...     small = Simulation(repositories=2, organisations=1, builds=200)
    ...     write_simulated(Path(folder) / "builds.csv", small, seed=7)
    200
    """
    kind = path.suffix.lower()
    if kind not in {".csv", ".parquet"}:
        message = f"path is {str(path)!r}; end it in .csv or .parquet"
        raise BadInput(message)
    if not path.parent.is_dir():
        message = f"path is {str(path)!r}; its folder is not there, make it first"
        raise BadInput(message)
    # In the same folder, so that the last step is a rename.
    with TemporaryDirectory(dir=path.parent, prefix=".simulated-") as folder:
        ready = Path(folder) / "builds.csv"
        rows = _write_csv(ready, simulation, seed)
        if kind == ".parquet":
            ready = _to_parquet(ready)
        ready.replace(path)
    return rows


def _write_csv(path: Path, simulation: Simulation, seed: int) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for chunk in simulate(simulation, seed):
            writer.writerows(zip(*chunk.values(), strict=True))
            rows += len(chunk["repo"])
    return rows


def _to_parquet(path: Path) -> Path:
    target = path.with_suffix(".parquet")
    # One thread: with several, the order of row groups is theirs.
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.read_csv(str(path), header=True, columns=COLUMNS)
        rows.write_parquet(str(target), compression="zstd", row_group_size=_ROW_GROUP)
    return target


def _rng(seed: int, *stream: int) -> np.random.Generator:
    # By name, as default_rng may become another generator.
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(seed, spawn_key=stream))
    )


def _homes(simulation: Simulation, seed: int) -> list[Home]:
    rng = _rng(seed, _HOMES)
    count = simulation.repositories
    size = np.exp(simulation.size_spread * rng.standard_normal(count))
    owner = np.floor(simulation.organisations * rng.random(count) ** 2).astype(np.int64)
    # Each organisation owns one at least.
    owner[: simulation.organisations] = np.arange(simulation.organisations)
    # A third of the repositories is younger than the history.
    is_young = rng.random(count) < 1 / 3
    age = np.where(is_young, 0.3 + 0.7 * rng.random(count), 1.0)
    end = int(simulation.ends_at.timestamp())
    start = end - np.rint(age * simulation.days * _DAY).astype(np.int64)
    return [
        Home(
            index=index,
            organisation=int(owner[index]),
            name=_name(int(owner[index]), index),
            builds=builds,
            span=(int(start[index]), end),
        )
        for index, builds in enumerate(_parts(simulation.builds, size))
    ]


def _parts(whole: int, weight: Floats) -> list[int]:
    """Share out a whole number by weight, at least 1 each."""
    exact = weight / weight.sum() * (whole - len(weight))
    parts = 1 + np.floor(exact).astype(np.int64)
    closest = np.argsort(np.floor(exact) - exact, kind="stable")
    parts[closest[: whole - int(parts.sum())]] += 1
    return [int(part) for part in parts]


def _name(organisation: int, index: int) -> str:
    turn, word = divmod(organisation, len(_ORGANISATIONS))
    round_, name = divmod(index, len(DIRECTORIES))
    owner = _ORGANISATIONS[word] + (f"-{turn + 1}" if turn else "")
    return f"sim-{owner}/{DIRECTORIES[name]}" + (f"-{round_ + 1}" if round_ else "")


def _history(simulation: Simulation, seed: int, home: Home) -> History:
    rng = _rng(seed, _REPOSITORY, home.index)
    reached = np.cumsum(simulation.pipeline_shares)
    pipelines = 1 + int(np.searchsorted(reached, rng.random() * reached[-1]))
    files = draw_files(simulation, rng)
    # The first tenth is left out again: a history does not begin all green.
    wanted = int(1.12 * home.builds / pipelines) + 20
    sittings = draw_sittings(simulation, rng, wanted, home.span)
    while len(sittings.at) * pipelines < home.builds:
        wanted += wanted // 4
        sittings = draw_sittings(simulation, rng, wanted, home.span)
    risk = _author_risk(simulation, seed, home.organisation)
    pushes = draw_pushes(simulation, rng, sittings, files, risk)
    outages = _outages(simulation, seed, home.organisation)
    builds = latest(
        draw_builds(simulation, rng, pushes, pipelines, outages), home.builds
    )
    shas = rng.bytes(20 * len(sittings.at)).hex()
    return History(pushes=pushes, builds=builds, files=files, shas=shas)


def _author_risk(simulation: Simulation, seed: int, organisation: int) -> Floats:
    rng = _rng(seed, _AUTHORS, organisation)
    risk: Floats = simulation.author_risk_spread * rng.standard_normal(REGULARS + 1)
    return risk


def _outages(simulation: Simulation, seed: int, organisation: int) -> tuple[Ints, Ints]:
    rng = _rng(seed, _OUTAGES, organisation)
    count = round(simulation.outages_per_month * simulation.days / _MONTH_DAYS)
    back = np.sort(rng.random(count) * simulation.days * _DAY)[::-1]
    begun = int(simulation.ends_at.timestamp()) - np.rint(back).astype(np.int64)
    lasting = _OUTAGE_SECONDS * np.exp(0.7 * rng.standard_normal(count))
    return begun, begun + np.rint(lasting).astype(np.int64)
