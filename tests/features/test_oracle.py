"""
The counters agree with plain SQL, which looks back from each build by itself.

The oracle knows no fold and no decay trick: for every build it selects what had
finished strictly before that build started.
"""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from breakcast.features.columns import catalog_of
from breakcast.features.state import FeatureState
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import BuildStarted
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, write_simulated

CATALOG = catalog_of()
LOOKING_BACK = """
WITH builds AS (
    SELECT repo, pipeline, build_id, attempt, coalesce(branch, '') AS branch,
        commit_sha, author, split_part(repo, '/', 1) AS organisation,
        epoch(started_at::TIMESTAMP) AS started, epoch(finished_at::TIMESTAMP) AS ended,
        CASE outcome WHEN 'failed' THEN 1 WHEN 'passed' THEN 0 END AS red
    FROM read_csv($path, all_varchar = true)
)
SELECT b.repo, b.pipeline, b.build_id, b.attempt::INT,
    count(p.red) AS known,
    avg(p.red) AS red_ratio,
    arg_max(p.red, p.ended + p.red / 1e3) AS last_failed,
    arg_max(p.red, p.ended - p.red / 1e3) AS last_failed_if_tied,
    sum(0.5 ** ((b.started - p.ended) / 86400)) FILTER (p.red IS NOT NULL) AS known_day,
    max(b.started) - max(p.ended) FILTER (p.red = 1) AS since_red
FROM builds b LEFT JOIN builds p ON p.ended < b.started AND p.red IS NOT NULL AND {same}
GROUP BY ALL
"""
SAME = {
    "organisation": "p.organisation = b.organisation",
    "repository": "p.repo = b.repo",
    "pipeline": "p.repo = b.repo AND p.pipeline = b.pipeline",
    "branch": "p.repo = b.repo AND p.pipeline = b.pipeline AND p.branch = b.branch",
    "author": "p.organisation = b.organisation AND p.author = b.author",
}
COMMITS = LOOKING_BACK.format(same="p.repo = b.repo AND p.commit_sha = b.commit_sha")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("oracle") / "builds.csv"
    write_simulated(path, Simulation(builds=1_200, repositories=4, organisations=2), 5)
    return path


@pytest.fixture(scope="module")
def rows(history: Path) -> dict[tuple[str, str, str, int], np.ndarray]:
    found = {}
    with Ledger.temporary() as ledger:
        import_builds(ledger, read_builds(history, identity=lambda name: name))
        for organisation in ledger.organisations():
            state = FeatureState(CATALOG)
            for event in ledger.events(organisation):
                if isinstance(event, BuildStarted):
                    key = event.key
                    name = (key.repo, key.pipeline, key.build_id, key.attempt)
                    found[name] = state.row(event.build, event.known_at)
                state.observe(event)
    return found


@pytest.mark.parametrize("kind", SAME)
def test_a_track_record_is_what_sql_counts(
    kind: str, history: Path, rows: dict[tuple[str, str, str, int], np.ndarray]
) -> None:
    told = _asked(LOOKING_BACK.format(same=SAME[kind]), history)
    assert len(told) == len(rows) == 1_200
    assert sum(line[4] > 0 for line in told) > 600
    facts = (
        "known_ever",
        "red_ratio_ever",
        "last_failed",
        "known_day",
        "since_red_hours",
    )
    at = [CATALOG.column(f"{kind}.{fact}") for fact in facts]
    for *name, known, ratio, last, tied, day, since_red in told:
        row = rows[tuple(name)][at]
        if not known:
            assert not row[0] > 0
            continue
        # Two builds may end in one instant: then the order of arrival decides.
        last_failed = last if last == tied else row[2]
        hours = np.nan if since_red is None else since_red / 3600
        wanted = np.array([known, ratio, last_failed, day, hours], np.float32)
        np.testing.assert_allclose(row, wanted, rtol=1e-4, atol=1e-5)


def test_a_commit_is_what_sql_counts(
    history: Path, rows: dict[tuple[str, str, str, int], np.ndarray]
) -> None:
    known_at, red_at = (CATALOG.column(f"commit.{fact}") for fact in ("known", "red"))
    some = 0
    for *name, known, ratio, _, _, _, _ in _asked(COMMITS, history):
        row = rows[tuple(name)]
        assert row[known_at] == known
        assert row[red_at] == pytest.approx((ratio or 0) * known)
        some += known > 0
    assert some > 50


def _asked(query: str, history: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as sql:
        return sql.execute(query, {"path": str(history)}).fetchall()
