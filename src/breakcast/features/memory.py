"""All that is kept of one organisation: the records of each kind, on a shelf each."""

from typing import Any

from breakcast.features.change import SizeDistribution
from breakcast.features.keys import RecordKeys, keys_of
from breakcast.features.lineage import BuildNode
from breakcast.features.neighbourhood import Neighbourhood
from breakcast.features.pending import Pending
from breakcast.features.shelf import Shelf
from breakcast.features.snapshot import Records
from breakcast.features.surroundings import Board, CommitRecord
from breakcast.features.track import Tally, TrackRecord
from breakcast.history.events import Build

MOST_TRACKS = 200_000
MOST_TALLIES = 200_000
MOST_BUILDS = 100_000
MOST_COMMITS = 50_000
MOST_BOARDS = 50_000
MOST_REPOSITORIES = 2_000
MOST_PENDING = 50_000


class Memory:
    """The records of one organisation; `lost` builds no longer count as in flight."""

    def __init__(self) -> None:
        self.tracks = Shelf[TrackRecord](MOST_TRACKS)
        self.tallies = Shelf[Tally](MOST_TALLIES)
        self.nodes = Shelf[BuildNode](MOST_BUILDS)
        self.commits = Shelf[CommitRecord](MOST_COMMITS)
        self.boards = Shelf[Board](MOST_BOARDS)
        self.sizes = Shelf[SizeDistribution](MOST_REPOSITORIES)
        self.neighbourhoods = Shelf[Neighbourhood](MOST_REPOSITORIES)
        self.pending = Shelf[Pending](MOST_PENDING)
        self.lost = Shelf[Pending](MOST_PENDING)
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

    def records(self) -> Records:
        """Give all records, for a snapshot."""
        return Records(**{name: dict(shelf) for name, shelf in self.shelves.items()})

    @classmethod
    def of(cls, records: Records) -> "Memory":
        """Put the records of a snapshot back."""
        memory = cls()
        for name, shelf in memory.shelves.items():
            shelf.update(getattr(records, name))
        return memory

    def forget(self, now: float) -> None:
        """Drop the records whose weight has gone; see `shelf`."""
        for shelf in self.shelves.values():
            shelf.forget(now)
