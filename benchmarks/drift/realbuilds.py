"""
Real builds: weeks of a history, in their order and in any order.

Where weeks are put in any order, nothing changes from one to the next but chance: what
alarms then is a false alarm. Everything that hangs together within a week stays so.
"""

import os
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import DATA, read
from breakcast import DataDriftMonitor
from breakcast.model.reference import FEWEST_ROWS, WEEK, starts_of
from breakcast.settings import read_settings

HISTORY = "travis_timed"
BASELINE_WEEKS = 84
LOOKED_AT = 30
LEVEL = 0.05
MOST_NAMED = 8

_Matrix = NDArray[np.float64]


def judge_real_builds(pool: Executor, orders: int) -> dict[str, Any]:
    """
    Look for drift in the weeks of a history.

    Args:
        pool: Where orders are judged side by side.
        orders: How many orders chance is judged by.
    """
    path = DATA / f"{HISTORY}.parquet"
    if not path.exists():
        return {}
    table, _ = read(path, read_settings(workers=os.cpu_count() or 1))
    seconds = table.started_at.astype(np.int64)
    begins = starts_of(seconds, WEEK)
    weeks, counts = np.unique(begins, return_counts=True)
    full = weeks[counts >= FEWEST_ROWS]
    kept = np.isin(begins, full)
    values = table.rows[kept].astype(np.float64)
    week = np.searchsorted(full, begins[kept])
    file = Path("build") / "drift-real.npz"
    file.parent.mkdir(exist_ok=True)
    np.savez(file, values=values, week=week, names=np.array(table.catalog.names))
    asked = [(str(file), seed) for seed in range(orders)]
    found = list(pool.map(_shuffled, asked))
    return {
        "history": HISTORY,
        "weeks": len(full),
        "baseline_weeks": BASELINE_WEEKS,
        "features": values.shape[1],
        "orders": orders,
        "weeks_alarmed": float(np.mean([alarms for alarms, _ in found])) / LOOKED_AT,
        "runs_with_drift": float(np.mean([is_drift for _, is_drift in found])),
        "in_order": _in_order(str(file)),
    }


def _shuffled(what: tuple[str, int]) -> tuple[int, bool]:
    file, seed = what
    values, week, _ = _loaded(file)
    place = np.random.default_rng([seed, 30_000]).permutation(week.max() + 1)
    report = _report(values, place[week], BASELINE_WEEKS + LOOKED_AT)
    alarms = sum(
        one.p_value is not None and 1 - (1 - one.p_value) ** LOOKED_AT < LEVEL / 2
        for one in report.windows
    )
    return alarms, report.is_drift


def _in_order(file: str) -> dict[str, Any]:
    values, week, names = _loaded(file)
    report = _report(values, week, int(week.max()) + 1)
    return {
        "verdict": report.verdict,
        "family": report.family,
        "feature": _named(report.feature, names),
        "p_value": report.p_value,
        "weeks": [
            {
                "week": at + BASELINE_WEEKS,
                "p_value": one.p_value,
                "family": one.family,
                "feature": _named(one.feature, names),
                "slow": one.slow,
                "slow_feature": _named(one.slow_feature, names),
            }
            for at, one in enumerate(report.windows)
        ],
    }


def _loaded(file: str) -> tuple[_Matrix, NDArray[np.int64], list[str]]:
    with np.load(file) as found:
        return found["values"], found["week"], found["names"].tolist()


def _report(values: _Matrix, week: NDArray[np.int64], until: int) -> Any:  # noqa: ANN401 - a report
    seconds = week * WEEK + 4 * 86_400
    before, now = week < BASELINE_WEEKS, (week >= BASELINE_WEEKS) & (week < until)
    monitor = DataDriftMonitor(
        values[before], LEVEL, baseline_timestamps=seconds[before], window="week"
    )
    return monitor.report(values[now], seconds[now])


def _named(column: str | None, names: list[str]) -> str | None:
    if column is None:
        return None
    parts = column.split(" and ")
    return " and ".join(names[int(one)] if one.isdigit() else one for one in parts)
