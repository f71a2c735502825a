"""
Answer only when sure: which forecasts to give so that those given are right.

A forecast's confidence is max(p, 1 − p). On *validation* the smallest cut is
sought at which the answered builds are right at the promised rate even if
luck is discounted; the *test* only reports what that cut then does.
"""

from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
from scipy import stats

from breakcast.model.forecasts import DECISION_THRESHOLD, Bools, Floats, Forecasts
from breakcast.model.intervals import Resamples

Cut: TypeAlias = float | Floats | None
"""One confidence cut for all, or one a build (NaN: not answered); None: no answers."""

CURVE_POINTS: Final = 200
"""Most points a curve keeps; a page 1,280 pixels wide shows no more."""


class SelectiveCurve(msgspec.Struct, frozen=True):
    """Accuracy of the answers given, at each cut; three lists of one length."""

    confidence: tuple[float, ...]
    coverage: tuple[float, ...]
    accuracy: tuple[float, ...]


class Selective(msgspec.Struct, frozen=True, kw_only=True):
    """
    What answering only when sure does on test.

    `threshold` is the least confidence max(p, 1 − p) that is answered (the last
    one, where it was chosen anew with each forest); None if no cut kept the
    target on validation, and then nothing is answered.
    `lower95` is the one-sided 95 % lower bound of `accuracy`; `validation_*`
    are the figures the choice was made on.
    """

    target: float
    threshold: float | None
    threshold_from: Literal["validation"] = "validation"
    accuracy: float | None
    lower95: float | None
    coverage: float
    answered: int
    validation_accuracy: float | None
    validation_coverage: float
    curve: SelectiveCurve


def confidence(probability: Floats) -> Floats:
    """
    How sure a forecast is, either way: max(p, 1 − p), in [0.5, 1].

    >>> confidence(np.array([0.1, 0.6])).tolist()
    [0.9, 0.6]
    """
    return np.maximum(probability, 1 - probability)


def choose_cut(probability: Floats, failed: Bools, target: float) -> float | None:
    """
    The smallest confidence at which the answers given keep the target.

    *Keep* with a margin: the one-sided 95 % Clopper-Pearson lower bound of the
    accuracy of the builds at or above the cut is at least the target. Few
    builds therefore never suffice by luck.

    Args:
        probability: Forecasts of the validation builds, shape (n,).
        failed: What happened, shape (n,), same order.
        target: Wanted accuracy of the answers given, in (0, 1).

    Returns:
        The cut with the greatest coverage; None if no cut keeps the target.

    Source:
        Clopper and Pearson (1934), Biometrika 26(4).

    >>> sure, unsure = np.full(200, 0.05), np.full(100, 0.45)
    >>> failed = np.r_[np.zeros(200, bool), np.arange(100) % 2 == 0]
    >>> choose_cut(np.r_[sure, unsure], failed, target=0.9)
    0.95
    >>> print(choose_cut(sure[:10], failed[:10], target=0.9))
    None
    """
    cuts, answered, right = _cumulated(probability, failed)
    keeps = np.flatnonzero(_least_accuracy(right, answered) >= target)
    return float(cuts[keeps[-1]]) if len(keeps) else None


def judge_selective(
    test: Forecasts,
    validation: Forecasts,
    resamples: Resamples,
    target: float,
    cut: Cut,
) -> Selective:
    """
    Report on test what a cut chosen on validation does.

    `lower95` is the lower of the block bootstrap's bound and Clopper-Pearson's:
    the first knows that builds of one day belong together, the second that a
    flawless sample is still only a sample.

    Args:
        test: The builds reported on.
        validation: The builds the cut is chosen on.
        resamples: Drawn from `test`.
        target: Wanted accuracy of the answers given, in (0, 1).
        cut: The cut chosen, or one for each test build, chosen before it.

    Returns:
        The report; with no cut, coverage is 0 and accuracy None.
    """
    given, right = _answers(test, cut)
    last = _last(cut)
    before, before_right = _answers(validation, last)
    answered = int(given.sum())
    bounds = [_least_accuracy(np.array([right.sum()]), np.array([answered]))[0]]
    bounds.append(resamples.lower_bound(resamples.share(right, given)))
    known = [float(bound) for bound in bounds if bound is not None]
    return Selective(
        target=target,
        threshold=last,
        accuracy=_share(right, given),
        lower95=min(known) if answered else None,
        coverage=answered / max(len(test), 1),
        answered=answered,
        validation_accuracy=_share(before_right, before),
        validation_coverage=float(before.sum()) / max(len(validation), 1),
        curve=_curve(test),
    )


def is_answered(probability: Floats, cut: Cut) -> Bools:
    """
    Which forecasts are given at a cut, shape (n,); none where it is None or NaN.

    >>> is_answered(np.array([0.1, 0.6]), 0.8).tolist()
    [True, False]
    """
    if cut is None:
        return np.zeros(len(probability), dtype=np.bool_)
    return confidence(probability) >= cut


def is_right(probability: Floats, failed: Bools) -> Bools:
    """Which forecasts say what then happened, shape (n,)."""
    return np.equal(probability > DECISION_THRESHOLD, failed)


def thin(length: int, points: int = CURVE_POINTS) -> list[int]:
    """
    Which of `length` points to keep: the ends and an even choice between.

    >>> thin(3), thin(1001, points=3)
    ([0, 1, 2], [0, 500, 1000])
    """
    kept = np.linspace(0, length - 1, min(points, length)).round()
    return [int(index) for index in kept]


def _last(cut: Cut) -> float | None:
    if not isinstance(cut, np.ndarray):
        return cut
    return float(cut[-1]) if len(cut) and not np.isnan(cut[-1]) else None


def _answers(forecasts: Forecasts, cut: Cut) -> tuple[Bools, Bools]:
    given = is_answered(forecasts.probability, cut)
    return given, given & is_right(forecasts.probability, forecasts.failed)


def _share(part: Bools, whole: Bools) -> float | None:
    return float(part.sum() / whole.sum()) if whole.any() else None


def _cumulated(probability: Floats, failed: Bools) -> tuple[Floats, Floats, Floats]:
    """Per distinct confidence, surest first: the cut, answers given, answers right."""
    sure = confidence(probability)
    order = np.argsort(-sure, kind="stable")
    ranked = sure[order]
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], len(ranked) > 0])
    right = is_right(probability, failed)[order].cumsum()[ends]
    return ranked[ends], (ends + 1).astype(np.float64), right.astype(np.float64)


def _least_accuracy(right: Floats, answered: Floats) -> Floats:
    wrong = answered - right
    bound = stats.beta.ppf(0.05, np.maximum(right, 1), wrong + 1)
    return np.where(right > 0, bound, 0.0)


def _curve(test: Forecasts) -> SelectiveCurve:
    cuts, answered, right = _cumulated(test.probability, test.failed)
    kept = thin(len(cuts))
    return SelectiveCurve(
        confidence=tuple(cuts[kept].tolist()),
        coverage=tuple((answered[kept] / max(len(test), 1)).tolist()),
        accuracy=tuple((right[kept] / answered[kept]).tolist()),
    )
