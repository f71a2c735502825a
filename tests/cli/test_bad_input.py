"""Whatever a file holds: it is refused with a reason, or row by row with the line."""

import json
from pathlib import Path

import pytest

from breakcast.history.simulate import Simulation, write_simulated
from tests.cli.conftest import Command
from tests.history.made_builds import HEADER, PLAIN, write_csv

LATIN = f"{HEADER},branch\n{PLAIN},main\n{PLAIN},früh\n".encode("latin-1")
MANY = "".join(f"a/b,{n},2026-01-01T12:00:00Z,passed\n" for n in range(3_000))

FILES = {
    "empty": ("builds.csv", b"", "is empty"),
    "header only": ("builds.csv", f"{HEADER}\n".encode(), "no rows"),
    "missing column": ("builds.csv", b"repo,build_id\na/b,1\n", "has no column"),
    "semicolons": ("builds.csv", b"repo;build_id\na;1\n", "separated by commas"),
    "a column twice": ("builds.csv", f"{HEADER},repo\n".encode(), "more than once"),
    "not utf-8": ("builds.csv", LATIN, "is not UTF-8"),
    "not utf-8, late": (
        "builds.csv",
        f"{HEADER}\n{MANY}\xff".encode("latin-1"),
        "UTF-8",
    ),
    "not gzipped": ("builds.csv.gz", PLAIN.encode(), "cannot be read to its end"),
    "not parquet": ("builds.parquet", PLAIN.encode(), "cannot be read as Parquet"),
    "unknown ending": ("builds.xlsx", PLAIN.encode(), "does not end as"),
}


@pytest.mark.parametrize("command", ["backtest", "import"])
@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_file_that_cannot_be_used_is_refused_whole(
    breakcast: Command, here: Path, command: str, file: tuple[str, bytes, str]
) -> None:
    name, content, reason = file
    (here / name).write_bytes(content)

    ran = breakcast(command, name)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {name} ")
    assert reason in ran.err
    assert ran.err.count("\n") == 1
    assert _facts_kept(breakcast) == 0


@pytest.mark.parametrize("command", ["backtest", "import"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.999])
def test_a_parquet_file_that_breaks_off_is_refused_whole(
    breakcast: Command, here: Path, command: str, kept: float
) -> None:
    path = here / "builds.parquet"
    write_simulated(path, Simulation(repositories=2, organisations=1, builds=500), 1)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])

    ran = breakcast(command, path)

    assert ran.code == 1
    assert "cannot be read as Parquet; is it complete?" in ran.err
    assert ran.err.count("\n") == 1
    assert _facts_kept(breakcast) == 0


ROWS = {
    "unreadable date": ("a/b,9,last tuesday,passed,", "started_at 'last tuesday'"),
    "american date": ("a/b,9,01/02/2026,passed,", "started_at '01/02/2026'"),
    "no date": ("a/b,9,,passed,", "started_at '' is empty"),
    "in the future": ("a/b,9,2400-01-01,passed,", "is in the future"),
    "before there was CI": ("a/b,9,1970-01-01,passed,", "is before 1990"),
    "wrong outcome": ("a/b,9,2026-01-01,maybe,", "outcome 'maybe'"),
    "still running": ("a/b,9,2026-01-01,in_progress,", "nothing if still running"),
    "no repository": (",9,2026-01-01,passed,", "repo '' is empty"),
    "no build": ("a/b,,2026-01-01,passed,", "build_id '' is empty"),
    "too few fields": ("a/b,9", "2 fields"),
    "too many fields": ("a/b,9,2026-01-01,passed,1,x", "6 fields"),
    "not a number": ("a/b,9,2026-01-01,passed,long", "duration_seconds 'long'"),
    "a negative number": ("a/b,9,2026-01-01,passed,-1", "is below zero"),
    "a control character": ("a/\x1b[31mb,9,2026-01-01,passed,", "control character"),
}


@pytest.mark.parametrize(("row", "reason"), ROWS.values(), ids=ROWS)
def test_a_bad_row_is_refused_alone_with_its_line_and_reason(
    breakcast: Command, here: Path, row: str, reason: str
) -> None:
    history = write_csv(here, PLAIN + ",60", row, header=HEADER + ",duration_seconds")

    ran = breakcast("import", history)

    assert (ran.code, ran.err) == (0, "")
    assert "1 of 2 rows accepted: 2 new facts" in ran.out
    (told,) = [line for line in ran.out.splitlines() if "line 3: " in line]
    assert reason in told
    assert told.isprintable()


def test_duplicates_count_once_and_of_contradictions_the_first(
    breakcast: Command, here: Path
) -> None:
    history = write_csv(
        here,
        "a/b,1,2026-01-01,passed",
        "a/b,1,2026-01-01,passed",
        "a/b,1,2026-01-01,failed",
    )

    told = json.loads(breakcast("import", history, "--json").out)

    assert (told["accepted"], told["new"]) == (3, 2)
    assert (told["identical"], told["conflicting"]) == (3, 1)
    assert _outcomes(breakcast, here) == ["passed"]


def test_dates_in_any_order_make_one_history(breakcast: Command, here: Path) -> None:
    rows = [
        f"a/b,{n},2026-01-{n:02},{'failed' if n % 3 else 'passed'}"
        for n in range(1, 29)
    ]
    found = []
    for some in (rows, rows[::-1], rows[::2] + rows[1::2]):
        breakcast("backtest", write_csv(here, *some), "--json", "found.json")
        told = json.loads((here / "found.json").read_bytes())
        found.append({**told, "seconds": 0})

    assert found[0] == found[1] == found[2]


def test_naive_times_are_utc_and_offsets_are_converted(
    breakcast: Command, here: Path
) -> None:
    history = write_csv(
        here,
        "a/b,1,2026-01-01T12:00:00,passed",
        "a/b,2,2026-01-01T12:00:00Z,passed",
        "a/b,3,2026-01-01T17:30:00+05:30,passed",
        "a/b,4,2026-01-01 04:00:00-08:00,passed",
    )

    breakcast("import", history)
    breakcast("ledger", "export", "out.csv")

    starts = [line.split(",")[2] for line in _lines(here / "out.csv")]
    assert len(starts) == 4
    assert len(set(starts)) == 1


def test_a_file_of_nothing_but_bad_rows_imports_nothing_and_says_so(
    breakcast: Command, here: Path
) -> None:
    history = write_csv(here, *["a/b,1,never,passed"] * 30)

    ran = breakcast("import", history)

    assert "0 of 30 rows accepted: 0 new facts" in ran.out
    assert ran.out.count("line ") == 10
    assert "… and 20 more." in ran.out


def test_a_backtest_of_nothing_but_bad_rows_is_not_yet(
    breakcast: Command, here: Path
) -> None:
    history = write_csv(here, *["a/b,1,never,passed"] * 3)

    for protocol in ("split", "walk-forward"):
        ran = breakcast("backtest", history, "--protocol", protocol)
        assert ran.code == 0
        assert "There is no labelled build to test on." in ran.out


def test_a_file_that_breaks_off_adds_nothing_to_what_was_there(
    breakcast: Command, here: Path
) -> None:
    breakcast("import", write_csv(here, PLAIN))
    (here / "late.csv").write_bytes(f"{HEADER}\n{MANY}".encode() + b"\xff")

    ran = breakcast("import", "late.csv")

    assert ran.code == 1
    assert _facts_kept(breakcast) == 1


def _facts_kept(breakcast: Command) -> int:
    told = breakcast("ledger", "export", "kept.csv", "--json").out
    return int(json.loads(told)["builds"])


def _outcomes(breakcast: Command, here: Path) -> list[str]:
    breakcast("ledger", "export", "out.csv")
    return [line.split(",")[3] for line in _lines(here / "out.csv")]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:]
