"""A prior counts by kind of build, over all repositories, and always answers."""

import numpy as np
import pytest

from breakcast.features.table import Table
from breakcast.history.events import Build, BuildKey
from breakcast.model.priors import Prior, PriorCell, prior_of
from tests.model.made_bundles import CATALOG, make_table


def test_the_prior_counts_what_a_loop_counts() -> None:
    table = make_table(builds=500)
    labelled = np.flatnonzero(~np.isnan(table.failed))

    prior = prior_of(table)

    assert prior.builds == len(labelled) == sum(cell.builds for cell in prior.cells)
    assert prior.red == table.failed[labelled].sum() == sum(c.red for c in prior.cells)
    assert prior.red_ratio == (prior.red + 1) / (prior.builds + 4)
    ratios = [
        table.failed[labelled][table.repo[labelled] == repo].mean() for repo in range(4)
    ]
    assert prior.repo_red_ratio["0.5"] == pytest.approx(np.median(ratios))
    assert (prior.repos, prior.repos_counted) == (4, 4)


def test_a_build_is_of_the_kind_its_flags_say() -> None:
    table = _table(
        {"is_pull_request": 1, "is_push": 0, "is_scheduled": 0, "is_main_branch": 0},
        {"is_pull_request": 0, "is_push": 1, "is_scheduled": 0, "is_main_branch": 1},
        {"is_pull_request": 0, "is_push": 0, "is_scheduled": 1, "is_main_branch": 1},
        {"is_pull_request": 0, "is_push": 0, "is_scheduled": 0},
        {},
    )

    assert [(cell.event, cell.branch) for cell in prior_of(table).cells] == [
        ("other", "unknown"),
        ("pull_request", "other"),
        ("push", "main"),
        ("scheduled", "main"),
        ("unknown", "unknown"),
    ]


@pytest.mark.parametrize(
    ("event", "branch", "kind"),
    [
        ("pull_request", "fix", ("pull_request", "other")),
        ("push", "main", ("push", "main")),
        ("cron", "master", ("scheduled", "main")),
        ("api", None, ("other", "unknown")),
        (None, None, ("unknown", "unknown")),
    ],
)
def test_a_build_to_answer_for_is_of_the_kind_it_was_counted_as(
    event: str | None, branch: str | None, kind: tuple[str, str]
) -> None:
    cells = (PriorCell(*kind, builds=950, red=0),)
    prior = Prior(builds=1000, red=500, repos=9, red_ratio=0.5, cells=cells)
    build = Build(
        BuildKey("github", "new/repo", "ci.yml", "1"), branch=branch, event=event
    )

    assert prior.probability(build) == 0.025


def test_no_builds_give_an_answer_too() -> None:
    prior = prior_of(make_table(builds=0))

    assert (prior.builds, prior.red_ratio, prior.repo_red_ratio) == (0, 0.25, {})
    assert prior.ratio("push", "main") == 0.25


def test_a_repository_with_few_builds_has_no_ratio() -> None:
    prior = prior_of(make_table(builds=40, repos=20))

    assert (prior.repos_counted, prior.repo_red_ratio) == (0, {})
    assert prior.repos > 10


def _table(*builds: dict[str, float]) -> Table:
    """One red build for each set of flags; the flags left out are unknown."""
    table = make_table(builds=len(builds))
    table.rows[:] = np.nan
    table.failed[:] = 1.0
    for row, flags in zip(table.rows, builds, strict=True):
        for name, flag in flags.items():
            row[CATALOG.column(f"change.{name}")] = flag
    return table
