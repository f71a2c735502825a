"""`breakcast backfill github` is killed, really, and goes on where it was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from breakcast.history.ledger import Ledger
from tests.live.fake_github import REPO, Clock, FakeGitHub, in_turn, running
from tests.live.made_runs import START, attempt, fill


@pytest.mark.slow
def test_killed_by_the_system_it_ends_with_what_a_clean_one_gives(
    tmp_path: Path,
) -> None:
    with running(FakeGitHub(Clock(datetime.now(UTC)))) as github:
        fill(github, 1_500)
        chance = random.Random(7)  # noqa: S311 - when to kill

        killed = 0
        for _ in range(6):
            before = len(github.asked)
            process = _backfilling(github, tmp_path / "killed")
            until_asked = before + chance.randrange(5, 60)
            while process.poll() is None and len(github.asked) < until_asked:
                time.sleep(0.001)
            process.kill()
            killed += process.wait() < 0
            process.communicate()
        last = _backfilling(github, tmp_path / "killed")
        out, err = last.communicate()
        cleanly, _ = _backfilling(github, tmp_path / "clean").communicate()

    assert (last.returncode, err) == (0, "")
    assert killed >= 4
    assert _facts(tmp_path / "killed") == _facts(tmp_path / "clean")
    assert json.loads(out)["details_left"] == 0
    assert json.loads(cleanly)["new"] == len(_facts(tmp_path / "clean"))


def test_told_to_end_it_does_not_wait_for_the_limit_to_end(tmp_path: Path) -> None:
    """Its threads are asleep, for ten minutes."""
    now = datetime.now(UTC)
    with running(FakeGitHub(Clock(now))) as github:
        for number in range(8):
            yesterday = now - timedelta(days=1)
            github.add([attempt(number + 1, yesterday, conclusion="failure")])
        github.trouble = in_turn(None, *["403 primary"] * 99)
        process = _backfilling(github, tmp_path)
        while process.poll() is None and len(github.asked) < 2:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)

    assert process.returncode != 0
    assert "going on in 601 s" in err
    assert _facts(tmp_path)


def _backfilling(github: FakeGitHub, folder: Path) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    since = (START - timedelta(days=1)).date().isoformat()
    command = ("backfill", "github", REPO, "--since", since, "--json")
    settings = {
        "BREAKCAST_GITHUB_URL": github.url,
        "BREAKCAST_HOME": str(folder),
        "BREAKCAST_USE_AUTHORS": "false",
    }
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", "from breakcast.cli import main; main()", *command],
        env={**os.environ, **settings},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _facts(folder: Path) -> list[bytes]:
    with Ledger.open(folder / "ledger.db") as ledger:
        return sorted(msgspec.msgpack.encode(fact) for fact in ledger)
