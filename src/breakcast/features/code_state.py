"""
Which signals describe the code, not the change: those that drift slowly.

A change's size is as unlike its neighbour's as it is unlike any other's; the
lines of source in a repository are much nearer from one build to the next than
from one build to the fiftieth after. The ratio of those two differences tells
them apart without looking at any outcome. On real histories it lies below .35
for signals of code and above .6 for signals of change.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from statistics import median

import numpy as np

FAR_APART = 50
DRIFTS_BELOW = 0.5
_FEWEST_BUILDS = 2 * FAR_APART + 20
# A signal that differs less, on a logarithmic scale, says nothing.
_CONSTANT = 1e-9


def code_state_signals(
    series: Mapping[str, Iterable[Sequence[float]]],
) -> tuple[str, ...]:
    """
    Name the signals that drift slowly, in alphabetical order.

    Args:
        series: For each signal its values in each repository, in the order the
            builds started.

    >>> rng = np.random.default_rng(0)
    >>> lines = 1e5 + np.cumsum(rng.normal(0, 40, 400))
    >>> churn = rng.lognormal(3, 1, 400)
    >>> code_state_signals({"sloc": [lines], "churn": [churn]})
    ('sloc',)
    """
    return tuple(
        sorted(
            name for name, by_repo in series.items() if _drift(by_repo) < DRIFTS_BELOW
        )
    )


def _drift(by_repo: Iterable[Sequence[float]]) -> float:
    ratios = []
    for values in by_repo:
        if len(values) < _FEWEST_BUILDS:
            continue
        line = np.asarray(values)
        line = np.copysign(np.log1p(np.abs(line)), line)
        far = float(np.abs(line[FAR_APART:] - line[:-FAR_APART]).mean())
        if far > _CONSTANT:
            ratios.append(float(np.abs(np.diff(line)).mean()) / far)
    return median(ratios) if ratios else inf
