"""
Which builds teach and which judge: split by time, never at random.

The last fraction of each repository's builds, by start, is the test. A build
teaches only if its outcome was known before the first build it is judged on
started: that leaves the gap of one label delay.
"""

import numpy as np

from breakcast.errors import BadInput
from breakcast.features.table import Table
from breakcast.model.estimator import Bools, Floats

VALIDATION_FRACTION = 0.2


def is_last_fraction(table: Table, of: Bools, fraction: float) -> Bools:
    """
    Mark the last `fraction` of each repository's builds among those in `of`.

    Args:
        table: The builds, in the order they started.
        of: Which builds count, shape (n,).
        fraction: Between 0 and 1, both excluded.

    Returns:
        A mask, shape (n,). The cut is rounded so that the part before it is
        the smaller: a repository's only build is marked.

    Raises:
        BadInput: If the fraction lies outside its range.
    """
    if not 0 < fraction < 1:
        message = (
            f"the fraction is {fraction!r}; it must lie between 0 and 1, both excluded"
        )
        raise BadInput(message)
    marked = np.zeros(len(table), bool)
    counted = np.flatnonzero(of)
    by_repo = counted[np.argsort(table.repo[counted], kind="stable")]
    _, starts = np.unique(table.repo[by_repo], return_index=True)
    for builds in np.split(by_repo, starts[1:]):
        # 10 × (1 − .8) is 1.999…: without the nudge a whole build is lost.
        marked[builds[int(len(builds) * (1 - fraction) + 1e-9) :]] = True
    return marked


def is_known_before(table: Table, of: Bools, judged: Bools) -> Bools:
    """
    Mark the labelled builds in `of` known before their repository is judged.

    A repository's first build in `judged` sets the time; one that is not judged
    teaches whole.
    """
    first = np.full(len(table.repo_names), np.inf)
    np.minimum.at(first, table.repo[judged], table.started_at[judged])
    return of & is_labelled(table) & (table.known_at < first[table.repo])


def is_known_by(table: Table, as_of: float) -> Bools:
    """Mark the builds whose outcome became known before `as_of`, in seconds."""
    return is_labelled(table) & (table.known_at < as_of)


def is_labelled(table: Table) -> Bools:
    """Mark the builds that have a label."""
    return ~np.isnan(table.failed)


def retrain_times(started_at: Floats, retrains: int) -> Floats:
    """
    When to train anew so that each model answers for as many test builds.

    Args:
        started_at: As-of of the test builds, in seconds, shape (n,).
        retrains: How often, the first time at the first test build.

    Returns:
        At most `retrains` times in rising order; none if n is 0.

    >>> retrain_times(np.array([0.0, 10.0, 20.0, 30.0]), retrains=2).tolist()
    [0.0, 20.0]
    """
    ordered = np.sort(started_at)
    turns = min(retrains, len(ordered))
    return np.unique(ordered[np.arange(turns) * len(ordered) // max(turns, 1)])
