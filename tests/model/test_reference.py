"""What training looked like, as a bundle keeps it."""

import msgspec
import numpy as np
import pytest

from breakcast.errors import BadInput
from breakcast.model.reference import (
    DAY,
    MOST_WINDOWS,
    WEEK,
    Reference,
    baseline_of,
    reference_of,
)
from tests.model.made_bundles import CATALOG, make_table


def test_a_table_is_sketched_by_name_with_its_forecasts() -> None:
    table = make_table(builds=200)
    probability = np.linspace(0, 1, 200)
    probability[:20] = np.nan

    reference = reference_of(table, probability)

    assert list(reference.inputs.columns) == list(CATALOG.names)
    assert reference.builds == 200
    assert reference.scores.columns["probability"].missing == 0
    assert sum(window.rows for window in reference.scores.windows) == 180


def test_the_newest_days_are_kept_that_have_enough_rows() -> None:
    seconds = np.repeat(np.arange(100) * DAY, 150)
    seconds = seconds[(seconds != 99 * DAY) | (np.arange(len(seconds)) % 2 == 0)]

    baseline = baseline_of(("x",), np.zeros((len(seconds), 1)), seconds)

    assert baseline.window_seconds == DAY
    assert len(baseline.windows) == MOST_WINDOWS
    # The last day has 75 rows only.
    assert baseline.windows[-1].starts_at == 98 * DAY
    assert baseline.columns["x"].rows == MOST_WINDOWS * 150


def test_where_days_have_too_few_rows_weeks_are_kept() -> None:
    seconds = np.repeat(np.arange(7 * 70) * DAY, 20)

    baseline = baseline_of(("x",), np.zeros((len(seconds), 1)), seconds)

    assert baseline.window_seconds == WEEK
    assert all(window.rows >= 100 for window in baseline.windows)


def test_there_is_one_forecast_a_build() -> None:
    with pytest.raises(BadInput, match=r"7 builds, the forecasts have shape \(6,\)"):
        reference_of(make_table(builds=7), np.zeros(6))


def test_a_reference_of_a_full_catalog_stays_small() -> None:
    encoded = msgspec.json.encode(reference_of(make_table(20_000), np.zeros(20_000)))

    assert len(encoded) < 1_500_000
    assert msgspec.json.decode(encoded, type=Reference).builds == 20_000
