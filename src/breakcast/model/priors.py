"""
What is believed of a build when nothing is known of its past.

A prior is counted over all repositories at once. It answers for a repository
without history, and for everybody when features or trees are out of reach: the
answer is then marked *degraded*.
"""

from math import isnan
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from breakcast.features.change import CHANGE_FEATURES, change_features
from breakcast.history.events import Build

if TYPE_CHECKING:
    from breakcast.features.table import Table

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
FEWEST_BUILDS_OF_A_REPO = 20
"""A repository with fewer labelled builds has no failure ratio to speak of."""

_EVIDENCE_HELD_AGAINST = 50.0
_EVENTS = ("is_pull_request", "is_push", "is_scheduled")
_FACTS = [feature.name.partition(".")[2] for feature in CHANGE_FEATURES]


class PriorCell(msgspec.Struct, frozen=True):
    """
    Labelled builds of one kind.

    `event` is `pull_request`, `push`, `scheduled`, `other` or `unknown`,
    `branch` is `main`, `other` or `unknown`.
    """

    event: str
    branch: str
    builds: int
    red: int


class Prior(msgspec.Struct, frozen=True, kw_only=True):
    """
    Failure ratios across repositories.

    `red_ratio` is over all labelled builds, with four builds, one of them red,
    added; `repo_red_ratio` holds quantiles (`0.5`: the median) over the
    `repos_counted` repositories with at least 20 labelled builds.

    >>> cells = (PriorCell("push", "main", 400, 40), PriorCell("unknown", "main", 1, 1))
    >>> prior = Prior(builds=401, red=41, repos=3, red_ratio=0.1, cells=cells)
    >>> round(prior.ratio("push", "main"), 3), round(prior.ratio("push", "other"), 3)
    (0.1, 0.1)
    """

    builds: int
    red: int
    repos: int
    red_ratio: float
    repos_counted: int = 0
    repo_red_ratio: dict[str, float] = {}
    cells: tuple[PriorCell, ...] = ()

    def ratio(self, event: str, branch: str) -> float:
        """
        P(red) of a kind of build: its ratio, held near that of all builds.

        Fifty builds of the overall ratio are added; a kind never seen has it.
        """
        for cell in self.cells:
            if (cell.event, cell.branch) == (event, branch):
                held = _EVIDENCE_HELD_AGAINST
                return (cell.red + held * self.red_ratio) / (cell.builds + held)
        return self.red_ratio

    def probability(self, build: Build) -> float:
        """P(red) of a build of which only its own facts are known."""
        flags = dict(zip(_FACTS, change_features(build), strict=True))
        event = _event([flags[name] for name in _EVENTS])
        return self.ratio(event, _branch(flags["is_main_branch"]))


def prior_of(table: "Table") -> Prior:
    """
    Count the prior of a table's labelled builds.

    Args:
        table: The builds a model is taught by; those without a label are left out.
    """
    labelled = ~np.isnan(table.failed)
    failed = table.failed[labelled] > 0
    events = np.stack([table.column(f"change.{name}")[labelled] for name in _EVENTS])
    main = table.column("change.is_main_branch")[labelled]
    counted: dict[tuple[str, str], list[int]] = {}
    for flags, is_main, is_red in zip(
        events.T.tolist(), main.tolist(), failed.tolist(), strict=True
    ):
        cell = counted.setdefault((_event(flags), _branch(is_main)), [0, 0])
        cell[0] += 1
        cell[1] += is_red
    repo = table.repo[labelled]
    builds = np.bincount(repo, minlength=len(table.repo_names))
    reds = np.bincount(repo, weights=failed, minlength=len(table.repo_names))
    known = builds >= FEWEST_BUILDS_OF_A_REPO
    ratios = reds[known] / builds[known]
    return Prior(
        builds=len(failed),
        red=int(failed.sum()),
        repos=int((builds > 0).sum()),
        red_ratio=(int(failed.sum()) + 1) / (len(failed) + 4),
        repos_counted=len(ratios),
        repo_red_ratio={
            str(at): float(np.quantile(ratios, at)) for at in QUANTILES if len(ratios)
        },
        cells=tuple(
            PriorCell(event, branch, count, red)
            for (event, branch), (count, red) in sorted(counted.items())
        ),
    )


def _event(flags: list[float]) -> str:
    if any(map(isnan, flags)):
        return "unknown"
    names = [
        name.removeprefix("is_")
        for name, flag in zip(_EVENTS, flags, strict=True)
        if flag
    ]
    return names[0] if names else "other"


def _branch(is_main: float) -> str:
    if isnan(is_main):
        return "unknown"
    return "main" if is_main else "other"
