"""
Live quality: how right the answers were that builds were shown, lately.

Of each window of time it is the outcomes that became known in it that are judged. The
parrot is judged on the very same builds: a model that does not beat it is not worth its
minutes.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import Final

import msgspec
import numpy as np

from breakcast.history.answered import Judged, Settled
from breakcast.model.forecasts import DECISION_THRESHOLD, Bools, Floats
from breakcast.model.metrics import Scores, chance_ece, macro, score

WINDOWS: Final = {
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "28d": timedelta(days=28),
}
"""The windows that are judged, by name."""
LONGEST: Final = max(WINDOWS.values())
ALL: Final = "all"
"""Stands for all versions together."""
FEWEST_OUTCOMES: Final = 30
"""Outcomes of a repository, at the least, that is among the worst."""
MOST_WORST: Final = 5
MOST_VERSIONS: Final = 5
"""Versions that are judged apart: those that answered last."""

_Z95: Final = 1.645
_LABELS = (Settled.PASSED, Settled.FAILED)


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """
    How right one forecaster was; None where undefined.

    Attributes:
        scores: Over all builds.
        macro_accuracy: The mean over repositories.
        chance_ece: The calibration error of a perfect forecaster with as many builds.
        change_recall: Of the commits with a red build, the share of which a red build
            was said to become red.
        false_green_ratio: Of the builds said to become green, the share that was red.
        coverage: The share of the builds that was answered, not abstained from.
        given_accuracy: The accuracy of these.
    """

    scores: Scores
    macro_accuracy: float | None = None
    chance_ece: float | None = None
    change_recall: float | None = None
    false_green_ratio: float | None = None
    coverage: float | None = None
    given_accuracy: float | None = None


class RepoQuality(msgspec.Struct, frozen=True, kw_only=True):
    """One repository: how right answers were, and at the best, chance allowed for."""

    repo: str
    outcomes: int
    accuracy: float
    upper95: float


class LiveQuality(msgspec.Struct, frozen=True, kw_only=True):
    """
    One window of time, of one version or all.

    Attributes:
        window: Its name.
        version: Whose answers; `all` for everybody's.
        outcomes: Red or green outcomes that became known in it.
        failure_rate: Share of red ones.
        model: How right the answers were.
        parrot: How right the parrot would have been.
        answers: Attempts that were shown an answer in it.
        label_coverage: The share whose outcome is settled, of those given so long ago
            that nine in ten outcomes are known.
        delay_seconds: From answer to outcome: the median, and what nine in ten stay
            below.
        worst: The repositories that are surely the worst: by the upper 95 % bound of
            their accuracy.
    """

    window: str
    version: str
    outcomes: int
    failure_rate: float | None
    model: Quality
    parrot: Quality
    answers: int
    label_coverage: float | None
    delay_seconds: tuple[float, float] | None
    worst: tuple[RepoQuality, ...]


def judge_quality(judged: Sequence[Judged], at: datetime) -> tuple[LiveQuality, ...]:
    """
    Judge answers window by window, all versions together and each apart.

    Args:
        judged: At least all that were given, or settled, in the longest window.
        at: Where all windows end.
    """
    newest = sorted(judged, key=lambda one: one.answer.said, reverse=True)
    versions = list(dict.fromkeys(one.answer.version for one in newest))[:MOST_VERSIONS]
    return tuple(
        _judge(name, version, _of(judged, version), at - length, at)
        for name, length in WINDOWS.items()
        for version in (ALL, *filter(None, versions))
    )


def _of(judged: Sequence[Judged], version: str) -> list[Judged]:
    return [one for one in judged if version in {ALL, one.answer.version}]


def _judge(
    name: str, version: str, judged: list[Judged], since: datetime, at: datetime
) -> LiveQuality:
    known = [
        one
        for one in judged
        if one.outcome in _LABELS
        and one.known_at is not None
        and since < one.known_at <= at
    ]
    failed = np.array([one.outcome == Settled.FAILED for one in known], np.bool_)
    said = np.array([one.answer.probability for one in known], np.float64)
    parrot = np.array([one.answer.parrot or 0.0 for one in known], np.float64)
    given = np.array([not one.answer.abstained for one in known], np.bool_)
    shown = [one for one in judged if since < one.answer.as_of <= at]
    delays = _delays(known)
    return LiveQuality(
        window=name,
        version=version,
        outcomes=len(known),
        failure_rate=_share(failed),
        model=_quality(known, said, failed, given),
        parrot=_quality(known, parrot, failed, np.ones(len(known), np.bool_)),
        answers=len(shown),
        label_coverage=_label_coverage(shown, delays, at),
        delay_seconds=delays,
        worst=_worst(known, said, failed),
    )


def _quality(known: list[Judged], said: Floats, failed: Bools, given: Bools) -> Quality:
    if not known:
        return Quality(scores=Scores())
    is_red = said >= DECISION_THRESHOLD
    right = is_red == failed
    means, _ = macro(
        score(said[rows], failed[rows]) for rows in _by_repo(known).values()
    )
    return Quality(
        scores=score(said, failed),
        macro_accuracy=means.accuracy,
        chance_ece=chance_ece(said, np.random.default_rng(0)),
        change_recall=_change_recall(known, is_red, failed),
        false_green_ratio=_share(failed[~is_red]),
        coverage=_share(given),
        given_accuracy=_share(right[given]),
    )


def _change_recall(known: list[Judged], is_red: Bools, failed: Bools) -> float | None:
    found: dict[tuple[str, str, str], bool] = {}
    for at in np.flatnonzero(failed).tolist():
        answer = known[at].answer
        # A build whose commit nobody knows is a change of its own.
        commit = answer.commit_sha or f"{answer.pipeline} {answer.build_id}"
        change = (answer.source, answer.repo, commit)
        found[change] = found.get(change, False) or bool(is_red[at])
    return _share(np.array(list(found.values()), np.bool_))


def _worst(known: list[Judged], said: Floats, failed: Bools) -> tuple[RepoQuality, ...]:
    found = []
    right = (said >= DECISION_THRESHOLD) == failed
    for repo, rows in _by_repo(known).items():
        if len(rows) >= FEWEST_OUTCOMES:
            accuracy = float(right[rows].mean())
            found.append(
                RepoQuality(
                    repo=repo,
                    outcomes=len(rows),
                    accuracy=accuracy,
                    upper95=_wilson_upper(accuracy, len(rows)),
                )
            )
    found.sort(key=lambda one: (one.upper95, one.repo))
    return tuple(found[:MOST_WORST])


def _wilson_upper(share: float, count: int) -> float:
    """
    Bound a share from above, one-sided, at 95 % (Wilson 1927).

    >>> round(_wilson_upper(0.9, 100), 3)
    0.939
    """
    square = _Z95**2 / count
    middle = share + square / 2
    away = _Z95 * sqrt(share * (1 - share) / count + square / (4 * count))
    return min((middle + away) / (1 + square), 1.0)


def _by_repo(known: list[Judged]) -> dict[str, list[int]]:
    rows = defaultdict(list)
    for at, one in enumerate(known):
        rows[one.answer.repo].append(at)
    return rows


def _delays(known: list[Judged]) -> tuple[float, float] | None:
    if not known:
        return None
    seconds = [
        (one.known_at - one.answer.as_of).total_seconds()
        for one in known
        if one.known_at is not None
    ]
    median, most = np.quantile(seconds, [0.5, 0.9]).tolist()
    return median, most


def _label_coverage(
    shown: list[Judged], delays: tuple[float, float] | None, at: datetime
) -> float | None:
    allowed = timedelta(seconds=delays[1] if delays is not None else 0.0)
    due = [one for one in shown if one.answer.as_of + allowed <= at]
    return _share(np.array([one.outcome is not None for one in due], np.bool_))


def _share(which: Bools) -> float | None:
    return float(which.mean()) if len(which) else None
