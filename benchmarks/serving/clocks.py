"""What Linux tells of processes: their CPU time, their memory, and all others'."""

import os
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class Clocks(NamedTuple):
    """
    Clocks read at one moment, all in seconds.

    Attributes:
        wall: Time that has passed.
        server: CPU time of the server and all its children.
        ours: CPU time of what measures: this process and those that it ran.
        machine: The time that all cores were not idle, interrupts and what the host
            took away included.
    """

    wall: float
    server: float
    ours: float
    machine: float

    @classmethod
    def read(cls, server: int) -> Self:
        """Read them; the server is the process of this id."""
        mine = [
            resource.getrusage(who)
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        return cls(
            time.perf_counter(),
            cpu_seconds(server),
            sum(usage.ru_utime + usage.ru_stime for usage in mine),
            _machine_seconds(),
        )

    def since(self, before: Self) -> Self:
        """Tell how far they went on."""
        return type(self)(*(now - then for now, then in zip(self, before, strict=True)))

    @property
    def foreign_cores(self) -> float:
        """How many cores others kept busy, if these are differences."""
        return (self.machine - self.server - self.ours) / self.wall


def family(root: int) -> Iterator[int]:
    """List a process and all that descend from it."""
    yield root
    for path in (_PROC / str(root) / "task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in path.read_text().split():
                yield from family(int(child))


def cpu_seconds(root: int) -> float:
    """Add up the CPU time of a process, its children, and those that ended."""
    ticks = 0
    for pid in family(root):
        with suppress(FileNotFoundError, ProcessLookupError):
            text = (_PROC / str(pid) / "stat").read_text()
            # The name, in parentheses, may hold anything; then comes field 3.
            fields = text.rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS_A_SECOND


def memory_bytes(pids: Iterable[int]) -> tuple[int, int]:
    """
    Add up the memory of processes: proportional set sizes, resident set sizes.

    The first counts a page that n processes share an nth to each; the second counts
    it whole to each, and does not depend on what else the machine runs.
    """
    proportional = resident = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            text = (_PROC / str(pid) / "smaps_rollup").read_text()
            kilobytes = {
                name: int(rest.split()[0])
                for name, _, rest in (line.partition(":") for line in _sizes(text))
            }
            proportional += kilobytes["Pss"] * 1024
            resident += kilobytes["Rss"] * 1024
    return proportional, resident


def _sizes(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("Pss:", "Rss:"))]


def _machine_seconds() -> float:
    # What is busy is sampled by Linux, a hundred times a second; what is idle is
    # measured.
    line = (_PROC / "stat").read_text().partition("\n")[0]
    idle, waiting = line.split()[4:6]
    cores = os.cpu_count() or 1
    return cores * time.perf_counter() - (int(idle) + int(waiting)) / _TICKS_A_SECOND
