"""
Lineage: what became of the builds this one descends from.

A quarter of builds start before their predecessor finished, so the walk goes
from parent to parent until it meets outcomes that are known.
"""

from collections.abc import Mapping
from itertools import accumulate, pairwise
from math import nan
from operator import mul

import msgspec

from breakcast.features.catalog import features_of

STEPS = 64
"""How many ancestors a walk visits at the most."""
KNOWN_ANCESTORS = 8
"""After how many known ancestors a walk stops."""
# What each known ancestor weighs: 0.6 of the one before.
_SHARES = tuple(accumulate([0.6] * (KNOWN_ANCESTORS - 1), mul, initial=1.0))
_SHARED = tuple(accumulate(_SHARES))
_HOUR = 3_600.0

LINEAGE_FEATURES = features_of(
    "lineage",
    (
        ("has_parent", "flag", "Whether the parent build is one we know of."),
        ("parent_hours", "hours", "Since the parent build started."),
        ("parent_children", "builds", "Builds started on the parent before this one."),
        ("siblings_known", "builds", "Known outcomes among them."),
        ("siblings_red", "builds", "Red ones among those."),
        (
            "unfinished",
            "builds",
            "Ancestors before the nearest known one, all unfinished.",
        ),
        ("depth", "builds", "Steps to the nearest ancestor whose outcome is known."),
        ("failed", "flag", "Whether that ancestor was red."),
        ("since_known_hours", "hours", "Since its outcome became known."),
        ("duration_minutes", "minutes", "How long it ran."),
        ("children_known", "builds", "Known outcomes among its children."),
        ("children_red", "builds", "Red ones among those."),
        ("second_failed", "flag", "Whether the second nearest known ancestor was red."),
        ("third_failed", "flag", "Whether the third nearest known ancestor was red."),
        (
            "red_run",
            "builds",
            "Nearest known ancestors that are red in a row (at most 8).",
        ),
        ("red_ratio", "ratio", "Red share of the 8 nearest known ancestors."),
        (
            "red_ratio_near",
            "ratio",
            "The same, each step back weighing 0.6 of the last.",
        ),
        ("flips", "builds", "Changes of outcome among the 8 nearest known ancestors."),
    ),
)
_UNKNOWN_BEYOND_PARENT = (nan,) * (len(LINEAGE_FEATURES) - 6)
_TWO_UNKNOWN = [nan, nan]
UNKNOWN_LINEAGE = (0.0,) + (nan,) * (len(LINEAGE_FEATURES) - 1)


class BuildNode(msgspec.Struct, array_like=True):
    """One build of a lineage; `failed` is NaN until the outcome is known."""

    touched_at: float
    parent: str | None = None
    failed: float = nan
    known_at: float = nan
    minutes: float = nan
    results: dict[str, float] = {}
    children: int = 0
    children_known: int = 0
    children_red: int = 0

    def learn(
        self,
        results: dict[str, float],
        failed: float,
        now: float,
        minutes: float,
        parent: "BuildNode | None",
    ) -> None:
        """Learn an outcome; the parent counts that of the first attempt."""
        if parent is not None and self.failed != self.failed:
            parent.children_known += 1
            parent.children_red += int(failed)
        self.failed, self.known_at, self.minutes = failed, now, minutes
        self.results = results


def lineage_features(
    parent: str | None, nodes: Mapping[str, BuildNode], now: float
) -> tuple[tuple[float, ...], BuildNode | None]:
    """
    Walk up from a parent's key: the features, and the nearest known ancestor.

    >>> red = BuildNode(0.0, failed=1.0, known_at=0.0)
    >>> nodes = {"a": red, "b": BuildNode(0.0, parent="a")}
    >>> values, ancestor = lineage_features("b", nodes, now=3600.0)
    >>> named = dict(zip((f.name for f in LINEAGE_FEATURES), values))
    >>> named["lineage.depth"], named["lineage.failed"], ancestor is red
    (2, 1.0, True)
    """
    first = None if parent is None else nodes.get(parent)
    if first is None:
        return UNKNOWN_LINEAGE, None
    known: list[float] = []
    nearest: BuildNode | None = None
    unfinished = depth = 0
    node = first
    for step in range(1, STEPS + 1):
        failed = node.failed
        if failed == failed:
            if nearest is None:
                nearest, depth = node, step
            known.append(failed)
            if len(known) == KNOWN_ANCESTORS:
                break
        elif nearest is None:
            unfinished += 1
        before = None if node.parent is None else nodes.get(node.parent)
        if before is None:
            break
        node = before
    of_parent = (
        1.0,
        (now - first.touched_at) / _HOUR,
        first.children,
        first.children_known,
        first.children_red,
        unfinished,
    )
    if nearest is None:
        return of_parent + _UNKNOWN_BEYOND_PARENT, None
    count = len(known)
    red_run = known.index(0.0) if 0.0 in known else count
    faded = 0.0
    for share, failed in zip(_SHARES, known, strict=False):
        faded += share * failed
    return (
        (
            *of_parent,
            depth,
            nearest.failed,
            (now - nearest.known_at) / _HOUR,
            nearest.minutes,
            nearest.children_known,
            nearest.children_red,
            *((known + _TWO_UNKNOWN)[1:3]),
            red_run,
            sum(known) / count,
            faded / _SHARED[count - 1],
            sum([a != b for a, b in pairwise(known)]),
        ),
        nearest,
    )
