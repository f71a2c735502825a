"""An import killed in the middle leaves nothing, and can be run again."""

import signal
import subprocess
import sys
from pathlib import Path

from breakcast.history.buildsfile import read_builds
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerrows import Appended
from tests.history.made_builds import started, write_csv

ROWS = 60_000

IMPORT_AND_STALL = """
import sys
from breakcast.history.buildsfile import read_builds
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger

def stall(done, total):
    if done > 50_000:
        print("in the middle", flush=True)
        sys.stdin.read()

import_builds(Ledger.open(sys.argv[1]), read_builds(sys.argv[2]), progress=stall)
"""


def test_kill_9_in_mid_import_leaves_nothing(tmp_path: Path) -> None:
    # More than the page cache holds, so that pages of it are on disk already.
    path = write_csv(
        tmp_path,
        *(
            f"acme/shop,{n},2026-01-01T12:00:00Z,passed,{'x' * 1_000}"
            for n in range(ROWS)
        ),
        header="repo,build_id,started_at,outcome,branch",
    )
    place = tmp_path / "ledger.db"
    with Ledger.open(place) as ledger:
        ledger.append([started("before", repo="zoo")])
    importer = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", IMPORT_AND_STALL, str(place), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert importer.stdout is not None
    assert importer.stdout.readline() == b"in the middle\n"
    importer.kill()
    importer.communicate()
    assert importer.returncode == -signal.SIGKILL
    assert (tmp_path / "ledger.db-wal").stat().st_size > 10_000_000

    with Ledger.open(place) as ledger:
        assert ledger.organisations() == {"zoo": 1}
        assert ledger.position() == 1
        summary = import_builds(ledger, read_builds(path))
        assert summary.appended == Appended(new=2 * ROWS)
        assert ledger.organisations() == {"acme": ROWS, "zoo": 1}
