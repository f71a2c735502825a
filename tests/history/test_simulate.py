"""The simulated history: the same for a seed, shaped like the real ones, causal."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from statistics import mean

import pytest

from breakcast.errors import BadInput
from breakcast.history.buildsfile import read_builds
from breakcast.history.simulate import (
    COLUMNS,
    Columns,
    Simulation,
    simulate,
    write_simulated,
)
from tests.history.shapes import Shapes, shapes, shown

SMALL = Simulation(repositories=6, organisations=2, builds=3_000)
DOCS = Path(__file__).parents[2] / "docs" / "simulator.md"
Row = dict[str, str | float | None]


def rows_of(chunks: Iterator[Columns]) -> list[Row]:
    return [
        dict(zip(chunk, values, strict=True))
        for chunk in chunks
        for values in zip(*chunk.values(), strict=True)
    ]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """The demo's history."""
    return rows_of(simulate(Simulation(), seed=1))


@pytest.fixture(scope="module")
def demo_shapes(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    path = tmp_path_factory.mktemp("demo") / "builds.parquet"
    write_simulated(path, Simulation(), seed=1)
    return shapes(path)


@pytest.mark.parametrize("name", ["builds.csv", "builds.parquet"])
def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, name: str) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        assert write_simulated(tmp_path / folder / name, SMALL, seed=7) == 3_000
    first, second = (tmp_path / folder / name for folder in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert [p.name for p in first.parent.iterdir()] == [name], "leftovers"


def test_a_seed_stays_the_same_history_for_good(tmp_path: Path) -> None:
    """
    Benchmarks compare with results of other days and machines.

    If this fails after a change of the simulation, take the new digest and run
    the benchmarks anew; if it fails on another machine or NumPy, tell us.
    """
    path = tmp_path / "builds.csv"
    write_simulated(path, SMALL, seed=7)
    digest = blake2b(path.read_bytes(), digest_size=8).hexdigest()
    assert digest == "2bbf413fd2ab6c89"


def test_another_seed_is_another_history() -> None:
    first, second = (rows_of(simulate(SMALL, seed=seed)) for seed in (7, 8))
    assert [r["commit_sha"] for r in first] != [r["commit_sha"] for r in second]


@pytest.mark.parametrize("chunk_rows", [1, 97, 1_000_000])
def test_chunks_change_nothing(chunk_rows: int) -> None:
    chunks = list(simulate(SMALL, seed=7, chunk_rows=chunk_rows))
    assert max(len(chunk["repo"]) for chunk in chunks) <= chunk_rows
    assert rows_of(iter(chunks)) == rows_of(simulate(SMALL, seed=7))


@pytest.mark.parametrize("name", ["builds.csv", "builds.parquet"])
def test_the_builds_file_reader_takes_every_row(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_simulated(path, SMALL, seed=7)
    builds = read_builds(path, identity=str)
    events = [event for batch in builds for event in batch]
    report = builds.report
    assert (report.accepted, report.refused, report.assumed_finishes) == (3_000, 0, 0)
    assert report.unknown_columns == ()
    assert report.signals == ("source_lines", "test_ratio")
    assert report.results == ("tests_run", "tests_failed")
    assert len(events) == 6_000


def test_both_formats_hold_the_same_facts(tmp_path: Path) -> None:
    paths = [tmp_path / "builds.csv", tmp_path / "builds.parquet"]
    facts = []
    for path in paths:
        write_simulated(path, SMALL, seed=7)
        facts.append([event for batch in read_builds(path) for event in batch])
    assert facts[0] == facts[1]


def test_everything_is_labelled_as_simulated(rows: list[Row]) -> None:
    assert {row["source"] for row in rows} == {"simulated"}
    assert all(str(row["repo"]).startswith("sim-") for row in rows)


def test_the_history_has_the_size_asked_for(rows: list[Row]) -> None:
    repos = {str(row["repo"]) for row in rows}
    assert len(rows) == 20_000
    assert len(repos) == 30
    assert len({repo.partition("/")[0] for repo in repos}) == 8
    keys = {(r["repo"], r["pipeline"], r["build_id"], r["attempt"]) for r in rows}
    assert len(keys) == 20_000
    assert set(rows[0]) == set(COLUMNS)


def test_no_build_ends_before_it_starts(rows: list[Row]) -> None:
    for row in rows:
        started, finished = time(row, "started_at"), time(row, "finished_at")
        assert (finished - started).total_seconds() == row["duration_seconds"]
        assert finished > started
        assert started < Simulation().ends_at + timedelta(hours=12)


def test_a_parent_started_before_its_child(rows: list[Row]) -> None:
    firsts = {name(row): row for row in rows if row["attempt"] == 1}
    with_parent = [row for row in rows if row["parent_build_id"]]
    assert len(with_parent) > 0.97 * len(rows)
    for row in with_parent:
        parent = firsts.get(name(row, "parent_build_id"))
        if parent:
            assert time(parent, "started_at") < time(row, "started_at")


def test_a_rerun_starts_after_what_it_repeats_was_red(rows: list[Row]) -> None:
    firsts = {name(row): row for row in rows if row["attempt"] == 1}
    reruns = [row for row in rows if row["attempt"] == 2]
    assert reruns
    for row in reruns:
        if first := firsts.get(name(row)):
            assert first["outcome"] == "failed"
            assert first["commit_sha"] == row["commit_sha"]
            assert time(first, "finished_at") < time(row, "started_at")


def test_a_cancelled_build_has_no_results(rows: list[Row]) -> None:
    cancelled = [row for row in rows if row["outcome"] == "none"]
    assert cancelled
    assert all(row["result.tests_run"] is None for row in cancelled)
    assert all(row["result.tests_failed"] is None for row in cancelled)


@pytest.mark.parametrize(
    ("shape", "lowest", "highest"),
    [
        ("red builds", (0.15,), (0.28,)),
        (
            "red builds of repositories, 10 50 90 %",
            (0.03, 0.1, 0.25),
            (0.12, 0.25, 0.6),
        ),
        ("red streak, mean 90 99 %", (2.1, 4, 14), (3.3, 7, 32)),
        ("green streak, mean 90 99 %", (7, 18, 45), (14, 35, 100)),
        ("parrot is right", (0.79,), (0.87,)),
        ("first failures among red", (0.33,), (0.48,)),
        ("red after a green, a red parent", (0.06, 0.6), (0.13, 0.75)),
        (
            "minutes between builds, 25 50 75 90 %",
            (0.0, 15, 130, 800),
            (10, 80, 700, 2200),
        ),
        ("builds at weekends", (0.13,), (0.2,)),
        ("minutes a build, 25 50 75 90 %", (1.5, 4, 8, 15), (8, 15, 30, 60)),
        ("started before the last had ended", (0.08,), (0.3,)),
        ("builds of pull requests", (0.15,), (0.3,)),
        ("files changed, 50 90 99 %", (2, 10, 70), (3, 30, 383)),
        ("lines added, 50 90 99 %", (15, 194, 1343), (40, 550, 12_865)),
        ("reruns", (0.01,), (0.03,)),
    ],
)
def test_the_shape_is_that_of_real_histories(
    demo_shapes: Shapes,
    shape: str,
    lowest: tuple[float, ...],
    highest: tuple[float, ...],
) -> None:
    """Within bounds around the real files' shapes, see docs/simulator.md."""
    found = demo_shapes[shape]
    assert len(found) == len(lowest)
    for low, number, high in zip(lowest, found, highest, strict=True):
        assert low <= number <= high


def test_bigger_changes_break_more_often(fresh: list[Row]) -> None:
    small = [is_red(row) for row in fresh if number(row, "lines_added") < 10]
    big = [is_red(row) for row in fresh if number(row, "lines_added") > 300]
    assert mean(big) > 1.5 * mean(small)


@pytest.mark.parametrize("what", ["author", "directory", "repo"])
def test_who_or_what_broke_before_breaks_again(fresh: list[Row], what: str) -> None:
    """The worse half by the past is worse in the future."""
    fresh = sorted(fresh, key=lambda row: str(row["started_at"]))
    half = len(fresh) // 2
    past = defaultdict(list)
    for row in fresh[:half]:
        past[subject(row, what)].append(is_red(row))
    shares = {key: mean(reds) for key, reds in past.items() if len(reds) >= 10}
    middle = sorted(shares.values())[len(shares) // 2]
    future: dict[bool, list[bool]] = {True: [], False: []}
    for row in fresh[half:]:
        if (key := subject(row, what)) in shares:
            future[shares[key] > middle].append(is_red(row))
    assert mean(future[True]) > 1.2 * mean(future[False])


def test_pipelines_of_one_commit_fail_together(rows: list[Row]) -> None:
    commits = defaultdict(dict)
    for row in rows:
        commits[row["repo"], row["commit_sha"]].setdefault(row["pipeline"], is_red(row))
    pairs = [
        (red, other)
        for reds in commits.values()
        for pipeline, red in reds.items()
        for sibling, other in reds.items()
        if pipeline != sibling
    ]
    beside_red, beside_green = (
        mean(red for red, other in pairs if other == seen) for seen in (True, False)
    )
    assert beside_red > 2.5 * beside_green


def test_a_defect_fails_the_same_tests_until_it_is_mended(rows: list[Row]) -> None:
    firsts = {name(row): row for row in rows if row["attempt"] == 1}
    pairs = [
        (number(row, "result.tests_failed"), number(parent, "result.tests_failed"))
        for row in rows
        if (parent := firsts.get(name(row, "parent_build_id")))
        and is_red(row)
        and is_red(parent)
    ]
    assert mean(mine == parents for mine, parents in pairs) > 0.7


def test_an_outage_turns_a_whole_organisation_red() -> None:
    outages = replace(SMALL, outages_per_month=60, break_share=0, flaky_share=0)
    hours = defaultdict(lambda: defaultdict(list))
    for row in rows_of(simulate(outages, seed=7)):
        owner = str(row["repo"]).partition("/")[0]
        hours[owner, str(row["started_at"])[:13]][row["repo"]].append(is_red(row))
    shared = [
        tuple(any(reds) for reds in list(repos.values())[:2])
        for repos in hours.values()
        if len(repos) > 1
    ]
    beside_red = mean(second for first, second in shared if first)
    beside_green = mean(second for first, second in shared if not first)
    assert beside_red > 3 * beside_green


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"flaky_share": -0.1},
            "flaky_share is -0.1; use a share from 0 to 1",
        ),
        (
            {"repositories": 5, "organisations": 6},
            (
                "organisations, repositories, builds are (6, 5, 20000); use whole "
                "numbers from 1 on, none above the next"
            ),
        ),
        (
            {"outages_per_month": float("nan")},
            "outages_per_month is nan; use a finite number from 0 on",
        ),
        ({"builds_per_day": 0.0}, "builds_per_day is 0.0; use a number above 0"),
        (
            {"pipeline_shares": ()},
            "pipeline_shares is (); use 1 to 6 shares from 0 on, not all 0",
        ),
        (
            {"ends_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - the mistake refused
            (
                "ends_at is datetime.datetime(2026, 1, 1, 0, 0); use a time with its "
                "time zone"
            ),
        ),
    ],
)
def test_a_senseless_parameter_is_refused(
    wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        replace(Simulation(), **wrong)
    assert str(caught.value) == message


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^seed is -1; use a whole number from 0 on$"):
        next(simulate(SMALL, seed=-1))


def test_another_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"end it in \.csv or \.parquet$"):
        write_simulated(tmp_path / "builds.xlsx", SMALL, seed=7)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"its folder is not there, make it first$"):
        write_simulated(tmp_path / "missing" / "builds.csv", SMALL, seed=7)


def test_extremes_still_give_the_rows_asked_for() -> None:
    tiny = Simulation(repositories=1, organisations=1, builds=1)
    crowd = replace(SMALL, repositories=300, organisations=40)
    dense = replace(SMALL, builds_per_day=2_000)
    calm = replace(SMALL, break_share=0, flaky_share=0, outages_per_month=0)
    for simulation in (tiny, crowd, dense, calm):
        found = rows_of(simulate(simulation, seed=7))
        assert len(found) == simulation.builds


def test_every_parameter_is_documented_with_its_value() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for field in fields(Simulation):
        value = field.default
        written = f"{value:%Y-%m-%d}" if isinstance(value, datetime) else str(value)
        assert f"| `{field.name}` | {written} |" in text


def test_the_documented_shapes_are_the_demos(demo_shapes: Shapes) -> None:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    documented = {
        cells[1]: cells[-3]
        for line in lines
        if (cells := [cell.strip() for cell in line.split("|")])[1:2]
    }
    for shape, numbers in demo_shapes.items():
        assert documented[shape] == shown(numbers)


@pytest.fixture(scope="module")
def fresh(rows: list[Row]) -> list[Row]:
    """First attempts whose parent was green: what is red there broke anew."""
    firsts = {name(row): row for row in rows if row["attempt"] == 1}
    return [
        row
        for row in firsts.values()
        if row["outcome"] != "none"
        and (parent := firsts.get(name(row, "parent_build_id")))
        and parent["outcome"] == "passed"
    ]


def name(row: Row, column: str = "build_id") -> tuple[object, ...]:
    return row["repo"], row["pipeline"], row[column]


def subject(row: Row, what: str) -> tuple[object, ...]:
    if what == "directory":
        return row["repo"], str(row["changed_paths"]).partition("_")[0]
    return (row[what],)


def is_red(row: Row) -> bool:
    return row["outcome"] == "failed"


def time(row: Row, column: str) -> datetime:
    return datetime.fromisoformat(str(row[column]))


def number(row: Row, column: str) -> float:
    return float(row[column] or 0)
