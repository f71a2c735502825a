"""
Counts that all processes of a server add to, and a scrape adds up.

Each process has a row of numbers in a file that the others can see. Counting is
then one addition in memory, where the client's own metrics cost a dozen calls
and, shared between processes, three times that. What a process counted stays
after it has died: no counter ever goes back.
"""

import mmap
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias

import msgspec
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from breakcast.adapters.prometheus.families import Family

Row: TypeAlias = "memoryview[float]"
"""One process's numbers."""

ROLES = ("champion", "challenger")

_ROW = ".counts"
_MODELS = ".models.json"


class InUse(msgspec.Struct, frozen=True):
    """A version that answers or shadows, and when it was trained."""

    role: str
    version: str
    trained_at: float


class Counts(Collector):
    """The numbers of all processes of a server, and this one's own row of them."""

    def __init__(
        self, families: tuple[Family, ...], model: str, folder: Path | None
    ) -> None:
        self.families_of = families
        self._model = model
        self._folder = folder
        self.lock = threading.Lock()
        """For what is counted in more than one thread."""
        starts = {
            (family.name, *labels): family.width
            for family in families
            for labels in family.label_sets
        }
        ends = list(accumulate(starts.values()))
        self.at = dict(zip(starts, [0, *ends], strict=False))
        """Where the numbers of a label set begin."""
        self._size = ends[-1] * 8
        own = os.getpid()
        self.row = self._mapped(own)
        """This process's numbers."""
        self._in_use: tuple[InUse, ...] = ()
        for family in families:
            if family.is_gauge:
                # A number of a process that had this id before.
                self.row[self.at[(family.name,)]] = 0.0

    def use(self, models: Iterable[InUse]) -> None:
        """Note which models this process answers by."""
        self._in_use = tuple(models)
        if self._folder is not None:
            file = self._folder / f"{os.getpid()}{_MODELS}"
            draft = file.with_suffix(".draft")
            draft.write_bytes(msgspec.json.encode(self._in_use))
            draft.replace(file)

    def collect(self) -> Iterable[Metric]:
        """Add up all rows: counters of all processes, gauges of those that live."""
        rows = dict(self._rows())
        living = {process: row for process, row in rows.items() if _is_alive(process)}
        for family in self.families_of:
            counted = living if family.is_gauge else rows
            yield self._summed(family, list(counted.values()))
        yield from self._about_models(living)

    def _rows(self) -> Iterator[tuple[int, Row]]:
        own = os.getpid()
        yield own, self.row
        if self._folder is not None:
            for file in self._folder.glob(f"*{_ROW}"):
                process = int(file.name.removesuffix(_ROW))
                if process != own:
                    yield process, self._mapped(process)

    def _mapped(self, process: int) -> Row:
        if self._folder is None:
            return memoryview(bytearray(self._size)).cast("d")
        with (self._folder / f"{process}{_ROW}").open("a+b") as file:
            file.truncate(self._size)
            return memoryview(mmap.mmap(file.fileno(), self._size)).cast("d")

    def _summed(self, family: Family, rows: list[Row]) -> Metric:
        names = list(family.labels)
        metric: Metric
        if family.buckets:
            metric = HistogramMetricFamily(family.name, family.meaning, labels=names)
        elif family.is_gauge:
            metric = GaugeMetricFamily(family.name, family.meaning, labels=names)
        else:
            metric = CounterMetricFamily(family.name, family.meaning, labels=names)
        for labels in family.label_sets:
            start = self.at[(family.name, *labels)]
            numbers = [
                sum(row[start + offset] for row in rows)
                for offset in range(family.width)
            ]
            if isinstance(metric, HistogramMetricFamily):
                *counts, total = numbers
                bounds = [*map(str, family.buckets), "+Inf"]
                below = list(zip(bounds, accumulate(counts), strict=True))
                metric.add_metric(labels, below, total)
            elif isinstance(metric, CounterMetricFamily | GaugeMetricFamily):
                metric.add_metric(labels, numbers[0])
        return metric

    def _about_models(self, living: Mapping[int, Row]) -> Iterable[Metric]:
        in_use = set(self._in_use)
        if self._folder is not None:
            for process in living:
                file = self._folder / f"{process}{_MODELS}"
                if file.exists():
                    in_use |= {
                        *msgspec.json.decode(file.read_bytes(), type=list[InUse])
                    }
        info = GaugeMetricFamily(
            "breakcast_model_info",
            "1 for each version in use",
            labels=["model", "version", "role"],
        )
        trained = GaugeMetricFamily(
            "breakcast_model_trained_timestamp_seconds",
            "When the model in use was trained, or the oldest of several",
            labels=["model", "role"],
        )
        for role in ROLES:
            of_role = [one for one in in_use if one.role == role]
            for one in sorted(of_role, key=lambda one: one.version):
                info.add_metric([self._model, one.version, role], 1)
            oldest = min((one.trained_at for one in of_role), default=0.0)
            trained.add_metric([self._model, role], oldest)
        return info, trained


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
