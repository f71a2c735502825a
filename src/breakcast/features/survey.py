"""What a history offers beside the fixed features: its signals and results."""

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from breakcast.features.catalog import Catalog
from breakcast.features.code_state import code_state_signals
from breakcast.features.columns import catalog_of
from breakcast.history.events import BuildFinished, BuildStarted, Event

LOOKED_AT = 1_000
"""At most so many builds a repository are looked at to tell code from change."""
_SHARE = 3


class _Series(NamedTuple):
    """A signal's values in a repository, with the numbers of their builds."""

    numbers: "array[int]"
    values: "array[float]"


def catalog_for(events: Iterable[Event]) -> Catalog:
    """
    The catalog that fits a history.

    Which signals describe the code's state is read off the first third of each
    repository's builds (1,000 at the most): off no outcome, and off no build
    that a forecast is later judged on.

    >>> catalog_for([]).signals
    ()
    """
    results: set[str] = set()
    series: dict[str, dict[str, _Series]] = defaultdict(dict)
    builds: Counter[str] = Counter()
    for event in events:
        if isinstance(event, BuildStarted):
            repo = event.key.repo
            number = builds[repo]
            builds[repo] += 1
            by_name = series[repo]
            for name, value in event.build.signals.items():
                if name not in by_name:
                    by_name[name] = _Series(array("l"), array("d"))
                if number < LOOKED_AT:
                    by_name[name].numbers.append(number)
                    by_name[name].values.append(value)
        elif isinstance(event, BuildFinished):
            results.update(event.results)
    signals = {name for by_name in series.values() for name in by_name}
    early: dict[str, list[array[float]]] = {name: [] for name in signals}
    for repo, by_name in series.items():
        for name, known in by_name.items():
            first = bisect_left(known.numbers, builds[repo] // _SHARE)
            early[name].append(known.values[:first])
    return catalog_of(
        signals=tuple(sorted(signals)),
        results=tuple(sorted(results)),
        code_state=code_state_signals(early),
    )
