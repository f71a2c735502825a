"""Runs as GitHub tells of them, made up."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.live.fake_github import FakeGitHub

Json = dict[str, Any]

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 6, 1, tzinfo=UTC)
WORKFLOWS = (".github/workflows/ci.yml", ".github/workflows/lint.yml")


def attempt(
    number: int,
    created: datetime,
    *,
    which: int = 1,
    conclusion: str | None = "success",
    sha: str | None = None,
    login: str = "ada",
) -> Json:
    """Make one attempt of a run, as the API tells of it."""
    started = created + timedelta(hours=which - 1)
    who = {"login": login, "type": "User", "id": 7}
    return {
        "id": number,
        "name": "CI",
        "path": WORKFLOWS[number % len(WORKFLOWS)],
        "event": "push",
        "head_branch": "main",
        "head_sha": sha or f"{number:040x}",
        "run_attempt": which,
        "created_at": _written(created),
        "run_started_at": _written(started),
        "updated_at": _written(started + timedelta(minutes=10)),
        "status": "in_progress" if conclusion is None else "completed",
        "conclusion": conclusion,
        "actor": who,
        "triggering_actor": who,
        "pull_requests": [],
        "something_new": {"nobody": "knows"},
    }


def job(number: int, which: int, *, failed_step: str | None) -> Json:
    """Make a job of an attempt; one with a step that failed is red."""
    end = "success" if failed_step is None else "failure"
    return {
        "id": number * 100 + which,
        "run_id": number,
        "run_attempt": which,
        "name": "test",
        "status": "completed",
        "conclusion": end,
        "started_at": None,
        "completed_at": None,
        "steps": [{"name": failed_step or "Run tests", "conclusion": end}],
    }


def fill(github: FakeGitHub, count: int, *, seed: int = 1) -> None:
    """
    Put runs into a GitHub: over three months, half of them on two busy mornings.

    A fifth is red, a tenth was re-run, a few are red by infrastructure.
    """
    chance = random.Random(seed)  # noqa: S311 - a made-up history
    busy = [START + timedelta(days=30), START + timedelta(days=70)]
    for number in range(1_000, 1_000 + count):
        if chance.random() < 0.5:
            seconds = timedelta(seconds=chance.randrange(6 * 3_600))
            created = chance.choice(busy) + seconds
        else:
            created = START + (END - START) * chance.random()
        github.add(made(github, chance, number, created))


def made(
    github: FakeGitHub, chance: random.Random, number: int, created: datetime
) -> list[Json]:
    """Make a run with its attempts; their jobs are told as soon as it is."""
    created = created.replace(microsecond=0)
    ends = ["failure" if chance.random() < 0.2 else "success"]
    if chance.random() < 0.1:
        ends = ["failure", *(["failure"] if chance.random() < 0.3 else []), *ends]
    if chance.random() < 0.02:
        ends[-1] = chance.choice(("cancelled", "skipped", "timed_out"))
    login = chance.choice(("ada", "grace", "dependabot[bot]"))
    for which, end in enumerate(ends, 1):
        step = "Set up job" if chance.random() < 0.2 else "Run tests"
        is_red = end in {"failure", "timed_out"}
        jobs = [job(number, which, failed_step=step if is_red else None)]
        github.jobs[number, which] = jobs
    return [
        attempt(number, created, which=which, conclusion=end, login=login)
        for which, end in enumerate(ends, 1)
    ]


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
