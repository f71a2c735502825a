"""Memory does not grow with the file."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROWS = 300_000

IMPORT_AND_TELL_PEAK = """
import pathlib, resource, sys
from breakcast.history.buildsfile import read_builds
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger

with Ledger.open(sys.argv[1]) as ledger:
    summary = import_builds(ledger, read_builds(sys.argv[2]))
# Linux counts what the parent held before exec in ru_maxrss, but not in VmHWM.
status = pathlib.Path("/proc/self/status")
if status.exists():
    told = [line for line in status.read_text().splitlines() if "VmHWM" in line]
    peak = int(told[0].split()[1]) * 1024
else:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = used if sys.platform == "darwin" else used * 1024
print(summary.appended.new, peak)
"""


@pytest.mark.slow
def test_a_csv_of_300_mb_is_imported_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with duckdb.connect() as sql:
        sql.sql(
            """
            SELECT 'acme/shop-' || n % 50 AS repo, n AS build_id,
                TIMESTAMP '2015-01-01' + to_minutes(n) AS started_at,
                CASE WHEN hash(n) % 5 = 0 THEN 'failed' ELSE 'passed' END AS outcome,
                'branch-' || n % 1000 AS branch, md5(n::VARCHAR) AS commit_sha,
                array_to_string(
                    [format('src/{}/{}.py', md5((n + p)::VARCHAR), p)
                        FOR p IN range(22)], ';'
                ) AS changed_paths,
                n % 97 AS "signal.churn", random() AS "signal.age",
                random() AS "signal.size", n % 13 AS "result.tests"
            FROM range($rows) t(n)
            """,
            params={"rows": ROWS},
        ).write_csv(str(path))
    size = path.stat().st_size
    assert size > 300_000_000
    told = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", IMPORT_AND_TELL_PEAK, str(tmp_path / "l.db"), str(path)],
        capture_output=True,
        check=True,
        text=True,
    )
    new, peak_bytes = map(int, told.stdout.split())
    assert new == 2 * ROWS
    assert peak_bytes < 400_000_000
