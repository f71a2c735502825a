"""Blocks of forecasts say how wrong a model was, and by how much that wanders."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from breakcast.model.errorblocks import (
    BLOCK,
    LEAST_SPREAD,
    ErrorBlocks,
    block_losses,
    error_blocks,
)


def in_bursts(seed: int, labels: int, together: float) -> np.ndarray:
    """Draw outcomes of which a tenth are failures, one following another."""
    rng = np.random.default_rng(seed)
    failed = np.empty(labels, bool)
    last = False
    for at, drawn in enumerate(rng.random(labels)):
        last = drawn < 0.1 + together * (last - 0.1)
        failed[at] = last
    return failed


def test_the_means_are_those_of_all_that_fills_a_block() -> None:
    rng = np.random.default_rng(1)
    failed, said = rng.random(130) < 0.3, rng.random(130)

    found = error_blocks(failed, said)

    full = 2 * BLOCK
    assert found.blocks == 2
    assert found.errors.mean == pytest.approx(
        np.mean((said[:full] >= 0.5) != failed[:full])
    )
    assert found.brier.mean == pytest.approx(
        np.mean((said[:full] - failed[:full]) ** 2)
    )


def test_blocks_keep_the_order_in_which_outcomes_became_known() -> None:
    failed = np.repeat([True, False, True], BLOCK)

    losses = block_losses(failed, np.zeros(3 * BLOCK))

    assert losses["errors"].tolist() == [1.0, 0.0, 1.0]
    assert losses["brier"].tolist() == [1.0, 0.0, 1.0]


def test_errors_in_bursts_spread_blocks_wider_than_as_many_errors_apart() -> None:
    never = np.zeros(40_000)

    apart = error_blocks(in_bursts(1, 40_000, 0.0), never).errors
    bursts = error_blocks(in_bursts(2, 40_000, 0.5), never).errors

    binomial = np.sqrt(0.1 * 0.9 / BLOCK)
    assert apart.spread == pytest.approx(binomial, rel=0.1)
    # (1 + r) / (1 - r) times the variance, but for a block's ends.
    assert bursts.spread == pytest.approx(np.sqrt(3.0) * binomial, rel=0.1)
    assert bursts.mean == pytest.approx(apart.mean, abs=0.01)


@pytest.mark.parametrize(("builds", "blocks"), [(0, 0), (BLOCK - 1, 0), (BLOCK, 1)])
def test_too_few_builds_have_an_answer(builds: int, blocks: int) -> None:
    found = error_blocks(np.ones(builds, bool), np.zeros(builds))

    assert found.blocks == blocks
    assert found.errors.mean == float(blocks)
    assert found.errors.spread == found.brier.spread == LEAST_SPREAD


def test_who_was_never_wrong_still_has_a_spread() -> None:
    found = error_blocks(np.zeros(1_000, bool), np.zeros(1_000))

    assert found.errors.mean == 0.0
    assert found.errors.spread == LEAST_SPREAD


@given(
    arrays(np.float64, st.integers(0, 400), elements=st.floats(0, 1)),
    st.integers(0, 2**32 - 1),
)
def test_whatever_was_said_is_measured_within_bounds_and_kept(
    said: np.ndarray, seed: int
) -> None:
    failed = np.random.default_rng(seed).random(len(said)) < 0.5

    found = error_blocks(failed, said)

    assert found.blocks == len(said) // BLOCK
    for level in (found.errors, found.brier):
        assert 0.0 <= level.mean <= 1.0
        assert LEAST_SPREAD <= level.spread <= 1.0
    assert msgspec.json.decode(msgspec.json.encode(found), type=ErrorBlocks) == found
