"""Runs as pages bring them: each once, and whether all of them have come."""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from breakcast.adapters.github.payloads import WorkflowRun


class RunsPage(msgspec.Struct, frozen=True):
    """A page of a list of runs; each is read by itself, so that one spoils none."""

    total_count: int
    workflow_runs: list[msgspec.Raw]


@dataclass(slots=True)
class Runs:
    """
    The runs of one window, as pages bring them, each once.

    Attributes:
        by_id: The runs, by number.
        refused: What is no run that we can read, and why.
        seen: The different entries of this reading.
        counts: How many GitHub said there are, in this reading.
        overlaps: Whether this reading brought one entry twice.
        is_too_long: Whether GitHub lists no more than a part of them.
    """

    by_id: dict[int, WorkflowRun] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    seen: set[int | bytes] = field(default_factory=set)
    counts: set[int] = field(default_factory=set)
    overlaps: bool = False
    is_too_long: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether this reading brought all: its pages did not shift, none is short."""
        steady = len(self.counts) == 1 and not self.overlaps
        return steady and len(self.seen) >= max(self.counts)

    @property
    def oldest(self) -> datetime | None:
        """When the oldest run was created."""
        return min((run.created_at for run in self.by_id.values()), default=None)

    def begin(self) -> None:
        """Begin to read the list, or begin again."""
        self.seen.clear()
        self.counts.clear()
        self.overlaps = False

    def take(self, page: RunsPage) -> None:
        """Take in a page; of a run told twice the later telling holds."""
        self.counts.add(page.total_count)
        for raw in page.workflow_runs:
            entry: int | bytes
            try:
                run = msgspec.json.decode(raw, type=WorkflowRun)
            except msgspec.ValidationError as error:
                entry = bytes(raw)
                self.refused[entry] = f"a run GitHub lists is left out: {error}"
            else:
                entry = run.id
                self.by_id[run.id] = run
            self.overlaps |= entry in self.seen
            self.seen.add(entry)
