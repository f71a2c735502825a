"""
How good a forecaster is on one set of builds: pooled, and repository by repository.

*Pooled* treats all builds as one set, so it also rewards knowing which
repository fails often. *Macro* is the plain mean over repositories where the
metric is defined, so it asks how well builds of one repository are told apart.
Neither replaces the other; both are always shown.
"""

from collections.abc import Iterable

import msgspec
import numpy as np

from breakcast.model.forecasts import Bools, Floats
from breakcast.model.weighted import METRICS, mass_bins, weighted_scores


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Every metric of `weighted.METRICS`; None where it is undefined."""

    accuracy: float | None = None
    roc_auc: float | None = None
    pr_auc: float | None = None
    f1: float | None = None
    mcc: float | None = None
    brier: float | None = None
    ece: float | None = None
    recall_at_20: float | None = None


def score(probability: Floats, failed: Bools) -> Scores:
    """
    Every metric of one forecaster on one set of builds.

    Args:
        probability: Forecast P(red), shape (n,), each in [0, 1].
        failed: What happened, shape (n,), same order.

    Returns:
        The scores; None where undefined, all of them if n is 0.

    Raises:
        ValueError: If the shapes differ.

    >>> scores = score(np.array([0.9, 0.2, 0.7]), np.array([True, False, False]))
    >>> round(scores.accuracy, 3), scores.roc_auc, round(scores.brier, 3)
    (0.667, 1.0, 0.18)
    >>> print(score(np.array([0.1]), np.array([False])).roc_auc)
    None
    """
    if probability.shape != failed.shape:
        message = (
            f"one outcome a forecast; got {probability.shape} forecasts "
            f"and {failed.shape} outcomes"
        )
        raise ValueError(message)
    found = weighted_scores(probability, failed, np.ones((1, len(probability))))
    return Scores(**{name: defined(values[0]) for name, values in found.items()})


def macro(scores: Iterable[Scores]) -> tuple[Scores, dict[str, int]]:
    """
    The mean of each metric over the repositories where it is defined.

    Args:
        scores: One a repository.

    Returns:
        The means, and over how many repositories each was taken.

    >>> means, repos = macro([Scores(accuracy=0.8, roc_auc=0.7), Scores(accuracy=1.0)])
    >>> means.accuracy, means.roc_auc, repos["accuracy"], repos["roc_auc"]
    (0.9, 0.7, 2, 1)
    """
    everyone = list(scores)
    values = {
        name: [value for one in everyone if (value := getattr(one, name)) is not None]
        for name in METRICS
    }
    means = {name: float(np.mean(some)) for name, some in values.items() if some}
    return Scores(**means), {name: len(some) for name, some in values.items()}


def chance_ece(probability: Floats, rng: np.random.Generator, draws: int = 40) -> float:
    """
    The calibration error these forecasts would show if they were perfect.

    ECE is above 0 for a perfect forecaster too, the more so the fewer builds
    there are. Only what exceeds this figure is the forecaster's fault.

    Args:
        probability: Forecast P(red), shape (n,), n at least 1.
        rng: Draws the outcomes.
        draws: Simulated histories; the mean over them is returned.

    Returns:
        The expected ECE, in [0, 1].

    >>> rng = np.random.default_rng(0)
    >>> few, many = np.full(20, 0.3), np.full(20_000, 0.3)
    >>> chance_ece(few, rng) > chance_ece(many, rng)
    True
    """
    ranked = np.sort(probability)[::-1]
    values, counts = np.unique(-ranked, return_counts=True)
    mass = counts.astype(np.float64)
    bins = mass_bins(mass.cumsum(), mass, np.array([mass.sum()]))
    red = rng.binomial(counts, -values, size=(draws, len(values)))
    starts = np.flatnonzero(np.r_[True, bins[1:] != bins[:-1]])
    gaps = np.add.reduceat(red + mass * values, starts, axis=1)
    return float(np.abs(gaps).sum(axis=1).mean() / mass.sum())


def defined(value: float) -> float | None:
    """
    The value as a plain float, None for NaN: JSON knows no NaN.

    >>> print(defined(float("nan")), defined(0.5))
    None 0.5
    """
    return None if np.isnan(value) else float(value)
