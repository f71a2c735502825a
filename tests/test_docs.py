"""The documentation says what the code says, and every link leads somewhere."""

import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from breakcast.cli.app import app
from tests.reference import DOCS, PAGES, ROOMS, outcomes_table

ROOT = DOCS.parent
MARKDOWN = sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md")])


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run `python -m tests.reference`"


def test_the_builds_file_page_lists_every_outcome_word() -> None:
    assert outcomes_table() in (DOCS / "builds-file.md").read_text(encoding="utf-8")


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined] - a typer group
    missing = [name for name in commands if not re.search(rf"`[^`]*\b{name}\b", readme)]
    assert not missing


def test_every_command_shows_an_example() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined] - a typer group
    plain = [
        name for name, command in commands.items() if not hasattr(command, "commands")
    ]
    assert plain
    for name in plain:
        shown = CliRunner().invoke(app, [name, "--help"]).output
        assert "Example: breakcast" in " ".join(shown.split()), name


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    broken = [link for link in links if not (page.parent / link).exists()]
    assert not broken


def test_every_room_is_on_the_map() -> None:
    source = ROOT / "src" / "breakcast"
    rooms = {
        path.name
        for path in source.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists())
        and not path.name.startswith("__")
    }
    assert rooms == set(ROOMS)
