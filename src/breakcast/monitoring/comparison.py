"""Comparisons become reports: a verdict, its reason, every column's part in it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import add
from typing import Final, NamedTuple

import numpy as np

from breakcast.model.reference import FEWEST_ROWS, FEWEST_WINDOWS
from breakcast.model.sketches import Grid, Window
from breakcast.monitoring.driftreport import (
    DriftReport,
    FeatureDrift,
    Finding,
    WindowDrift,
)
from breakcast.monitoring.independent import ColumnTest, compare_independent
from breakcast.monitoring.slowdrift import HORIZON, Slow, SlowDrift
from breakcast.monitoring.windowed import Deviation, WindowReference, any_of

NOTHING: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A baseline's bins, its windows, and its days in a row."""

    grid: Grid
    windows: WindowReference
    slow: SlowDrift | None


def reference_of(grid: Grid, windows: Sequence[Window], length: int) -> Reference:
    """Learn how much a baseline's windows differ; `length` is theirs, in seconds."""
    reference = WindowReference(grid, windows, length)
    return Reference(
        grid, reference, SlowDrift(reference) if reference.is_enough else None
    )


def insufficient(
    grid: Grid,
    current: Window,
    threshold: float,
    why: str,
    findings: tuple[Finding, ...] = (),
) -> DriftReport:
    """Report that nothing can be said, and why."""
    return DriftReport(
        verdict="insufficient",
        why=why,
        threshold=threshold,
        calibration="none",
        baseline_rows=_rows(grid),
        current_rows=current.rows,
        features=_features(grid, current, {}),
        findings=findings,
    )


def compare_rows(
    grid: Grid,
    current: Window,
    threshold: float,
    findings: tuple[Finding, ...] = (),
    left_out: frozenset[int] = NOTHING,
) -> DriftReport:
    """Compare rows with a baseline's, all of them taken as independent."""
    tested = compare_independent(grid, current, left_out)
    if not tested:
        why = "there are too few rows, or known values, to compare"
        return insufficient(grid, current, threshold, why, findings)
    first = tested[0]
    is_drift = first.adjusted < threshold
    name = grid.names[first.column]
    return DriftReport(
        verdict="drift" if is_drift else "no drift",
        why=f"{name} {'differs' if is_drift else 'differs most'} in its "
        f"{first.family} (P = {first.adjusted:.2g} after correction for "
        f"{len(tested)} tests); rows are taken as independent",
        p_value=first.adjusted,
        threshold=threshold,
        calibration="independent rows",
        family=first.family,
        feature=name,
        baseline_rows=_rows(grid),
        current_rows=current.rows,
        features=_features(grid, current, _by_test(tested)),
        findings=findings,
    )


def compare_windows(
    reference: Reference,
    current: Sequence[Window],
    threshold: float,
    findings: tuple[Finding, ...] = (),
    left_out: frozenset[int] = NOTHING,
    *,
    is_about_now: bool = False,
) -> DriftReport:
    """
    Compare windows, in the order of time, with a baseline's.

    A single window may be drift, or many that are a little off to the same side; each
    way has half of the threshold.

    Args:
        reference: The baseline.
        current: The windows.
        threshold: The chance of a false alarm within 30 windows.
        findings: What else is to be reported.
        left_out: Columns that are not compared.
        is_about_now: Whether only the newest window's standing decides, rather than
            that of any.
    """
    grid, windows, slow = reference.grid, reference.windows, reference.slow
    merged = merged_of(grid, current)
    if slow is None:
        why = (
            f"the baseline has {len(windows.windows)} windows of {FEWEST_ROWS} rows or "
            f"more; it takes {FEWEST_WINDOWS}"
        )
        return insufficient(grid, merged, threshold, why, findings)
    found = [(one, windows.deviation(one, left_out)) for one in current]
    deviations = [deviation for _, deviation in found if deviation is not None]
    if not deviations:
        why = (
            f"no window has the {FEWEST_ROWS} rows it takes, and enough windows like "
            "it in the baseline"
        )
        return insufficient(grid, merged, threshold, why, findings)
    sums = slow.follow(deviations)
    decisive = slice(-1, None) if is_about_now else slice(None)
    most = _most_unusual(reference, deviations[decisive], sums[decisive])
    is_drift = most.p_value < threshold
    in_a_row = iter(sums)
    limit = slow.limit(threshold / 2)
    return DriftReport(
        verdict="drift" if is_drift else "no drift",
        why=f"{'' if is_drift else 'at the most, '}{most.where} "
        f"(P = {most.p_value:.2g} within {max(HORIZON, len(deviations))} windows)",
        p_value=most.p_value,
        threshold=threshold,
        calibration="windows",
        family=most.family,
        feature=most.feature,
        baseline_rows=sum(one.rows for one in windows.windows),
        current_rows=merged.rows,
        baseline_windows=len(windows.windows),
        features=_features(grid, merged, _by_score(reference, deviations[-1])),
        windows=tuple(
            _told(reference, window, deviation, next(in_a_row), limit)
            if deviation is not None
            else WindowDrift(starts_at=_time(window), rows=window.rows)
            for window, deviation in found
        ),
        findings=findings,
    )


def merged_of(grid: Grid, windows: Sequence[Window]) -> Window:
    """Add windows up; none give an empty one."""
    empty = np.empty((0, len(grid.names)), np.uint8)
    return reduce(add, windows) if windows else grid.window(empty)


class _Most(NamedTuple):
    """What is the most unusual of some windows, over all of them."""

    p_value: float
    family: str
    feature: str
    where: str


def _most_unusual(
    reference: Reference, deviations: Sequence[Deviation], sums: Sequence[Slow]
) -> _Most:
    fast = min(deviations, key=lambda one: one.p_value)
    slow = min(sums, key=lambda one: one.p_value)
    fast_p_value = any_of(fast.p_value, max(HORIZON, len(deviations)))
    p_value = any_of(min(fast_p_value, slow.p_value), 2)
    if fast_p_value <= slow.p_value:
        feature = _named(reference, fast.strongest)
        day = _time(fast.window)
        where = f"the window of {day:%Y-%m-%d} is off in its {fast.family} ({feature})"
        return _Most(p_value, fast.family, feature, where)
    feature = _named(reference, slow.strongest)
    where = f"{feature} is off to the same side, window after window"
    return _Most(p_value, "slow", feature, where)


def _told(
    reference: Reference,
    window: Window,
    deviation: Deviation,
    slow: Slow,
    limit: float,
) -> WindowDrift:
    return WindowDrift(
        starts_at=_time(window),
        rows=window.rows,
        p_value=deviation.p_value,
        family=deviation.family,
        feature=_named(reference, deviation.strongest),
        slow=slow.level / limit if limit else None,
        slow_feature=_named(reference, slow.strongest),
    )


def _named(reference: Reference, strongest: int | None) -> str:
    """Name the column, or the two, that a statistic is about."""
    if strongest is None:
        return "all together"
    columns = reference.windows.statistics.places[strongest].columns
    return " and ".join(reference.grid.names[column] for column in columns)


def _time(window: Window) -> datetime:
    return datetime.fromtimestamp(window.starts_at, UTC)


class _Part(NamedTuple):
    """One column's most unusual statistic."""

    family: str
    score: float
    p_value: float


def _by_test(tested: Sequence[ColumnTest]) -> dict[int, _Part]:
    from scipy.special import ndtri  # noqa: PLC0415 - a server compares nothing

    parts: dict[int, _Part] = {}
    for one in tested:
        score = float(-ndtri(max(one.p_value, 1e-300) / 2))
        parts.setdefault(one.column, _Part(one.family, score, one.adjusted))
    return parts


def _by_score(reference: Reference, deviation: Deviation) -> dict[int, _Part]:
    from scipy.special import ndtr  # noqa: PLC0415 - as above

    parts: dict[int, _Part] = {}
    places = reference.windows.statistics.places
    for place, score in zip(places, np.abs(deviation.scores).tolist(), strict=True):
        column = place.columns[0]
        if place.family == "correlation" or math.isnan(score):
            continue
        if column not in parts or score > parts[column].score:
            parts[column] = _Part(place.family, score, float(2 * ndtr(-score)))
    return parts


def _features(
    grid: Grid, current: Window, parts: Mapping[int, _Part]
) -> tuple[FeatureDrift, ...]:
    features = []
    for column, (name, sketch) in enumerate(
        zip(grid.names, grid.sketches, strict=True)
    ):
        part = parts.get(column)
        before = np.array(sketch.counts, np.float64)
        now = current.counts[grid.bins(column)].astype(np.float64)
        effect = shift = None
        if before.sum() and now.sum():
            gap = now / now.sum() - before / before.sum()
            if sketch.is_category:
                effect = float(np.abs(gap).max())
            else:
                effect = float(np.abs(np.cumsum(gap)).max())
                shift = float(gap @ grid.scores[grid.bins(column)])
        features.append(
            FeatureDrift(
                name=name,
                family=part and part.family,
                score=part and part.score,
                p_value=part and part.p_value,
                effect=effect,
                shift=shift,
                missing=int(current.missing[column]) / max(current.rows, 1),
                missing_before=sketch.missing_share,
            )
        )
    features.sort(key=lambda one: -(one.score or 0.0))
    return tuple(features)


def _rows(grid: Grid) -> int:
    return max((one.rows for one in grid.sketches), default=0)
