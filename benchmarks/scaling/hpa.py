"""
The HorizontalPodAutoscaler, for one external metric with a target of AverageValue.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler: `horizontal.go` (behaviour)
and `replica_calculator.go` (`GetExternalPerPodMetricReplicas`, the tolerance), as of
1.27 and later. Its rules are followed, rounding included; its code is not.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

SYNC_SECONDS: Final = 15.0
"""`--horizontal-pod-autoscaler-sync-period`: how often it looks."""


class Policy(NamedTuple):
    """
    How much may change within a period.

    Attributes:
        kind: Whether `value` is a share of what there was, or a number of pods.
        value: Percent, or pods.
        period_seconds: The period, backwards from now.
    """

    kind: Literal["Percent", "Pods"]
    value: int
    period_seconds: float


class Rules(NamedTuple):
    """What limits one direction: scaling up, or down."""

    policies: tuple[Policy, ...]
    stabilisation_seconds: float
    select: Literal["Max", "Min", "Disabled"] = "Max"


class Scaling(NamedTuple):
    """
    What an HPA is told.

    Attributes:
        target: Of the metric, for each replica.
        fewest: `minReplicas`.
        most: `maxReplicas`.
        up: Rules for more replicas.
        down: Rules for fewer.
        tolerance: A ratio of the metric to its target this near to 1 changes nothing.
    """

    target: float
    fewest: int
    most: int
    up: Rules
    down: Rules
    tolerance: float = 0.1


class _Change(NamedTuple):
    at: float
    replicas: int


class Autoscaler:
    """
    One HPA: it remembers what it recommended and what it changed.

    Args:
        scaling: What it is told.
        replicas: How many there are when it first looks.
        at: When that is, in seconds.
    """

    def __init__(self, scaling: Scaling, replicas: int, at: float) -> None:
        self._scaling = scaling
        self._recommended = [_Change(at, replicas)]
        self._added: list[_Change] = []
        self._removed: list[_Change] = []

    def decide(self, at: float, metric: float | None, replicas: int) -> int:
        """
        Look once, and say how many replicas there shall be.

        Args:
            at: Now, in seconds.
            metric: The sum over all replicas; None if it cannot be had.
            replicas: How many there are, ready or not.
        """
        scaling = self._scaling
        if not scaling.fewest <= replicas <= scaling.most:
            decided = min(max(replicas, scaling.fewest), scaling.most)
        elif metric is None:
            # It cannot say how many are wanted, and leaves what there is.
            return replicas
        else:
            wanted = recommended(metric, replicas, scaling)
            stable = self._stabilised(at, wanted, replicas)
            decided = self._limited(at, stable, replicas)
        if decided > replicas:
            self._added.append(_Change(at, decided - replicas))
        elif decided < replicas:
            self._removed.append(_Change(at, replicas - decided))
        return decided

    def _stabilised(self, at: float, wanted: int, replicas: int) -> int:
        """Hold it between what recent recommendations agree on in both directions."""
        up, down = self._scaling.up, self._scaling.down
        least = most = wanted
        for past in self._recommended:
            if past.at > at - up.stabilisation_seconds:
                least = min(least, past.replicas)
            if past.at > at - down.stabilisation_seconds:
                most = max(most, past.replicas)
        longest = max(up.stabilisation_seconds, down.stabilisation_seconds)
        self._recommended = [one for one in self._recommended if one.at > at - longest]
        # What is remembered is what was wanted, not what came of it.
        self._recommended.append(_Change(at, wanted))
        return min(max(replicas, least), most)

    def _limited(self, at: float, wanted: int, replicas: int) -> int:
        scaling = self._scaling
        if wanted > replicas:
            limit = self._limit(at, replicas, scaling.up, upwards=True)
            return min(wanted, scaling.most, max(limit, replicas))
        if wanted < replicas:
            limit = self._limit(at, replicas, scaling.down, upwards=False)
            return max(wanted, scaling.fewest, min(limit, replicas))
        return replicas

    def _limit(self, at: float, replicas: int, rules: Rules, *, upwards: bool) -> int:
        if rules.select == "Disabled":
            return replicas
        limits = []
        for policy in rules.policies:
            since = at - policy.period_seconds
            before = replicas - _within(self._added, since)
            before += _within(self._removed, since)
            limits.append(limit_of(policy, before, upwards=upwards))
        # `Max` is the greatest change: downwards that is the least number.
        return max(limits) if (rules.select == "Max") == upwards else min(limits)


def recommended(metric: float, replicas: int, scaling: Scaling) -> int:
    """
    Say how many replicas a metric asks for, before anything limits it.

    >>> from benchmarks.scaling.parameters import SPECIFICATION
    >>> recommended(730.0, 2, SPECIFICATION.scaling)
    8
    >>> recommended(215.0, 2, SPECIFICATION.scaling)
    2
    """
    ratio = metric / (scaling.target * replicas)
    if 1.0 - scaling.tolerance <= ratio <= 1.0 + scaling.tolerance:
        return replicas
    return math.ceil(metric / scaling.target)


def limit_of(policy: Policy, before: int, *, upwards: bool) -> int:
    """
    Say how many replicas a policy allows, given how many a period began with.

    Shares are rounded up on the way up and cut off on the way down: 10 % of 72 fewer
    are 64 (the documentation's example), not 65.

    >>> limit_of(Policy("Percent", 10, 60.0), 72, upwards=False)
    64
    """
    if policy.kind == "Pods":
        return before + policy.value if upwards else before - policy.value
    if upwards:
        return math.ceil(before * (1 + policy.value / 100))
    return int(before * (1 - policy.value / 100))


def _within(changes: Sequence[_Change], since: float) -> int:
    return sum(change.replicas for change in changes if change.at > since)
