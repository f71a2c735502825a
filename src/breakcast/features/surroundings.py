"""
What is red around a build: its commit, its sibling pipelines, the last hour.

Breakage is shared: another pipeline on the same commit, another pipeline on
the same branch, or anything of the same organisation an hour ago.
"""

from collections.abc import Mapping
from math import nan

import msgspec

from breakcast.features.catalog import features_of
from breakcast.features.track import HOUR, Tally

SIBLINGS_REMEMBERED = 256
COMMIT_FEATURES = features_of(
    "commit",
    (
        ("started", "builds", "Builds of the same commit started before this one."),
        ("known", "builds", "Known outcomes among them."),
        ("red", "builds", "Red ones among those."),
        (
            "same_pipeline_failed",
            "flag",
            "Whether this pipeline's last known one was red.",
        ),
    ),
)
SIBLING_FEATURES = features_of(
    "siblings",
    (
        ("known", "pipelines", "Other pipelines of the branch with a known outcome."),
        ("red_ratio", "ratio", "Share of them whose last known outcome was red."),
        ("newest_failed", "flag", "Whether the one known last was red."),
        ("newest_hours", "hours", "Since that outcome became known."),
    ),
)
LAST_HOUR_FEATURES = features_of(
    "last_hour",
    (
        (
            "organisation_known",
            "builds",
            "The organisation's known outcomes, halving each hour.",
        ),
        ("organisation_red_ratio", "ratio", "Red share of them."),
        (
            "repository_known",
            "builds",
            "The repository's known outcomes, halving each hour.",
        ),
        ("repository_red_ratio", "ratio", "Red share of them."),
    ),
)


class CommitRecord(msgspec.Struct, array_like=True):
    """What the builds of one commit have come to."""

    touched_at: float = 0.0
    started: int = 0
    known: int = 0
    red: int = 0
    failed_by_pipeline: dict[str, float] = {}


class Posted(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An outcome, when it became known, and what numbers its build produced."""

    failed: float
    known_at: float
    results: dict[str, float]


class Board(msgspec.Struct, array_like=True):
    """The last known outcome of each pipeline on one branch, newest last."""

    touched_at: float = 0.0
    outcomes: dict[str, Posted] = {}

    def learn(self, pipeline: str, posted: Posted) -> None:
        """Post an outcome; the pipeline silent for longest goes when it is full."""
        self.touched_at = posted.known_at
        self.outcomes.pop(pipeline, None)
        self.outcomes[pipeline] = posted
        if len(self.outcomes) > SIBLINGS_REMEMBERED:
            del self.outcomes[next(iter(self.outcomes))]


def commit_features(
    sha: str | None, record: CommitRecord | None, pipeline: str
) -> tuple[float, ...]:
    """
    What is known of the commit, in the order of `COMMIT_FEATURES`.

    >>> commit_features("c0ffee", None, "ci")
    (0.0, 0.0, 0.0, nan)
    """
    if sha is None:
        return (nan,) * 4
    if record is None:
        return (0.0, 0.0, 0.0, nan)
    return (
        float(record.started),
        float(record.known),
        float(record.red),
        record.failed_by_pipeline.get(pipeline, nan),
    )


def sibling_features(
    board: Board | None, pipeline: str, now: float
) -> tuple[float, ...]:
    """What the branch's other pipelines say, in the order of `SIBLING_FEATURES`."""
    outcomes = board.outcomes if board is not None else {}
    count = len(outcomes) - (pipeline in outcomes)
    if not count:
        return (0.0, nan, nan, nan)
    others = [posted for name, posted in outcomes.items() if name != pipeline]
    red = sum(posted.failed for posted in others)
    newest = others[-1]
    return (float(count), red / count, newest.failed, (now - newest.known_at) / HOUR)


def last_hour_features(
    tallies: Mapping[str, Tally], organisation_key: str, repository_key: str, now: float
) -> tuple[float, ...]:
    """What lately became known nearby, in the order of `LAST_HOUR_FEATURES`."""
    return _last_hour(tallies.get(organisation_key), now) + _last_hour(
        tallies.get(repository_key), now
    )


def _last_hour(tally: Tally | None, now: float) -> tuple[float, float]:
    if tally is None:
        return (0.0, nan)
    return (tally.known_at(now, HOUR), tally.red / tally.known)
