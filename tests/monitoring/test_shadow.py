"""What live outcomes say of a challenger, however often one looks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from breakcast.history.answered import Answered, Judged, Settled
from breakcast.monitoring.sequential import odds_above_nought
from breakcast.monitoring.shadow import BLOCK, ENOUGH, judge_shadow

SINCE = datetime(2026, 5, 1, tzinfo=UTC)


def judged(
    champion: np.ndarray, challenger: np.ndarray, failed: np.ndarray
) -> list[Judged]:
    return [
        Judged(
            Answered(
                said=at,
                source="github",
                repo="acme/shop",
                pipeline="ci.yml",
                build_id=str(at),
                attempt=1,
                organisation="acme",
                commit_sha=None,
                as_of=SINCE,
                version="v1.0",
                probability=float(theirs),
                abstained=False,
                challenger="v1.1",
                challenger_probability=float(ours),
            ),
            Settled.FAILED if red else Settled.PASSED,
            SINCE + timedelta(minutes=at),
        )
        for at, (theirs, ours, red) in enumerate(
            zip(champion, challenger, failed, strict=True)
        )
    ]


def stream(
    seed: int, count: int, champion: float, challenger: float, together: float = 0.0
) -> list[Judged]:
    """Two forecasters, each of whom sees chances with noise; it may come in bursts."""
    rng = np.random.default_rng(seed)

    def noise(size: float) -> np.ndarray:
        long = 10 if together else 1
        drawn = rng.normal(0, size, count // long + 1)
        return np.repeat(drawn, long)[:count]

    at = rng.normal(-2, 1.6, count)
    shock = noise(together) if together else 0.0
    failed = rng.random(count) < 1 / (1 + np.exp(-at - shock))
    said = (1 / (1 + np.exp(-at - noise(size))) for size in (champion, challenger))
    return judged(*said, failed)


def verdict(rows: list[Judged]) -> str:
    return judge_shadow(rows, "v1.0", "v1.1", SINCE).verdict


@pytest.mark.parametrize("together", [0.0, 1.0])
def test_of_those_that_are_no_better_one_in_twenty_is_proven_better_at_most(
    together: float,
) -> None:
    found = [verdict(stream(seed, 4_000, 0.5, 0.5, together)) for seed in range(60)]

    assert found.count("better") <= 3
    assert found.count("worse") <= 3


def test_one_that_is_better_is_proven_so_and_the_other_way_round() -> None:
    report = judge_shadow(stream(1, 4_000, 1.2, 0.2), "v1.0", "v1.1", SINCE)

    assert report.verdict == "better"
    assert report.better >= ENOUGH > report.worse
    assert "proven better" in report.why
    assert verdict(stream(1, 4_000, 0.2, 1.2)) == "worse"


def test_what_is_proven_stays_proven() -> None:
    """Whoever decides late decides as who looked each time."""
    rows = stream(1, 2_000, 1.2, 0.2) + stream(2, 6_000, 0.2, 1.2)

    assert verdict(rows) == "better"


def test_equal_forecasts_prove_nothing() -> None:
    said = np.full(5_000, 0.2)
    failed = np.random.default_rng(0).random(5_000) < 0.2

    report = judge_shadow(judged(said, said, failed), "v1.0", "v1.1", SINCE)

    assert (report.verdict, report.better, report.worse) == ("open", 1.0, 1.0)


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, 10 * BLOCK])
def test_few_outcomes_prove_nothing(count: int) -> None:
    report = judge_shadow(stream(1, count, 1.2, 0.2), "v1.0", "v1.1", SINCE)

    assert report.verdict == "open"
    assert report.outcomes == count


def test_odds_are_the_same_whatever_the_scale() -> None:
    differences = np.random.default_rng(3).normal(0.2, 1, 200)

    assert odds_above_nought(differences * 1e-6) == pytest.approx(
        odds_above_nought(differences)
    )
