"""
The curves of a report, thinned to what a page can show.

They are part of the evaluation's record, so that a page or a notebook needs
nothing but that record.
"""

import msgspec
import numpy as np
from scipy import stats
from sklearn.metrics import precision_recall_curve, roc_curve

from breakcast.model.forecasts import DECISION_THRESHOLD, Bools, Floats, Forecasts
from breakcast.model.intervals import Interval
from breakcast.model.selective import thin
from breakcast.model.weighted import mass_bins


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Where a forecaster's hard answers lie in the ROC and the PR plane."""

    recall: float
    false_positive_rate: float
    precision: float | None


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """
    One equal-mass bin of the reliability diagram.

    `interval` is where the bin's true failure rate lies with 95 % confidence
    (Wilson 1927), were its builds independent.
    """

    builds: int
    mean_probability: float
    failure_rate: float
    interval: Interval


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """
    The model's ROC, precision-recall and reliability, and hard answers as points.

    All but the reliability is empty or None where only one outcome happened.
    """

    false_positive_rate: tuple[float, ...] = ()
    true_positive_rate: tuple[float, ...] = ()
    recall: tuple[float, ...] = ()
    precision: tuple[float, ...] = ()
    model: Point | None = None
    parrot: Point | None = None
    reliability: tuple[Bin, ...] = ()


def draw_curves(test: Forecasts) -> Curves:
    """
    The curves of a test, each of at most `selective.CURVE_POINTS` points.

    Args:
        test: The builds; with one outcome only, what is left is reliability.
    """
    reliability = reliability_bins(test.probability, test.failed)
    if not 0 < test.failed.sum() < len(test):
        return Curves(reliability=reliability)
    fpr, tpr, _ = roc_curve(test.failed, test.probability)
    precision, recall, _ = precision_recall_curve(test.failed, test.probability)
    on_roc, on_pr = thin(len(fpr)), thin(len(recall))
    return Curves(
        false_positive_rate=tuple(fpr[on_roc].tolist()),
        true_positive_rate=tuple(tpr[on_roc].tolist()),
        recall=tuple(recall[::-1][on_pr].tolist()),
        precision=tuple(precision[::-1][on_pr].tolist()),
        model=_point(test.probability, test.failed),
        parrot=_point(test.parrot_probability, test.failed),
        reliability=reliability,
    )


def reliability_bins(probability: Floats, failed: Bools) -> tuple[Bin, ...]:
    """
    What was forecast and what happened, in equal-mass bins.

    The bins are those of the ECE: the mean over builds of the gap between
    `mean_probability` and `failure_rate` is exactly that metric.

    Args:
        probability: Forecast P(red), shape (n,).
        failed: What happened, shape (n,), same order.

    Returns:
        At most 15 bins, riskiest first; equal forecasts share one.

    >>> (found,) = reliability_bins(np.array([0.2, 0.2]), np.array([True, False]))
    >>> found.builds, found.mean_probability, found.failure_rate
    (2, 0.2, 0.5)
    """
    order = np.argsort(-probability, kind="stable")
    _, run, counts = np.unique(
        -probability[order], return_inverse=True, return_counts=True
    )
    mass = counts.astype(np.float64)
    number = mass_bins(mass.cumsum(), mass, mass.sum(keepdims=True))[run]
    rows = [order[number == one] for one in np.unique(number)]
    return tuple(
        Bin(
            builds=len(some),
            mean_probability=float(probability[some].mean()),
            failure_rate=float(failed[some].mean()),
            interval=_wilson(int(failed[some].sum()), len(some)),
        )
        for some in rows
    )


def _wilson(red: int, builds: int) -> Interval:
    found = stats.binomtest(red, builds).proportion_ci(method="wilson")
    return Interval(float(found.low), float(found.high))


def _point(probability: Floats, failed: Bools) -> Point:
    red = probability > DECISION_THRESHOLD
    caught = int((red & failed).sum())
    return Point(
        recall=caught / int(failed.sum()),
        false_positive_rate=float((red & ~failed).sum() / (~failed).sum()),
        precision=caught / int(red.sum()) if red.any() else None,
    )
