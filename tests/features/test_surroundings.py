"""
What is in flight, lately red and red around a build agrees with plain SQL.

As in `test_oracle`: no fold and no decay trick, each build looks back by itself.
"""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from breakcast.features.columns import catalog_of
from breakcast.features.table import Table, build_table
from breakcast.history.buildsfile import read_builds
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, write_simulated

Floats = NDArray[np.float64]

SLICES = {
    "github_actions": "true",
    "buildfast": "started_at < '2013-04-01'",
    "travis_authors": "started_at < '2013-01-01'",
}
BUILDS = """
CREATE TABLE builds AS
WITH told AS (SELECT * FROM read_csv(?, all_varchar = true, union_by_name = true))
SELECT row_number() OVER (ORDER BY started_at::TIMESTAMPTZ, repo, build_id) AS id,
    repo, split_part(repo, '/', 1) AS organisation, pipeline, commit_sha AS commit,
    coalesce(branch, '') AS branch, build_id, attempt::INT AS attempt,
    epoch(started_at::TIMESTAMPTZ) AS started,
    CASE WHEN outcome IN ('failed', 'failure') THEN 1
        WHEN outcome IN ('passed', 'success') THEN 0 END AS red,
    CASE WHEN outcome <> '' THEN epoch(coalesce(
        finished_at::TIMESTAMPTZ, started_at::TIMESTAMPTZ + INTERVAL 30 MINUTE
    )) END AS ended
FROM told
"""
SAME = {
    "organisation": "p.organisation = b.organisation",
    "repository": "p.repo = b.repo",
    "pipeline": "p.repo = b.repo AND p.pipeline = b.pipeline",
}
# A build is in flight for a day at the most, unless it has finished before.
IN_FLIGHT = """
SELECT b.id, count(p.id)
FROM builds b LEFT JOIN builds p ON {same} AND p.started < b.started
    AND p.started > b.started - 86400 AND NOT coalesce(p.ended < b.started, false)
GROUP BY b.id
"""
DECAYED = """
SELECT b.id, coalesce(sum(0.5 ** ((b.started - p.ended) / {half_life})), 0),
    sum(0.5 ** ((b.started - p.ended) / {half_life}) * p.red)
        / sum(0.5 ** ((b.started - p.ended) / {half_life}))
FROM builds b LEFT JOIN builds p
    ON {same} AND p.ended < b.started AND p.red IS NOT NULL
GROUP BY b.id
"""
SIBLINGS = """
WITH posted AS (
    SELECT b.id, b.started, p.pipeline, max(p.ended) AS ended,
        arg_max(p.red, (p.ended, p.build_id, p.attempt)) AS red
    FROM builds b JOIN builds p ON p.repo = b.repo AND p.branch = b.branch
        AND p.pipeline <> b.pipeline AND p.ended < b.started AND p.red IS NOT NULL
    GROUP BY ALL
)
SELECT b.id, count(p.red), avg(p.red), arg_max(p.red, (p.ended, p.pipeline)),
    (b.started - max(p.ended)) / 3600
FROM builds b LEFT JOIN posted p USING (id) GROUP BY b.id, b.started
"""
COMMITS = """
SELECT b.id, count(p.id) FILTER (b.commit IS NOT NULL),
    arg_max(p.red, (p.ended, p.build_id, p.attempt)) FILTER (
        p.pipeline = b.pipeline AND p.ended < b.started AND p.red IS NOT NULL
    )
FROM builds b LEFT JOIN builds p
    ON p.repo = b.repo AND p.commit = b.commit AND p.started < b.started
GROUP BY b.id
"""


class Told:
    """A history as a table of features, and as a database."""

    def __init__(self, path: Path) -> None:
        self.sql = duckdb.connect()
        self.sql.execute(BUILDS, [str(path)])
        with Ledger.temporary() as ledger:
            import_builds(ledger, read_builds(path))
            self.table: Table = build_table(ledger, catalog_of())

    def ask(self, query: str) -> list[Floats]:
        """Give a query's columns after the first, a value a build."""
        rows = self.sql.sql(query).order("id").fetchall()
        return list(np.array(rows, np.float64)[:, 1:].T)

    def agrees(self, name: str, wanted: Floats) -> None:
        """Compare one feature of all builds."""
        found = self.table.column(name).astype(np.float64)
        assert np.isfinite(wanted).sum() > 0
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module", params=["simulated", *SLICES])
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Told:
    path = tmp_path_factory.mktemp("told") / "builds.csv"
    if request.param == "simulated":
        made = Simulation(
            builds=1_500, repositories=4, organisations=2, builds_per_day=40.0
        )
        write_simulated(path, made, seed=3)
    else:
        real = request.getfixturevalue("shared_data") / f"{request.param}.parquet"
        query = f"SELECT * FROM '{real}' WHERE {SLICES[request.param]}"  # noqa: S608
        with duckdb.connect() as sql:
            known = sql.sql(query).columns
            absent = {"pipeline": "'default'", "attempt": "1"}
            absent |= dict.fromkeys(("branch", "commit_sha", "finished_at"), "NULL")
            told = sql.sql(query)
            more = [
                f"{to} AS {name}" for name, to in absent.items() if name not in known
            ]
            told.select(", ".join(["*", *more])).write_csv(str(path))
    return Told(path)


@pytest.mark.parametrize("kind", SAME)
def test_builds_in_flight_are_those_sql_counts(kind: str, told: Told) -> None:
    (in_flight,) = told.ask(IN_FLIGHT.format(same=SAME[kind]))
    # Of a thing that is not known yet nothing is said.
    known = ~np.isnan(told.table.column(f"{kind}.in_flight"))

    told.agrees(f"{kind}.in_flight", np.where(known, in_flight, np.nan))

    assert not in_flight[~known].any()
    assert in_flight.max() > 0


@pytest.mark.parametrize("kind", ["organisation", "repository"])
def test_the_last_hour_is_what_sql_adds_up(kind: str, told: Told) -> None:
    known, ratio = told.ask(DECAYED.format(same=SAME[kind], half_life=3_600))
    told.agrees(f"last_hour.{kind}_known", known)
    told.agrees(f"last_hour.{kind}_red_ratio", ratio)


@pytest.mark.parametrize("kind", SAME)
def test_months_and_days_fade_as_sql_says(kind: str, told: Told) -> None:
    is_known = ~np.isnan(told.table.column(f"{kind}.known_ever"))
    for span, half_life in (("day", 86_400), ("month", 2_592_000)):
        known, ratio = told.ask(DECAYED.format(same=SAME[kind], half_life=half_life))
        told.agrees(f"{kind}.known_{span}", np.where(is_known, known, np.nan))
        told.agrees(f"{kind}.red_ratio_{span}", ratio)


def test_other_pipelines_of_the_branch_are_those_sql_finds(told: Told) -> None:
    known, ratio, newest, hours = told.ask(SIBLINGS)
    told.agrees("siblings.known", known)
    if known.any():
        told.agrees("siblings.red_ratio", ratio)
        told.agrees("siblings.newest_failed", newest)
        told.agrees("siblings.newest_hours", hours)


def test_builds_of_the_commit_are_those_sql_counts(told: Told) -> None:
    started, last = told.ask(COMMITS)
    is_named = ~np.isnan(told.table.column("commit.started"))
    if is_named.any():
        told.agrees("commit.started", np.where(is_named, started, np.nan))
        if np.isfinite(last).any():
            told.agrees("commit.same_pipeline_failed", last)
