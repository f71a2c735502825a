"""How the changed files and their directories have fared, over about a month."""

from collections.abc import Mapping
from math import nan

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
_UNKNOWN = (nan,) * len(_FACTS)


def path_keys(repo: str, paths: tuple[str, ...]) -> tuple[list[str], list[str]]:
    r"""
    Where the tallies of a build's files, and of their directories, are kept.

    >>> path_keys("acme/shop", ("src/a.py", "src/b.py"))[1]
    ['acme/shop\x1fsrc/']
    """
    files = [f"{repo}\x1f{path}" for path in paths[:LOOKED_UP]]
    directories = dict.fromkeys(
        f"{repo}\x1f{path.rpartition('/')[0]}/" for path in paths
    )
    return files, list(directories)[:LOOKED_UP]


def path_features(
    keys: list[str], tallies: Mapping[str, Tally], now: float
) -> tuple[float, ...]:
    """What the tallies under these keys say at `now`, in the order of `_FACTS`."""
    if not keys:
        return _UNKNOWN
    ratios: list[float] = []
    most = last_failed = 0.0
    for key in keys:
        tally = tallies.get(key)
        if tally is None:
            continue
        known = tally.known_at(now, HALF_LIFE_SECONDS)
        red = known * tally.red / tally.known
        ratios.append((red + _PRIOR_RED) / (known + _PRIOR_KNOWN))
        last_failed += tally.last_failed
        most = max(most, known)
    seen = len(ratios)
    return (
        max(ratios) if seen else nan,
        sum(ratios) / seen if seen else nan,
        1.0 - seen / len(keys),
        last_failed / len(keys),
        most,
    )
