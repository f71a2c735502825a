"""
From the builds file to the forecast, nothing is known before it is known.

The file itself is changed: what becomes known at or after a moment says
something else. No forecast made up to that moment may notice.
"""

import numpy as np

from breakcast.features.table import Table
from breakcast.model.backtest import Protocol, backtest
from breakcast.model.split import is_last_fraction
from tests.model.made_history import SMALL, Row, simulated_table, table_of

Said = dict[tuple[str, str, float], bytes]


def test_walking_forward_no_forecast_knows_what_becomes_known_later() -> None:
    table = simulated_table()
    test = is_last_fraction(table, np.ones(len(table), bool), 0.2)
    as_of = float(np.median(table.started_at[test]))

    changed = table_of(lambda row: _otherwise(row) if _ends(row) >= as_of else row)

    _assert_only_later_forecasts_change(table, changed, "walk-forward", as_of)


def test_in_a_split_no_forecast_knows_what_becomes_known_of_the_test_later() -> None:
    """
    A split lets one repository's training tell of another's test.

    So only the test is changed here, from when the last build that teaches
    started: no row or label that the forests learn from is touched.
    """
    table = simulated_table()
    test = is_last_fraction(table, np.ones(len(table), bool), 0.2)
    begins = {
        name: table.started_at[test & (table.repo == repo)].min()
        for repo, name in enumerate(table.repo_names)
    }
    as_of = float(table.started_at[~test].max())

    def change(row: Row) -> Row:
        is_test = _seconds(row["started_at"]) >= begins[row["repo"]]
        return _otherwise(row) if is_test and _ends(row) >= as_of else row

    _assert_only_later_forecasts_change(table, table_of(change), "split", as_of)


def _assert_only_later_forecasts_change(
    table: Table, changed: Table, protocol: Protocol, as_of: float
) -> None:
    one, other = _said(table, protocol), _said(changed, protocol)

    early = {build for build in one if build[-1] <= as_of}
    differing = {build for build in one if one[build] != other[build]}

    assert not differing & early
    # Enough to show something: many forecasts up to then, and most after differ.
    assert len(early) > 100
    assert len(differing) > 0.5 * (len(one) - len(early)) > 20


def _said(table: Table, protocol: Protocol) -> Said:
    """All that is said about each test build, its features too."""
    done = backtest(table, protocol, recipe=SMALL, target_accuracy=0.8)
    test = is_last_fraction(table, np.ones(len(table), bool), 0.2)
    judged = np.flatnonzero(test & ~np.isnan(table.failed))
    columns = [done.test.probability, done.cut, done.test.majority, done.test.parrot]
    said = np.hstack([np.stack(columns, axis=1), table.rows[judged]])
    names = [table.repo_names[repo] for repo in table.repo[judged]]
    ids, starts = table.build_ids[judged].tolist(), table.started_at[judged].tolist()
    builds = zip(names, ids, starts, strict=True)
    return {build: row.tobytes() for build, row in zip(builds, said, strict=True)}


def _otherwise(row: Row) -> Row:
    """The opposite outcome, other results, and an hour later."""
    opposite = {"passed": "failed", "failed": "passed"}
    end = np.datetime64(row["finished_at"].removesuffix("Z"), "s")
    return row | {
        "outcome": opposite.get(row["outcome"], row["outcome"]),
        "finished_at": f"{end + np.timedelta64(1, 'h')}Z",
        "duration_seconds": "",
        "result.tests_run": "7",
        "result.tests_failed": "3",
    }


def _ends(row: Row) -> float:
    return _seconds(row["finished_at"])


def _seconds(text: str) -> float:
    return float(np.datetime64(text.removesuffix("Z"), "s").astype(np.int64))
