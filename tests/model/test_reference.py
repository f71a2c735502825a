"""A sketch says where values lay, in counts that add up, and holds no row."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from breakcast.errors import BadInput
from breakcast.model.reference import BINS, Reference, reference_of, sketch_of
from tests.model.made_bundles import CATALOG, make_table

COLUMNS = arrays(
    np.float32,
    st.integers(0, 300),
    elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
)


@given(COLUMNS)
def test_every_value_is_counted_once(column: np.ndarray) -> None:
    sketch = sketch_of(column)

    assert sketch.missing == np.isnan(column).sum()
    assert sum(sketch.counts) + sketch.missing == sketch.builds == len(column)
    assert len(sketch.counts) == len(sketch.edges) + 1 <= BINS + 2
    assert sketch.count(column).tolist() == list(sketch.counts)
    assert list(sketch.edges) == sorted(set(sketch.edges))


@given(COLUMNS)
def test_a_sketch_survives_json_to_the_bit(column: np.ndarray) -> None:
    sketch = sketch_of(column)

    again = msgspec.json.decode(msgspec.json.encode(sketch), type=type(sketch))

    assert again == sketch
    assert again.count(column).tolist() == list(sketch.counts)


def test_bins_are_of_equal_count_where_values_differ() -> None:
    sketch = sketch_of(np.random.default_rng(0).normal(size=6_400).astype(np.float32))

    # The first edge is the smallest value itself, and has it alone.
    assert sketch.counts == (1, 99, *[100] * 63, 0)


def test_flags_have_a_bin_each() -> None:
    sketch = sketch_of(np.array([0, 1, 1, 0, 1, np.nan], np.float32))

    assert (sketch.edges, sketch.counts) == ((0.0, 1.0), (2, 3, 0))
    assert sketch.missing_share == 1 / 6


def test_a_column_never_known_is_all_missing() -> None:
    sketch = sketch_of(np.full(3, np.nan, np.float32))

    assert (sketch.missing_share, sketch.edges, sketch.counts) == (1.0, (), (0,))


def test_a_table_is_sketched_by_name_with_its_forecasts() -> None:
    table = make_table(builds=200)
    probability = np.linspace(0, 1, 200)
    probability[:20] = np.nan

    reference = reference_of(table, probability)

    assert list(reference.features) == list(CATALOG.names)
    assert (reference.builds, reference.score.missing) == (200, 20)
    column = table.column("branch.streak")
    assert reference.features["branch.streak"] == sketch_of(column)


def test_there_is_one_forecast_a_build() -> None:
    with pytest.raises(BadInput, match=r"7 builds, the forecasts have shape \(6,\)"):
        reference_of(make_table(builds=7), np.zeros(6))


def test_a_reference_of_a_full_catalog_stays_small() -> None:
    encoded = msgspec.json.encode(reference_of(make_table(5_000), np.zeros(5_000)))

    assert len(encoded) < 400_000
    assert msgspec.json.decode(encoded, type=Reference).builds == 5_000
