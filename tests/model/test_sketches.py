"""A sketch says where values lay, in counts that add up, and holds no row."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from breakcast.model.sketches import BINS, Grid, Sketch, Window, sketch_of

COLUMNS = arrays(
    np.float64,
    st.integers(0, 300),
    elements=st.floats(allow_nan=True, allow_infinity=True),
)


def grid_of(values: np.ndarray) -> Grid:
    return Grid({str(at): sketch_of(column) for at, column in enumerate(values.T)})


def counted(grid: Grid, values: np.ndarray, starts_at: int = 0) -> Window:
    return grid.window(grid.codes(list(values.T)), starts_at)


def same(one: Window, other: Window) -> bool:
    return (
        (one.starts_at, one.rows) == (other.starts_at, other.rows)
        and one.counts.tolist() == other.counts.tolist()
        and one.missing.tolist() == other.missing.tolist()
        and np.allclose(one.sums, other.sums, atol=1e-3)
        and np.allclose(one.products, other.products, atol=1e-3)
    )


@given(COLUMNS)
def test_every_value_is_counted_once(column: np.ndarray) -> None:
    sketch = sketch_of(column)

    assert sketch.missing == np.isnan(column).sum()
    assert sum(sketch.counts) + sketch.missing == sketch.rows == len(column)
    assert len(sketch.counts) == len(sketch.edges) + 1 <= BINS + 2
    assert list(sketch.edges) == sorted(set(sketch.edges))
    window = counted(Grid({"x": sketch}), column[:, None])
    assert window.counts.tolist() == list(sketch.counts)


@given(COLUMNS)
def test_a_sketch_survives_json_to_the_bit(column: np.ndarray) -> None:
    sketch = sketch_of(column)

    assert msgspec.json.decode(msgspec.json.encode(sketch), type=Sketch) == sketch


def test_bins_are_of_equal_count_where_values_differ() -> None:
    sketch = sketch_of(np.random.default_rng(0).normal(size=6_400))

    assert sketch.counts == (0, *[100] * 64, 0)


def test_flags_have_a_bin_each_between_what_was_never_seen() -> None:
    sketch = sketch_of(np.array([0, 1, 1, 0, 1, np.nan]))

    assert (sketch.edges[1:], sketch.counts) == ((0.0, 1.0), (0, 2, 3, 0))
    assert sketch.missing_share == 1 / 6


def test_a_column_never_known_is_all_missing() -> None:
    sketch = sketch_of(np.full(3, np.nan))

    assert (sketch.missing_share, sketch.edges, sketch.counts) == (1.0, (), (0,))


def test_windows_add_up_to_the_window_of_all_their_rows() -> None:
    values = np.random.default_rng(0).normal(size=(500, 3))
    values[::7, 1] = np.nan
    grid = grid_of(values)

    first, second = counted(grid, values[:200], 7), counted(grid, values[200:], 3)

    assert same(first + second, counted(grid, values, 3))


def test_rows_are_counted_window_by_window_whatever_their_order() -> None:
    values = np.random.default_rng(0).normal(size=(300, 2))
    grid = grid_of(values)
    starts = np.arange(300) % 3

    windows = grid.windows(grid.codes(list(values.T)), starts)

    assert [one.starts_at for one in windows] == [0, 1, 2]
    for window in windows:
        of_it = values[starts == window.starts_at]
        assert same(window, counted(grid, of_it, window.starts_at))


def test_a_window_is_packed_and_unpacked() -> None:
    values = np.random.default_rng(0).normal(size=(300, 4))
    values[::5, 2] = np.nan
    grid = grid_of(values)
    window = counted(grid, values, 86_400)

    assert same(grid.unpacked(grid.packed(window)), window)


def test_a_window_of_another_grid_is_refused() -> None:
    values = np.random.default_rng(0).normal(size=(300, 4))
    packed = grid_of(values).packed(counted(grid_of(values), values))

    with pytest.raises(ValueError, match="is not of this grid"):
        grid_of(values[:, :3]).unpacked(packed)


def test_damaged_counts_are_refused() -> None:
    values = np.random.default_rng(0).normal(size=(300, 4))
    packed = grid_of(values).packed(counted(grid_of(values), values))

    with pytest.raises(ValueError, match="damaged"):
        grid_of(values).unpacked(msgspec.structs.replace(packed, counts=b"no"))


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=20_000),
        np.exp(5 * np.random.default_rng(0).normal(size=20_000)),
        np.random.default_rng(0).integers(-20, 20, 20_000) / 7,
        np.r_[np.zeros(19_000), np.random.default_rng(0).normal(size=1_000)],
        np.full(20_000, 3.5),
        np.random.default_rng(0).normal(size=20_000).astype(np.float32),
        1e308 * np.random.default_rng(0).uniform(-1, 1, 20_000),
        5e-324 * np.random.default_rng(0).integers(0, 99, 20_000),
    ],
)
def test_many_values_lie_in_the_bins_that_each_alone_does(values: np.ndarray) -> None:
    grid = Grid({"x": sketch_of(values[::2])})
    edges = np.array(grid.sketches[0].edges)
    beside = [edges, np.nextafter(edges, np.inf), [np.inf, -np.inf, np.nan]]
    asked = np.concatenate([values, *beside]).astype(values.dtype)

    codes = grid.codes([asked])[:, 0]

    expected = np.searchsorted(edges, asked[:-1], side="left")
    assert codes[:-1].tolist() == expected.tolist()
    assert codes[-1] == 255


def test_a_heavy_tail_scores_no_more_than_any_other() -> None:
    rng = np.random.default_rng(0)
    light, heavy = rng.normal(size=1_000), np.exp(4 * rng.normal(size=1_000))

    scores = Grid({"light": sketch_of(light), "heavy": sketch_of(heavy)}).scores

    assert np.allclose(scores[:66], scores[66:])
    assert abs(scores).max() < 3
