"""
The ledger as a builds file: what an import took in comes out again.

A builds file holds builds and their outcomes. It does not hold when a fact
reached us (imported again, it counts as known when it happened), nor changes,
causes or predictions that came as facts of their own.
"""

import csv
import gzip
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

import duckdb

from breakcast.errors import BadInput, BuildsFileError
from breakcast.history.buildscsv import LONGEST_LINE
from breakcast.history.buildsrow import COLUMNS, is_number_column
from breakcast.history.events import (
    BuildFinished,
    BuildKey,
    BuildStarted,
    Change,
    Event,
)
from breakcast.history.identity import EXPORTED_PREFIX
from breakcast.history.question import COUNT_COLUMNS, RESULT_PREFIX, SIGNAL_PREFIX

_Cells = list[str | float | None]

# A finish tells how long the build took; written twice it could disagree.
_FIXED_COLUMNS = tuple(name for name in COLUMNS if name != "duration_seconds")


@dataclass(frozen=True, slots=True)
class WrittenBuilds:
    """
    What an export wrote, and what it could not.

    Attributes:
        builds: Rows written, one an attempt.
        left_out: Facts a builds file has no room for: changes, causes and
            predictions, and outcomes of builds whose start is not known.
    """

    builds: int
    left_out: int


def write_builds(path: Path | str, events: Iterable[Event]) -> WrittenBuilds:
    """
    Write builds and their outcomes as a builds file, in the order of outcomes.

    Importing it gives equal facts, if they were imported (see above) and if
    builds without a known finish are assumed to take as long as they were: a
    guess is not written as a fact. Authors are written as `h:<hash>`, which an
    import takes as it is. A path that holds `;` is left out.

    Args:
        path: A file whose name ends in .csv, .csv.gz or .parquet; it appears
            when it is complete, and replaces one of that name.
        events: Facts in fold order, read twice: a list or a `Ledger`.

    Raises:
        BuildsFileError: If the name ends otherwise, or cannot be written.
        BadInput: If `events` can be read only once.
    """
    path = Path(path)
    if isinstance(events, Iterator):
        message = "events are read twice; hand over a list or a Ledger, no iterator"
        raise BadInput(message)
    name = path.name.lower()
    if not name.endswith((".csv", ".csv.gz", ".parquet")):
        message = f"{path.name} must end in .csv, .csv.gz or .parquet"
        raise BuildsFileError(message)
    try:
        with _draft(path) as draft:
            if name.endswith(".parquet"):
                written = _write_parquet(draft, events)
            else:
                with _open(draft, name) as file:
                    written = _write_rows(file, events)
    except (OSError, duckdb.Error) as error:
        message = f"{path} cannot be written: {error}"
        raise BuildsFileError(message) from error
    return written


def _write_rows(file: TextIO, events: Iterable[Event]) -> WrittenBuilds:
    signals, results = _number_names(events)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        [
            *_FIXED_COLUMNS,
            *(SIGNAL_PREFIX + name for name in signals),
            *(RESULT_PREFIX + name for name in results),
        ]
    )
    builds = left_out = 0
    # What waits for its other half: builds still running, or (where a clock was
    # off) outcomes told before the start.
    starts: dict[BuildKey, BuildStarted] = {}
    ends: dict[BuildKey, BuildFinished] = {}
    for event in events:
        if isinstance(event, BuildStarted):
            starts[event.key] = event
        elif isinstance(event, BuildFinished):
            ends[event.key] = event
        else:
            left_out += 1
            continue
        if event.key in starts and event.key in ends:
            started, finished = starts.pop(event.key), ends.pop(event.key)
            writer.writerow(_row(started, finished, signals, results))
            builds += 1
    for started in starts.values():
        writer.writerow(_row(started, None, signals, results))
    return WrittenBuilds(builds + len(starts), left_out + len(ends))


def _number_names(events: Iterable[Event]) -> tuple[list[str], list[str]]:
    signals: set[str] = set()
    results: set[str] = set()
    for event in events:
        if isinstance(event, BuildStarted):
            signals.update(event.build.signals)
        elif isinstance(event, BuildFinished):
            results.update(event.results)
    return sorted(signals), sorted(results)


def _row(
    started: BuildStarted,
    finished: BuildFinished | None,
    signals: list[str],
    results: list[str],
) -> _Cells:
    build = started.build
    change = build.change or Change()
    outcome = ended_at = None
    results_known: dict[str, float] = {}
    if finished is not None:
        outcome = finished.outcome.value
        ended_at = None if finished.is_assumed else _time(finished.occurred_at)
        results_known = finished.results
    fixed: dict[str, str | float | None] = {
        "repo": build.key.repo,
        "build_id": build.key.build_id,
        "started_at": _time(started.occurred_at),
        "outcome": outcome,
        "source": build.key.source,
        "finished_at": ended_at,
        "pipeline": build.key.pipeline,
        "attempt": build.key.attempt,
        "branch": build.branch,
        "event": build.event,
        "commit_sha": build.commit_sha,
        "parent_build_id": build.parent_build_id,
        "author": build.author and EXPORTED_PREFIX + build.author,
        "is_bot": None if build.is_bot is None else str(build.is_bot).lower(),
        **{name: getattr(change, name) for name in COUNT_COLUMNS},
        "changed_paths": ";".join(path for path in change.paths if ";" not in path),
    }
    return [
        *(fixed[name] for name in _FIXED_COLUMNS),
        *map(build.signals.get, signals),
        *map(results_known.get, results),
    ]


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _open(draft: Path, name: str) -> TextIO:
    if name.endswith(".gz"):
        return gzip.open(draft, "wt", encoding="utf-8", newline="")
    return draft.open("w", encoding="utf-8", newline="")


def _write_parquet(draft: Path, events: Iterable[Event]) -> WrittenBuilds:
    """Write CSV first, for DuckDB to make Parquet of: numbers as such, else text."""
    with tempfile.TemporaryDirectory(dir=draft.parent) as folder:
        text = Path(folder) / "builds.csv"
        with _open(text, text.name) as file:
            written = _write_rows(file, events)
        with closing(duckdb.connect()) as connection:
            with text.open(encoding="utf-8", newline="") as file:
                columns = next(csv.reader(file))
            # Nothing is left to guess: a first name that begins with # once made
            # its line a comment.
            rows = connection.read_csv(
                str(text),
                auto_detect=False,
                columns=dict.fromkeys(columns, "VARCHAR"),
                header=True,
                sep=",",
                quotechar='"',
                escapechar='"',
                max_line_size=LONGEST_LINE,
            )
            cells = ", ".join(map(_parquet_cell, rows.columns))
            rows.project(cells).write_parquet(str(draft), compression="zstd")
    return written


def _parquet_cell(column: str) -> str:
    name = '"' + column.replace('"', '""') + '"'
    return f"{name}::DOUBLE AS {name}" if is_number_column(column) else name


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write; it replaces `path` if all goes well."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
