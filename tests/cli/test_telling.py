"""What is piped away holds results alone; progress is for those who watch."""

import pytest

from breakcast.cli.telling import print_json, progress


def test_where_nobody_watches_progress_leaves_not_even_an_empty_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress() as step:
        step("reading", 1, 2)
        step("reading", 2, None)

    assert capsys.readouterr() == ("", "")


def test_json_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"reason": "two\nlines", "name": "früh"})

    assert capsys.readouterr().out == '{"reason":"two\\nlines","name":"früh"}\n'
