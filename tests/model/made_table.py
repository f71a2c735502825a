"""Tables written by hand, for tests of what is learnt from them."""

from collections.abc import Sequence

import numpy as np

from breakcast.features.columns import catalog_of
from breakcast.features.table import Table
from breakcast.model.estimator import Rows

NEVER = float("nan")


def make_table(
    repo: Sequence[int],
    *,
    started_at: Sequence[float] | None = None,
    known_at: Sequence[float] | None = None,
    failed: Sequence[float] | None = None,
    rows: Rows | None = None,
) -> Table:
    """
    Builds an hour apart, each known half an hour after its start, all green.

    Times are in hours; an outcome that is NaN is none, and never known.
    """
    count = len(repo)
    catalog = catalog_of()
    started = np.array(range(count) if started_at is None else started_at, float)
    known = started + 0.5 if known_at is None else np.array(known_at, float)
    red = np.zeros(count) if failed is None else np.array(failed, float)
    if rows is None:
        rows = np.full((count, catalog.width), np.nan, np.float32)
    return Table(
        catalog=catalog,
        rows=rows,
        failed=red,
        started_at=started * 3600.0,
        known_at=np.where(np.isnan(red), np.nan, known * 3600.0),
        minutes=np.full(count, 30.0),
        repo=np.array(repo, np.int64),
        repo_names=tuple(f"acme/{n}" for n in range(max(repo, default=-1) + 1)),
        build_ids=np.array([str(n) for n in range(count)], str),
    )
