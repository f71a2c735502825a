"""A Prometheus that scrapes replicas, each at a moment of its own."""

from collections import deque
from collections.abc import Iterable
from random import Random
from typing import Literal

from benchmarks.scaling.promrate import FUNCTIONS, Sample
from benchmarks.scaling.service import Pod


class Prometheus:
    """
    Scrapes pods, and keeps as much as its one query needs.

    A pod is scraped at the same moment of every interval, wherever chance put it. The
    series of a pod that has ended stays until the window has left its samples behind.

    Args:
        scrape_seconds: The interval.
        function: Of the query: `rate` or `irate`.
        window_seconds: How far back the query looks.
        chance: Where moments come from.
    """

    def __init__(
        self,
        scrape_seconds: float,
        function: Literal["rate", "irate"],
        window_seconds: float,
        chance: Random,
    ) -> None:
        self._every = scrape_seconds
        self._function = FUNCTIONS[function]
        self._window = window_seconds
        self._chance = chance
        self._next: dict[Pod, float] = {}
        self._samples: dict[Pod, deque[Sample]] = {}

    def scrape(self, pods: Iterable[Pod], before: dict[Pod, float], at: float) -> None:
        """
        Scrape every pod whose moment is within the second that has just passed.

        Args:
            pods: All there are.
            before: What each had answered when the second began.
            at: When it began.
        """
        for pod in pods:
            due = self._next.get(pod)
            if due is None:
                due = pod.listens_at + self._chance.random() * self._every
            while due < at + 1.0:
                if due >= at:
                    grown = (pod.answered - before[pod]) * (due - at)
                    self._keep(pod, Sample(due, before[pod] + grown))
                due += self._every
            self._next[pod] = due

    def query(self, at: float) -> float | None:
        """
        Say what `sum(rate(ml_predictions_total[window]))` is; None for no result.

        Series without two samples in the window are not in the sum: nothing tells so.
        """
        old = [
            pod
            for pod, samples in self._samples.items()
            if samples[-1].at <= at - self._window
        ]
        for pod in old:
            del self._samples[pod]
        rates = [
            told
            for samples in self._samples.values()
            if (told := self._function(samples, at, self._window)) is not None
        ]
        return sum(rates) if rates else None

    def _keep(self, pod: Pod, sample: Sample) -> None:
        kept = self._samples.setdefault(
            pod, deque(maxlen=int(self._window // self._every) + 2)
        )
        kept.append(sample)
