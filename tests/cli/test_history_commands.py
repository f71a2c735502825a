"""`breakcast import` and `breakcast ledger`: in, and out again the same."""

import json
from pathlib import Path

import pytest

from breakcast.history.events import Event
from breakcast.history.ledger import Ledger
from tests.cli.conftest import Command
from tests.history.made_builds import HEADER, write_csv
from tests.model.made_history import simulated_rows, write_rows

ROWS = (
    "a/b,1,2026-01-01,passed",
    "a/b,2,2026-01-02,failed",
    "a/b,2,2026-01-02,passed",
    "a/b,3,never,passed",
)


def _facts(home: Path) -> list[Event]:
    """All facts; those of one moment in no order, for an export does not keep it."""
    with Ledger.open(home / "ledger.db") as ledger:
        return sorted(ledger, key=lambda event: (event.known_at, repr(event.key)))


def test_an_import_tells_what_it_found(breakcast: Command, here: Path) -> None:
    ran = breakcast("import", write_csv(here, *ROWS))

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == (
        "3 of 4 rows accepted: 4 new facts, 1 known already, 1 in conflict."
    )
    assert "Note: line 5: started_at 'never' is no time" in ran.out
    assert "outcome" in ran.out.splitlines()[-1]


def test_an_import_as_json_is_one_object_on_one_line(
    breakcast: Command, here: Path
) -> None:
    ran = breakcast("import", write_csv(here, *ROWS), "--json")

    (line,) = ran.out.splitlines()
    told = json.loads(line)
    (refusal,) = told.pop("refusals")
    assert told == {
        "rows": 4,
        "accepted": 3,
        "refused": 1,
        "assumed_finishes": 3,
        "unknown_columns": [],
        "new": 4,
        "identical": 1,
        "conflicting": 1,
        "position": 4,
    }
    assert (refusal["line"], refusal["column"]) == (5, "started_at")
    assert refusal["value"] == "never"
    assert "ISO 8601" in refusal["reason"]


def test_importing_twice_changes_nothing(breakcast: Command, here: Path) -> None:
    history = write_rows(here / "builds.csv")
    first = json.loads(breakcast("import", history, "--json").out)
    facts = _facts(here / ".breakcast")

    again = json.loads(breakcast("import", history, "--json").out)

    assert first["new"] == 2 * len(simulated_rows())
    assert (again["new"], again["conflicting"]) == (0, 0)
    assert again["identical"] == first["new"]
    assert again["position"] == first["position"]
    assert _facts(here / ".breakcast") == facts


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_what_is_exported_makes_an_equal_ledger_in_another_home(
    breakcast: Command, here: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Authors too, though the other home has another key."""
    breakcast("import", write_rows(here / "builds.csv"))

    exported = breakcast("ledger", "export", name, "--json")
    monkeypatch.setenv("BREAKCAST_HOME", "elsewhere")
    imported = breakcast("import", name)

    assert json.loads(exported.out) == {"builds": len(simulated_rows()), "left_out": 0}
    assert imported.code == 0
    assert _facts(here / "elsewhere") == _facts(here / ".breakcast")
    key, other_key = (
        (here / home / "author.key").read_bytes()
        for home in (".breakcast", "elsewhere")
    )
    assert key != other_key


def test_guessed_finishes_are_guessed_again_after_an_export(
    breakcast: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breakcast("import", write_csv(here, *ROWS))
    breakcast("ledger", "export", "out.csv")

    monkeypatch.setenv("BREAKCAST_HOME", "elsewhere")
    breakcast("import", "out.csv")

    assert _facts(here / "elsewhere") == _facts(here / ".breakcast")


def test_authors_are_nowhere_to_be_read(breakcast: Command, here: Path) -> None:
    row = "a/b,1,2026-01-01,passed,Ada Lovelace"
    breakcast("import", write_csv(here, row, header=HEADER + ",author"))
    breakcast("ledger", "export", "out.csv")

    written = [
        path.read_bytes()
        for path in [here / "out.csv", *(here / ".breakcast").iterdir()]
    ]

    assert len(written) >= 3
    assert not any(b"Lovelace" in content for content in written)


def test_where_authors_do_not_count_no_key_is_made(
    breakcast: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKCAST_USE_AUTHORS", "false")
    row = "a/b,1,2026-01-01,passed,Ada"
    breakcast("import", write_csv(here, row, header=HEADER + ",author"))
    breakcast("ledger", "export", "out.csv")

    assert not (here / ".breakcast" / "author.key").exists()
    assert "h:" not in (here / "out.csv").read_text()


def test_the_ledger_is_made_once_and_then_up_to_date(breakcast: Command) -> None:
    first, again = breakcast("ledger", "migrate"), breakcast("ledger", "migrate")

    assert (first.code, again.code) == (0, 0)
    assert first.out == "The ledger is at 0005 (new).\n"
    assert again.out == "The ledger is at 0005 (was at 0005).\n"


def test_the_ledger_lies_where_the_settings_say(breakcast: Command, here: Path) -> None:
    (here / "breakcast.toml").write_text('ledger = "kept/history.db"\n')

    breakcast("import", write_csv(here, *ROWS))

    assert (here / "kept" / "history.db").exists()
