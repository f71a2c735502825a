"""How the changed files and their directories have fared, over about a month."""

from collections.abc import Mapping
from functools import lru_cache
from math import exp2, nan
from typing import TypeAlias

from breakcast.features.catalog import features_of
from breakcast.features.track import Tally

LOOKED_UP = 32
"""At most so many paths (and directories) of a build are looked up."""
HALF_LIFE_SECONDS = 30 * 86_400.0
_PRIOR_RED, _PRIOR_KNOWN = 0.1, 0.5

_FACTS = (
    ("red_ratio_highest", "ratio", "Highest red share among those seen before."),
    ("red_ratio_mean", "ratio", "Mean red share of those seen before."),
    ("new", "ratio", "Share of those never built before."),
    ("last_failed", "ratio", "Share of those whose last known build was red."),
    ("known_most", "builds", "Known outcomes of the one built most."),
)
PATH_FEATURES = features_of(
    "path",
    ((fact, unit, f"Of the changed files: {said}") for fact, unit, said in _FACTS),
) + features_of(
    "directory",
    ((fact, unit, f"Of their directories: {said}") for fact, unit, said in _FACTS),
)
PathKeys: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
_FEW = 64
_UNKNOWN = (nan,) * len(_FACTS)


def path_keys(repo: str, paths: tuple[str, ...]) -> PathKeys:
    r"""
    Where the tallies of a build's files, and of their directories, are kept.

    >>> path_keys("acme/shop", ("src/a.py", "src/b.py"))[1]
    ('acme/shop\x1fsrc/',)
    """
    # A build's paths are asked for when it starts, and again when it has finished;
    # the other pipelines of its commit have the same ones.
    return (_few_keys if len(paths) <= _FEW else _keys)(repo, paths)


def _keys(repo: str, paths: tuple[str, ...]) -> PathKeys:
    directories = {f"{repo}\x1f{path.rpartition('/')[0]}/": None for path in paths}
    return (
        tuple([f"{repo}\x1f{path}" for path in dict.fromkeys(paths[:LOOKED_UP])]),
        tuple(directories)[:LOOKED_UP],
    )


_few_keys = lru_cache(maxsize=1_024)(_keys)


def path_features(
    keys: tuple[str, ...], tallies: Mapping[str, Tally], now: float
) -> tuple[float, ...]:
    """What the tallies under these keys say at `now`, in the order of `_FACTS`."""
    if not keys:
        return _UNKNOWN
    seen = 0
    highest = added = most = last_failed = 0.0
    for key in keys:
        tally = tallies.get(key)
        if tally is None:
            continue
        known = tally.known * exp2((tally.touched_at - now) / HALF_LIFE_SECONDS)
        red = known * tally.red / tally.known
        ratio = (red + _PRIOR_RED) / (known + _PRIOR_KNOWN)
        seen += 1
        added += ratio
        highest = max(highest, ratio)
        most = max(most, known)
        last_failed += tally.last_failed
    return (
        highest if seen else nan,
        added / seen if seen else nan,
        1.0 - seen / len(keys),
        last_failed / len(keys),
        most,
    )
