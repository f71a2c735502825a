"""
From the forest's logit to a probability that keeps its word.

Two steps. *Pooled*: one slope and intercept for all (Platt 1999), fitted on
forecasts for builds the forest had not seen. *Per repository*: an offset that
follows what became of its recent forecasts, shrunk towards none while few
outcomes are known, and learnt online: as-of by as-of, from outcomes known by
then and no others.
"""

import heapq
from collections.abc import Sequence
from math import exp

import msgspec
import numpy as np

from breakcast.model.forecasts import Bools, Floats

SHRINKAGE = 10.0
"""The forecast variance that stands for "no offset": of 40 builds at p = 1/2."""
MEMORY_BUILDS = 50.0
"""After so many further outcomes, one weighs half."""
_FADING = 0.5 ** (1.0 / MEMORY_BUILDS)
_LARGEST_OFFSET = 2.0
_RIDGE = 1.0


class Platt(msgspec.Struct, frozen=True):
    """A slope and an intercept on the logit scale; (1, 0) changes nothing."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, logit: Floats) -> Floats:
        """
        Calibrate logits, element by element.

        >>> Platt(2.0, 1.0)(np.array([0.0, 1.0])).tolist()
        [1.0, 3.0]
        """
        return self.slope * logit + self.intercept


def fit_platt(logit: Floats, failed: Bools) -> Platt:
    """
    Fit slope and intercept by maximum likelihood, gently held near (1, 0).

    Args:
        logit: The forest's logits for builds it had not seen, shape (n,).
        failed: What happened, shape (n,).

    Returns:
        The fit; (1, 0) if n is 0.

    Source:
        Platt (1999), Probabilistic outputs for support vector machines.

    >>> fit_platt(np.empty(0), np.empty(0, bool))
    Platt(slope=1.0, intercept=0.0)
    """
    if not len(logit):
        return Platt()
    # Fitting is for training; a server calibrates without it, and starts sooner.
    from scipy.optimize import minimize  # noqa: PLC0415
    from scipy.special import expit, log_expit  # noqa: PLC0415

    sign = np.where(failed, 1.0, -1.0)

    def loss(at: Floats) -> tuple[float, Floats]:
        margin = sign * (at[0] * logit + at[1])
        residual = -sign * expit(-margin)
        gradient = np.array([residual @ logit, residual.sum()])
        away = at - np.array([1.0, 0.0])
        return float(
            -log_expit(margin).sum() + _RIDGE * away @ away / 2
        ), gradient + _RIDGE * away

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS").x
    return Platt(float(slope), float(intercept))


class Offset(msgspec.Struct):
    """
    One repository's offset on the logit scale, from recent surprises.

    `surplus` is the decayed sum of outcome minus forecast, `weight` that of the
    forecasts' variances: their ratio is one Newton step from no offset, with
    `SHRINKAGE` held against it.

    >>> offset = Offset()
    >>> for _ in range(20):
    ...     offset.learn(0.5, failed=True)
    >>> 0.5 < offset.value < 1.0
    True
    """

    surplus: float = 0.0
    weight: float = 0.0

    @property
    def value(self) -> float:
        """What to add to the pooled logit, in [-2, 2]."""
        step = self.surplus / (self.weight + SHRINKAGE)
        return max(-_LARGEST_OFFSET, min(_LARGEST_OFFSET, step))

    def learn(self, pooled_probability: float, *, failed: bool) -> None:
        """Learn what became of a forecast, told by its pooled probability."""
        self.surplus = self.surplus * _FADING + failed - pooled_probability
        self.weight = self.weight * _FADING + pooled_probability * (
            1.0 - pooled_probability
        )


class Calibration(msgspec.Struct):
    """All that turns a logit into a probability: kept in a bundle, learns on."""

    platt: Platt
    offsets: dict[str, Offset] = {}

    def probability(self, logit: float, repo: str) -> float:
        """
        Calibrate one forecast.

        >>> Calibration(Platt()).probability(0.0, "acme/shop")
        0.5
        """
        offset = self.offsets.get(repo)
        at = self.platt.slope * logit + self.platt.intercept
        return sigmoid(at + (offset.value if offset is not None else 0.0))

    def learn(self, logit: float, repo: str, *, failed: bool) -> None:
        """Learn what became of a forecast, told by the forest's logit."""
        pooled = sigmoid(self.platt.slope * logit + self.platt.intercept)
        self.offsets.setdefault(repo, Offset()).learn(pooled, failed=failed)


def calibrate_in_order(
    pooled: Floats,
    repo: Sequence[str],
    started_at: Floats,
    known_at: Floats,
    failed: Bools,
) -> tuple[Floats, dict[str, Offset]]:
    """
    Apply and learn the offsets as time goes by: first read, then learn.

    Args:
        pooled: Logits after the pooled step, shape (n,), in any order.
        repo: Each build's repository.
        started_at: As-of of each forecast, in seconds, shape (n,).
        known_at: When its outcome became known; NaN if never, shape (n,).
        failed: The outcome; not looked at before `known_at` has passed.

    Returns:
        The probabilities, in the order given, and the offsets after the last
        outcome that became known before the last as-of.
    """
    from scipy.special import expit  # noqa: PLC0415 - as in `fit_platt`

    offsets: dict[str, Offset] = {}
    probability = np.empty(len(pooled))
    unknown: list[tuple[float, int]] = []
    at_rest = expit(pooled)
    for i in np.argsort(started_at, kind="stable").tolist():
        while unknown and unknown[0][0] < started_at[i]:
            _, known = heapq.heappop(unknown)
            offset = offsets.setdefault(repo[known], Offset())
            offset.learn(float(at_rest[known]), failed=bool(failed[known]))
        current = offsets.get(repo[i])
        probability[i] = sigmoid(
            pooled[i] + (current.value if current is not None else 0.0)
        )
        if known_at[i] == known_at[i]:
            heapq.heappush(unknown, (float(known_at[i]), i))
    return probability, offsets


def sigmoid(logit: float) -> float:
    """
    Turn log-odds into a probability, without overflow.

    >>> sigmoid(0.0), sigmoid(-800.0)
    (0.5, 0.0)
    """
    if logit >= 0:
        return 1.0 / (1.0 + exp(-logit))
    grown = exp(logit)
    return grown / (1.0 + grown)
