"""
KEDA between Prometheus and the HPA.

Source: kedacore/keda-docs, the specification of ScaledObject 2.18 to 2.20, and
kedacore/keda, pkg/fallback/fallback.go. KEDA asks Prometheus whenever the HPA asks
KEDA (caching is off by default), so `pollingInterval` plays no part above zero
replicas. From 2.17 on it touches no replicas itself when a trigger fails (pull request
6520), and knows `fallback.behavior`.
"""

from typing import Literal, NamedTuple


class Fallback(NamedTuple):
    """
    What to report in place of a metric that cannot be had.

    Attributes:
        failure_threshold: So many failures in a row are borne; the next one counts.
        replicas: How many replicas the reported metric asks for.
        behaviour: `static` is just that; `currentReplicasIfHigher` never asks for fewer
            than there are.
    """

    failure_threshold: int
    replicas: int
    behaviour: Literal["static", "currentReplicasIfHigher"] = "static"


class Trigger:
    """
    One trigger: it counts failures in a row.

    Args:
        target: The metric's target for each replica.
        fallback: None to report failures to the HPA.
    """

    def __init__(self, target: float, fallback: Fallback | None) -> None:
        self._target = target
        self._fallback = fallback
        self._failures = 0

    def metric(self, found: float | None, replicas: int) -> float | None:
        """
        Say what the HPA is told.

        Args:
            found: What Prometheus said; None if it said nothing, or nothing usable
                (`ignoreNullValues: "false"`).
            replicas: How many the Deployment has.

        Returns:
            The metric; None for an error.
        """
        if found is not None:
            self._failures = 0
            return found
        self._failures += 1
        told = self._fallback
        if told is None or self._failures <= told.failure_threshold:
            return None
        if told.behaviour == "currentReplicasIfHigher":
            return self._target * max(replicas, told.replicas)
        return self._target * told.replicas
