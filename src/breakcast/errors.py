"""
Every error breakcast raises on purpose, in one tree.

::

    BreakcastError
    ├── BadInput            what came in cannot be used (usage, file, value)
    │   ├── BadSettings     a setting is unknown or out of range
    │   ├── Unstorable      a fact that not every database could keep
    │   ├── BuildsFileError the builds file as a whole cannot be read
    │   └── BadRequest      a request cannot be answered as it stands
    │       ├── Malformed        it is no JSON, or not the message it should be
    │       ├── Unprocessable    a shape, type or value in it is wrong
    │       ├── UnknownName      it names something that is not here
    │       ├── Unsupported      it is of a kind we do not read or write
    │       ├── TooLarge         it has more bytes or rows than allowed
    │       ├── TooSlow          its body did not arrive in time
    │       ├── Unauthenticated  it carries no token we know
    │       └── Forbidden        its token does not allow this
    ├── NotReady            nothing can answer yet: no model is loaded
    ├── StoreError          the store of records cannot be reached, or refuses
    ├── SourceError         a CI provider refuses, or cannot be reached
    ├── ClusterError        a Dask cluster cannot be reached, or loses its work
    ├── LedgerError         the ledger cannot be opened, or is of another version
    │   └── Fenced          a worker's lease is over: another one writes now
    ├── Leak                a row was asked for a time before facts already learnt
    ├── SnapshotError       a saved feature state is damaged or of another catalog
    ├── NotEnoughHistory    too few labelled builds, or one class only
    └── BundleError         a bundle is damaged, incomplete or does not fit
        └── RegistryError   the registry refuses: unknown, taken or changed version

A message says what was wrong, shows the value, and says what would be right.
"""


class BreakcastError(Exception):
    """The root: catching it catches all that breakcast raises on purpose."""


class BadInput(BreakcastError, ValueError):
    """What came in cannot be used."""


class BadSettings(BadInput):
    """A setting is unknown or out of range."""


class Unstorable(BadInput):
    """A fact that not every database could keep; no ledger takes it."""


class BuildsFileError(BadInput):
    """The builds file as a whole cannot be read."""


class BadRequest(BadInput):
    """A request cannot be answered as it stands."""


class Malformed(BadRequest):
    """It is no JSON, or not the message it should be."""


class Unprocessable(BadRequest):
    """A shape, type or value in it is wrong."""


class UnknownName(BadRequest):
    """It names a model, version, tensor or path that is not here."""


class Unsupported(BadRequest):
    """It is of a kind we do not read or write."""


class TooLarge(BadRequest):
    """It has more bytes or rows than allowed."""


class TooSlow(BadRequest):
    """Its body did not arrive in time."""


class Unauthenticated(BadRequest):
    """It carries no token we know."""


class Forbidden(BadRequest):
    """Its token does not allow this."""


class NotReady(BreakcastError):
    """Nothing can answer yet: no model is loaded."""


class StoreError(BreakcastError):
    """The store of records cannot be reached, or refuses."""


class SourceError(BreakcastError):
    """
    A CI provider refuses, or cannot be reached.

    Attributes:
        status: The HTTP status it answered with last; None if it never did.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ClusterError(BreakcastError):
    """A Dask cluster cannot be reached, or does not do its work."""


class LedgerError(BreakcastError):
    """The ledger cannot be opened, or is of another version."""


class Fenced(LedgerError):
    """A worker's lease is over: what it was to write is another one's to write."""


class Leak(BreakcastError):
    """A feature row was asked for a time before facts the state already learnt."""


class SnapshotError(BreakcastError):
    """A saved feature state is damaged, or was written under another catalog."""


class NotEnoughHistory(BreakcastError):
    """Too few labelled builds to learn from, or only one class of outcome."""


class BundleError(BreakcastError):
    """A model bundle is damaged, incomplete, or does not fit this code."""


class RegistryError(BundleError):
    """The registry refuses: the version is unknown, taken, or has changed."""
