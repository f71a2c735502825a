"""Every command says what it does, with an example that names it."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from breakcast.cli.app import app
from tests.cli.conftest import Command


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - typer's own click, untyped
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        if command.callback is not None:
            yield (*path, name)


COMMANDS = tuple(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_each_command_gives_an_example(
    breakcast: Command, path: tuple[str, ...]
) -> None:
    ran = breakcast(*path, "--help")

    assert (ran.code, ran.err) == (0, "")
    assert f"Example: breakcast {' '.join(path)}" in ran.out


def test_all_commands_of_today_are_found() -> None:
    assert {("backtest",), ("import",), ("ledger", "export")} <= set(COMMANDS)


def test_the_exit_codes_are_told(breakcast: Command) -> None:
    told = " ".join(breakcast("--help").out.split())

    assert "0 done, 1 failed, 2 wrong usage, 99 nothing to do" in told
