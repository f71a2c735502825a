"""A builds file goes into the ledger whole, or not at all."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from breakcast.errors import BuildsFileError
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import BuildFinished, BuildStarted, Outcome
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerrows import Appended
from tests.history.made_builds import HEADER, ids, write_csv


def test_an_import_tells_what_it_found_and_what_was_new(
    ledger: Ledger, tmp_path: Path
) -> None:
    path = write_csv(
        tmp_path,
        "acme/shop,1,2026-01-01T12:00:00Z,passed",
        "acme/shop,2,2026-01-01T12:05:00Z,failed",
        "acme/shop,2,2026-01-01T12:05:00Z,failed",
        "acme/shop,1,2026-01-01T12:00:00Z,failed",
        "acme/shop,3,never,failed",
    )
    summary = import_builds(ledger, read_builds(path))
    assert (summary.found.rows, summary.found.accepted) == (5, 4)
    assert summary.appended.new == 4
    assert summary.appended.identical == 3
    assert summary.appended.conflicting == 1
    (conflict,) = summary.appended.conflicts
    assert [(d.field, d.kept, d.refused) for d in conflict.differences] == [
        ("outcome", "passed", "failed")
    ]


def test_importing_again_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    path = write_csv(tmp_path, "acme/shop,1,2026-01-01T12:00:00Z,passed")
    import_builds(ledger, read_builds(path))
    assert import_builds(ledger, read_builds(path)).appended == Appended(identical=2)


def test_a_file_with_one_class_of_outcome_is_imported(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Whether that is enough to learn from is not the importer's question."""
    path = write_csv(tmp_path, *(f"a/b,{n},2026-01-01,passed" for n in range(9)))
    summary = import_builds(ledger, read_builds(path))
    assert summary.found.outcomes == {Outcome.PASSED: 9}


def test_two_builds_are_a_history(ledger: Ledger, tmp_path: Path) -> None:
    path = write_csv(
        tmp_path, "a/b,2,2026-01-02,passed", "a/b,1,2026-01-01T23:45,failed"
    )
    import_builds(ledger, read_builds(path))
    # Build 1 ends, by assumption, a quarter of an hour after build 2 has started.
    assert ids(ledger.events("a")) == ["1", "2", "1", "2"]


def test_a_file_that_breaks_off_leaves_the_ledger_as_it_was(
    ledger: Ledger, tmp_path: Path
) -> None:
    before = write_csv(tmp_path, "acme/shop,1,2026-01-01T12:00:00Z,passed")
    import_builds(ledger, read_builds(before))
    rows = "".join(f"acme/shop,{n},2026-01-01,passed\n" for n in range(5_000))
    broken = tmp_path / "broken.csv"
    broken.write_bytes(f"{HEADER}\n{rows}acme/sh".encode() + b"\xff,1,2026,passed\n")
    with pytest.raises(BuildsFileError, match="is not UTF-8"):
        import_builds(ledger, read_builds(broken))
    assert ledger.position() == 2


def test_progress_is_told_up_to_the_last_row(ledger: Ledger, tmp_path: Path) -> None:
    path = write_csv(tmp_path, *(f"a/b,{n},2026-01-01,passed" for n in range(600)))
    told: list[tuple[int, int | None]] = []
    import_builds(
        ledger,
        read_builds(path),
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(250, None), (500, None), (600, None)]


@pytest.mark.parametrize(
    "name", ["buildfast", "travis_timed", "travis_authors", "github_actions"]
)
def test_counts_agree_with_plain_sql(
    ledger: Ledger, shared_data: Path, name: str
) -> None:
    """An oracle that shares nothing with our reader but the file."""
    path = shared_data / f"{name}.parquet"
    summary = import_builds(
        ledger, read_builds(path, now=datetime(2027, 1, 1, tzinfo=UTC))
    )
    with duckdb.connect() as sql:
        file = sql.read_parquet(str(path))
        finished_at = "finished_at" if "finished_at" in file.columns else "NULL"
        duration = "duration_seconds" if "duration_seconds" in file.columns else "NULL"
        signals = [c for c in file.columns if c.startswith("signal.")]
        filled = " + ".join(f'count("{c}")' for c in signals) or "0"
        ((rows, red, none, assumed, cells),) = file.aggregate(
            f"""
            count(*),
            count(*) FILTER (outcome IN ('failed', 'failure')),
            count(*) FILTER (outcome IN ('none', 'cancelled')),
            count(*) FILTER ({finished_at} IS NULL AND {duration} IS NULL),
            {filled}
            """
        ).fetchall()
        by_organisation = dict(
            file.aggregate("split_part(repo, '/', 1) AS name, count(*)").fetchall()
        )
        first_and_last = file.aggregate(
            "min(epoch_us(started_at::TIMESTAMPTZ)), "
            "max(epoch_us(started_at::TIMESTAMPTZ))"
        ).fetchall()
    facts = list(ledger)
    starts = [fact for fact in facts if isinstance(fact, BuildStarted)]
    ends = [fact for fact in facts if isinstance(fact, BuildFinished)]
    found = summary.found
    assert (found.rows, found.accepted, found.refused) == (rows, rows, 0)
    assert found.outcomes.get(Outcome.FAILED, 0) == red
    assert found.outcomes.get(Outcome.NONE, 0) == none
    assert found.assumed_finishes == assumed == sum(end.is_assumed for end in ends)
    assert summary.appended == Appended(new=2 * rows)
    assert len(starts) == len(ends) == rows
    assert sum(len(start.build.signals) for start in starts) == cells
    assert ledger.organisations() == by_organisation
    times = [start.occurred_at.timestamp() * 1e6 for start in starts]
    assert [(min(times), max(times))] == first_and_last
