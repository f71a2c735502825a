"""All that is kept of one organisation: the records of each kind, on a shelf each."""

from dataclasses import dataclass
from typing import Any, Self

from breakcast.features.change import SizeDistribution
from breakcast.features.keys import RecordKeys, keys_of
from breakcast.features.lineage import BuildNode
from breakcast.features.neighbourhood import Neighbourhood
from breakcast.features.pending import Pending
from breakcast.features.shelf import Shelf
from breakcast.features.snapshot import Records
from breakcast.features.store import KINDS
from breakcast.features.surroundings import Board, CommitRecord
from breakcast.features.track import Tally, TrackRecord
from breakcast.history.events import Build


@dataclass(frozen=True, slots=True)
class Limits:
    """How many records of each kind are kept of one organisation."""

    tracks: int = 200_000
    tallies: int = 200_000
    nodes: int = 100_000
    commits: int = 50_000
    boards: int = 50_000
    repositories: int = 2_000
    pending: int = 50_000


LIMITS = Limits()


class Memory:
    """The records of one organisation, and its builds in flight."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.tracks = Shelf[TrackRecord](limits.tracks)
        self.tallies = Shelf[Tally](limits.tallies)
        self.nodes = Shelf[BuildNode](limits.nodes)
        self.commits = Shelf[CommitRecord](limits.commits)
        self.boards = Shelf[Board](limits.boards)
        self.sizes = Shelf[SizeDistribution](limits.repositories)
        self.neighbourhoods = Shelf[Neighbourhood](limits.repositories)
        self.pending = Shelf[Pending](limits.pending)
        self._named: tuple[Build, RecordKeys] | None = None

    def keys_of(self, build: Build) -> RecordKeys:
        """Name the records of a build; the one asked for last is remembered."""
        # In one piece, as threads may read side by side.
        named = self._named
        if named is None or named[0] is not build:
            named = self._named = (build, keys_of(build))
        return named[1]

    @property
    def shelves(self) -> dict[str, Shelf[Any]]:
        """All records, by what they are of."""
        kept = vars(self).items()
        return {name: shelf for name, shelf in kept if isinstance(shelf, Shelf)}

    def watch(self) -> None:
        """Note from now on which records others may read have changed."""
        for kind in KINDS:
            self.shelves[kind].changed = set()

    def records(self) -> Records:
        """Give all records, for a snapshot."""
        return Records(**{name: dict(shelf) for name, shelf in self.shelves.items()})

    @classmethod
    def of(cls, records: Records, limits: Limits = LIMITS) -> Self:
        """Put the records of a snapshot back."""
        memory = cls(limits)
        for name, shelf in memory.shelves.items():
            shelf.update(getattr(records, name))
        return memory

    def forget(self, now: float) -> None:
        """Drop the records whose weight has gone; see `shelf`."""
        for shelf in self.shelves.values():
            shelf.forget(now)
