"""
The shape of a CI history: the numbers that docs/simulator.md compares.

Print the table's rows for builds files, real or simulated, with
`python -m tests.history.shapes FILE...`.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from breakcast.history.events import Outcome
from breakcast.history.outcomes import outcome_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Shapes = dict[str, tuple[float, ...]]

_READ = {
    "repo": "repo",
    "build_id": "CAST(build_id AS VARCHAR)",
    "outcome": "outcome",
    "started_at": "epoch(CAST(started_at AS TIMESTAMPTZ))",
    "finished_at": "epoch(CAST(finished_at AS TIMESTAMPTZ))",
    "pipeline": "pipeline",
    "event": "event",
    "attempt": "attempt",
    "parent_build_id": "CAST(parent_build_id AS VARCHAR)",
    "files_added": "files_added",
    "files_modified": "files_modified",
    "files_deleted": "files_deleted",
    "lines_added": "lines_added",
}
_ABSENT = {"pipeline": "'default'", "attempt": "1", "files_added": "0"}
_ABSENT |= {"files_deleted": "0"}
_ASSUMED_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class _History:
    """
    The builds with a label, by start; NaN is unknown.

    `repo` and `track` (a pipeline of a repository) are numbered; `parent` is
    the parent's outcome, 1 for red.
    """

    repo: Ints
    track: Ints
    started: Floats
    finished: Floats
    red: Bools
    parent: Floats
    is_pull: Floats
    attempt: Floats
    files: Floats
    lines: Floats


def shapes(path: Path) -> Shapes:
    """Measure a builds file; a shape its columns cannot tell is empty."""
    history = _read(path)
    red, started = history.red, history.started
    repos, tracks = _groups(history.repo), _groups(history.track)
    in_tracks = np.concatenate(tracks)
    known = np.concatenate([_last_known(history, rows) for rows in tracks])
    waited = np.concatenate([_waited(history, rows) for rows in tracks])
    gaps = np.concatenate([np.diff(started[rows]) for rows in repos])
    reds, greens = (
        np.concatenate([_streaks(red[rows], of=of) for rows in tracks])
        for of in (True, False)
    )
    is_first = ~known & red[in_tracks]
    return {
        "red builds": _mean(red),
        "red builds of repositories, 10 50 90 %": _quantiles(
            np.array([red[rows].mean() for rows in repos]), 10, 50, 90
        ),
        "red streak, mean 90 99 %": _mean(reds) + _quantiles(reds, 90, 99),
        "green streak, mean 90 99 %": _mean(greens) + _quantiles(greens, 90, 99),
        "parrot is right": _mean(known == red[in_tracks]),
        "first failures among red": _mean(is_first[red[in_tracks]]),
        "red after a green, a red parent": (
            _mean(red[history.parent == 0]) + _mean(red[history.parent == 1])
        ),
        "minutes between builds, 25 50 75 90 %": _quantiles(gaps / 60, 25, 50, 75, 90),
        "builds at weekends": _mean((started // 86_400 + 3) % 7 >= 5),
        "minutes a build, 25 50 75 90 %": _quantiles(
            (history.finished - started) / 60, 25, 50, 75, 90
        ),
        "started before the last had ended": _mean(waited),
        "builds of pull requests": _mean(history.is_pull),
        "files changed, 50 90 99 %": _quantiles(history.files, 50, 90, 99),
        "lines added, 50 90 99 %": _quantiles(history.lines, 50, 90, 99),
        "reruns": _mean(history.attempt > 1) if np.ptp(history.attempt) else (),
    }


def shown(numbers: tuple[float, ...]) -> str:
    """
    Write a shape as the table does, to three digits.

    >>> shown((0.2004, 10.7, 1234.6))
    '.2 10.7 1235'
    """
    texts = (f"{n:.0f}" if n >= 100 else f"{float(f'{n:.3g}'):g}" for n in numbers)
    return " ".join(text.removeprefix("0") or "0" for text in texts) or "–"


def _read(path: Path) -> _History:
    with duckdb.connect(config={"threads": 1}) as connection:
        read = connection.read_csv if path.suffix == ".csv" else connection.read_parquet
        rows = read(str(path))
        wanted = (
            f"{value if name in rows.columns else _ABSENT.get(name, 'NULL')} AS {name}"
            for name, value in _READ.items()
        )
        rows = rows.project(", ".join(wanted)).order("repo, started_at, build_id")
        found = [row for row in rows.fetchall() if outcome_of(row[2]) != Outcome.NONE]
    column = dict(zip(_READ, zip(*found, strict=True), strict=True))
    outcome = [outcome_of(word) for word in column["outcome"]]
    tracks = list(zip(column["repo"], column["pipeline"], strict=True))
    red = np.array([word == Outcome.FAILED for word in outcome])
    names = zip(tracks, column["build_id"], column["attempt"], strict=True)
    ended = dict(zip(names, red, strict=True))
    parents = zip(tracks, column["parent_build_id"], strict=True)
    return _History(
        repo=np.unique(column["repo"], return_inverse=True)[1],
        track=np.unique([" ".join(track) for track in tracks], return_inverse=True)[1],
        started=_floats(column["started_at"]),
        finished=_floats(column["finished_at"]),
        red=red,
        parent=_floats(ended.get((track, parent, 1)) for track, parent in parents),
        is_pull=_floats(e and e.startswith("pull_") for e in column["event"]),
        attempt=_floats(column["attempt"]),
        files=_floats(column["files_added"])
        + _floats(column["files_modified"])
        + _floats(column["files_deleted"]),
        lines=_floats(column["lines_added"]),
    )


def _floats(values: Iterable[float | bool | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], np.float64)


def _groups(number: Ints) -> list[Ints]:
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1)


def _streaks(red: Bools, *, of: bool) -> Floats:
    turns = np.flatnonzero(np.diff(red)) + 1
    length = np.diff(np.concatenate(([0], turns, [len(red)])))
    return length[red[np.concatenate(([0], turns))] == of].astype(np.float64)


def _last_known(history: _History, rows: Ints) -> Bools:
    """What the parrot says: the outcome known last, or green before the first."""
    assumed = history.started[rows] + _ASSUMED_SECONDS
    finished = history.finished[rows]
    finished = np.where(np.isnan(finished), assumed, finished)
    order = np.argsort(finished, kind="stable")
    known = np.searchsorted(finished[order], history.started[rows])
    return (known > 0) & history.red[rows[order[known - 1]]]


def _waited(history: _History, rows: Ints) -> Floats:
    last = history.finished[rows[:-1]]
    waited = np.where(last > history.started[rows[1:]], 1.0, 0.0)
    answered: Floats = np.where(np.isnan(last), np.nan, waited)
    return answered


def _quantiles(values: Floats, *percent: int) -> tuple[float, ...]:
    known = values[np.isfinite(values)]
    return tuple(float(n) for n in np.percentile(known, percent)) if len(known) else ()


def _mean(values: Floats | Bools) -> tuple[float, ...]:
    known = values[np.isfinite(values)]
    return (float(known.mean()),) if len(known) else ()


def main(paths: list[str]) -> None:
    """Print the table's rows, one file a column."""
    columns = [shapes(Path(path)) for path in paths]
    for name in columns[0]:
        cells = " | ".join(shown(column[name]) for column in columns)
        sys.stdout.write(f"| {name} | {cells} |\n")


if __name__ == "__main__":
    main(sys.argv[1:])
