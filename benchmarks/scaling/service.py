"""
Replicas that answer: a queue each, filled evenly.

Requests flow: within a tick they come, and are answered, at an even pace. So a replica
that gets less than it can answer has no queue at all; what chance does within a second
is left out.
"""

from typing import Final, NamedTuple

SLOW_SECONDS: Final = 0.5
"""A request that waits longer has missed the objective."""
PATIENCE_SECONDS: Final = 5.0
"""Nobody waits longer: a request that would have to is lost."""
START_SECONDS: Final = 20.0
"""From the decision to the first request: schedule, fetch a model, start, be ready."""
LISTENS_BEFORE: Final = 2.0
"""So many seconds before it is ready a replica can be scraped."""


class Wait(NamedTuple):
    """
    How long some requests wait: evenly spread between two times, in seconds.

    Attributes:
        requests: How many.
        first: How long the first of them waits.
        last: How long the last one does.
        is_lost: Whether they are given up.
    """

    requests: float
    first: float
    last: float
    is_lost: bool = False


class Pod:
    """
    One replica.

    Args:
        listens_at: From when on it can be scraped.
        ready_at: From when on it is given requests.
    """

    __slots__ = ("answered", "listens_at", "queued", "ready_at")

    def __init__(self, listens_at: float, ready_at: float) -> None:
        self.listens_at = listens_at
        self.ready_at = ready_at
        self.queued = 0.0
        self.answered = 0.0

    def answer(self, requests: float, capacity: float, seconds: float) -> list[Wait]:
        """
        Take requests in, answer as many as it can, and say how long they wait.

        Args:
            requests: How many come, evenly over the time.
            capacity: Requests it answers a second.
            seconds: How long the time is.
        """
        before = self.queued
        after = max(before + requests - capacity * seconds, 0.0)
        lost = max(after - capacity * PATIENCE_SECONDS, 0.0)
        self.queued = after - lost
        self.answered += before + requests - after
        taken = Wait(requests - lost, before / capacity, self.queued / capacity)
        if not lost:
            return [taken]
        return [taken, Wait(lost, PATIENCE_SECONDS, PATIENCE_SECONDS, is_lost=True)]


class Service:
    """
    All replicas of one Deployment.

    Args:
        capacity: Requests a second that one answers.
        replicas: How many are ready from the start.
        at: When that is.
        start_seconds: How long a new one takes.
    """

    def __init__(
        self,
        capacity: float,
        replicas: int,
        at: float,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._capacity = capacity
        self._start_seconds = start_seconds
        self.pods = [Pod(at, at) for _ in range(replicas)]

    def scale(self, replicas: int, at: float) -> None:
        """Begin new replicas, or end the youngest at once."""
        while len(self.pods) < replicas:
            ready_at = at + self._start_seconds
            self.pods.append(Pod(ready_at - LISTENS_BEFORE, ready_at))
        del self.pods[replicas:]

    def ready(self, at: float) -> list[Pod]:
        """List the replicas that get requests."""
        return [pod for pod in self.pods if pod.ready_at <= at]

    def answer(self, requests: float, at: float, seconds: float) -> list[Wait]:
        """Spread requests evenly over ready replicas, and say how long they wait."""
        ready = self.ready(at)
        share = requests / len(ready)
        at_once = 0.0
        waits = []
        for pod in ready:
            if pod.queued or share > self._capacity * seconds:
                waits += pod.answer(share, self._capacity, seconds)
            else:
                pod.answered += share
                at_once += share
        waits.append(Wait(at_once, 0.0, 0.0))
        return waits


def slow_share(wait: Wait, least: float) -> float:
    """
    Say which share of these waited too long.

    >>> slow_share(Wait(10.0, 0.25, 0.75), SLOW_SECONDS)
    0.5
    """
    low, high = sorted((wait.first, wait.last))
    if high <= least:
        return 0.0
    if low >= least:
        return 1.0
    return (high - least) / (high - low)
