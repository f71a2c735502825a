"""The Feast side of the features: its repository, what it is given, whether it fits."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from breakcast import wiring
from breakcast.adapters.feast.client import FeatureServer
from breakcast.adapters.feast.messages import stamp_of
from breakcast.adapters.feast.offline import HistoricalRecords
from breakcast.adapters.feast.parity import OnlineParity, Parity, replayed
from breakcast.adapters.feast.pastparity import offline_parity
from breakcast.adapters.feast.repository import Repository, SetUp, kinds_of
from breakcast.errors import BadInput
from breakcast.features.catalog import Catalog
from breakcast.features.records import all_records, changed_records, mark_of, pulse_of
from breakcast.features.state import FeatureState
from breakcast.features.store import SHARDS
from breakcast.features.survey import catalog_for
from breakcast.history.ledger import Ledger
from breakcast.settings import Settings

_PATIENT_SECONDS = 5.0

Step = Callable[[str, int, int | None], None]


class Applied(NamedTuple):
    """A repository that was written and registered."""

    folder: Path
    catalog: str
    kinds: tuple[str, ...]
    changed: list[str]


class Pushed(NamedTuple):
    """How much was published: current records, and versions in the history."""

    organisations: int
    records: int
    versions: int


class Verified(NamedTuple):
    """What the two comparisons found."""

    offline: Parity
    online: Parity


def apply(
    settings: Settings, repository: Repository, set_up: SetUp, *, registers: bool
) -> Applied:
    """
    Write the Feast repository for the champion's catalog, and register it.

    Args:
        settings: Where the ledger and the registry of models are.
        repository: What is written.
        set_up: Where Feast keeps things.
        registers: Whether Feast is told; it has to be installed here then.

    Raises:
        BadSettings: If Feast is not installed; the repository is written then.
        StoreError: If it cannot be written, or Feast refuses.
    """
    with wiring.open_ledger(settings) as ledger:
        catalog = _catalog(settings, ledger)
    changed = repository.write(catalog, set_up)
    if registers:
        repository.register()
    names = [path.name for path in changed]
    return Applied(repository.folder, catalog.hash, kinds_of(catalog), names)


def push(
    settings: Settings,
    repository: Repository,
    url: str | None,
    organisations: Sequence[str] = (),
    step: Step = lambda _what, _done, _of: None,
) -> Pushed:
    """
    Publish the ledger's records: all versions to the history, the last ones online.

    Args:
        settings: Where the ledger is.
        repository: Whose history is written anew, organisation by organisation.
        url: The feature server; None publishes nothing online.
        organisations: Whose records; all of them by default.
        step: Is told how far it has come.

    Raises:
        BadInput: If the ledger knows no such organisation.
        StoreError: If the history cannot be written or the server refuses; what was
            written stays, and doing it again does no harm.
    """
    begun = wiring.now()
    records = versions = 0
    with ExitStack() as stack:
        ledger = stack.enter_context(wiring.open_ledger(settings))
        server = None
        if url is not None:
            server = stack.enter_context(closing(FeatureServer(url)))
        catalog = _catalog(settings, ledger)
        names = _chosen(ledger, organisations)
        for done, organisation in enumerate(names):
            step("publishing", done, len(names))
            state = FeatureState(catalog)
            state.memory.watch()
            with repository.history.of(organisation) as history:
                for event in ledger.events(organisation):
                    state.settle(event.known_at)
                    history.add(changed_records(state, organisation))
                    state.observe(event)
                state.settle(begun)
                history.add(changed_records(state, organisation))
            versions += history.versions
            if server is not None:
                # Later than whatever was published before: a late fact may have
                # changed records since.
                current = all_records(state, organisation, stamp_of(begun))
                server.write(current)
                records += sum(map(len, current.values()))
        if server is not None and not organisations:
            # All that the ledger held is published: for a while it is fresh.
            server.write(mark_of(range(SHARDS), catalog, begun))
            server.write(pulse_of(range(SHARDS), catalog, begun))
    return Pushed(len(names), records, versions)


def verify(
    settings: Settings,
    repository: Repository,
    url: str,
    builds: int | None,
    step: Step = lambda _what, _done, _of: None,
) -> Verified:
    """
    Compare rows read off Feast, offline and online, with those of a replay.

    The history is written anew. Online, records are written beside those in use,
    under keys of their own, and emptied afterwards.

    Args:
        settings: Where the ledger is.
        repository: The Feast repository; it is registered.
        url: The feature server.
        builds: About so many, spread evenly over the ledger; all if None.
        step: Is told how far it has come.

    Raises:
        BadSettings: If Feast is not installed.
        StoreError: If Feast refuses, or the server cannot be reached.
    """
    past = HistoricalRecords(repository)
    offline = online = Parity()
    mark = f"verify {wiring.now().isoformat()}\x1f"
    with (
        wiring.open_ledger(settings) as ledger,
        closing(FeatureServer(url, read_seconds=_PATIENT_SECONDS)) as server,
    ):
        catalog = _catalog(settings, ledger)
        counts = ledger.organisations()
        total = sum(counts.values())
        each = 1 if builds is None else max(1, total // builds)
        is_chosen = cycle([True] + [False] * (each - 1))
        for organisation, started in counts.items():
            step("comparing", offline.builds, total // each)
            live = OnlineParity(server, catalog, mark)
            with repository.history.of(organisation) as history:
                samples = replayed(
                    organisation,
                    ledger.events(organisation),
                    catalog,
                    is_chosen=is_chosen,
                    keep=history.add,
                    online=live,
                )
            live.clear()
            online += live.found
            offline += offline_parity(samples, catalog, past, started)
    return Verified(offline, online)


def _catalog(settings: Settings, ledger: Ledger) -> Catalog:
    """Give the champion's catalog; where there is none, that of the ledger."""
    champion = wiring.open_registry(settings).load_champion()
    return catalog_for(ledger) if champion is None else champion.catalog


def _chosen(ledger: Ledger, organisations: Sequence[str]) -> Sequence[str]:
    known = list(ledger.organisations())
    strangers = sorted(set(organisations) - set(known))
    if strangers:
        message = (
            f"the ledger knows no organisation {', '.join(map(repr, strangers))}; "
            f"it knows {', '.join(known[:10]) or 'none'}"
        )
        raise BadInput(message)
    return list(dict.fromkeys(organisations)) or known
