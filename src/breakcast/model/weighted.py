"""
Every metric over many weightings of the same builds at once.

A bootstrap asks for each metric hundreds of times, with the same forecasts and
other multiplicities. Sorting once and keeping one row of weights a resample
does in a second what scikit-learn's functions (about a millisecond a call,
most of it validation) do in minutes; weights of 1 give the plain metric, also
for a thousand small repositories. Tests hold each metric equal to
scikit-learn's with `sample_weight`.

An undefined metric is NaN, never a guess and never a warning: see `METRICS`.
"""

from typing import Final

import numpy as np

from breakcast.model.forecasts import DECISION_THRESHOLD, Bools, Floats, Ints

ECE_BINS: Final = 15
"""Equal-mass bins of the expected calibration error."""

RISKIEST_SHARE: Final = 0.2
"""Share of builds that `recall_at_20` looks at."""

METRICS: Final[dict[str, str]] = {
    "accuracy": "share of builds answered right; undefined without builds",
    "roc_auc": "chance that a red build is ranked above a green one, ties half; "
    "undefined unless both happened",
    "pr_auc": "average precision of red; undefined without a red build",
    "f1": "harmonic mean of precision and recall of red; undefined if red was "
    "neither forecast nor happened",
    "mcc": "Matthews correlation of answer and outcome; 0 if all answers are "
    "equal, undefined unless both outcomes happened",
    "brier": "mean squared gap between forecast and outcome; undefined without builds",
    "ece": "mean gap between forecast and failure rate over 15 equal-mass bins, "
    "equal forecasts sharing a bin; undefined without builds",
    "recall_at_20": "share of the red builds among the riskiest 20 %, ties taken "
    "in proportion; undefined without a red build",
}
"""What each metric means, and when it is undefined (NaN here, null in JSON)."""


def weighted_scores(
    probability: Floats, failed: Bools, weights: Floats
) -> dict[str, Floats]:
    """
    Each metric of `METRICS` under each row of weights.

    Args:
        probability: Forecast P(red), shape (n,), each in [0, 1].
        failed: What happened, shape (n,), same order.
        weights: How often each build counts, shape (b, n), none negative.

    Returns:
        By metric, one value a row of weights, shape (b,); NaN where undefined.

    Source:
        Ties of the ROC area count half (Mann and Whitney 1947); average
        precision is the step sum, as in scikit-learn.

    >>> scores = weighted_scores(
    ...     np.array([0.9, 0.2, 0.7]),
    ...     np.array([True, False, False]),
    ...     np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]),
    ... )
    >>> scores["accuracy"].round(3).tolist(), scores["roc_auc"].tolist()
    ([0.667, 1.0], [1.0, 1.0])
    """
    if not len(probability):
        return {name: np.full(len(weights), np.nan) for name in METRICS}
    return {
        **_threshold_scores(probability, failed, weights),
        **_rank_scores(probability, failed, weights),
    }


def ratio(above: Floats, below: Floats, otherwise: float = np.nan) -> Floats:
    """
    `above / below` element by element, and `otherwise` where `below` is not > 0.

    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0])).tolist()
    [0.5, nan]
    """
    out = np.full(np.broadcast_shapes(above.shape, below.shape), otherwise)
    np.divide(above, below, out=out, where=below > 0)
    return out


def mass_bins(mass_above: Floats, mass: Floats, total: Floats) -> Ints:
    """
    Which of the `ECE_BINS` equal-mass bins each run of equal forecasts is in.

    A run goes where its middle falls, so that the answer never depends on the
    order of equal forecasts; a large run makes its bin heavier than 1/15.

    Args:
        mass_above: Weight ranked up to and with the run, shape (…, g).
        mass: Weight of the run itself, shape (…, g).
        total: Weight of all runs, shape (…, 1).

    Returns:
        Bin indices from 0, shape (…, g).

    >>> mass_bins(np.array([3.0, 30.0]), np.array([3.0, 27.0]), np.array([30.0]))
    array([0, 8])
    """
    middle = ratio(mass_above - mass / 2, total, otherwise=0.0)
    return np.minimum((ECE_BINS * middle).astype(np.int64), ECE_BINS - 1)


def _threshold_scores(
    probability: Floats, failed: Bools, weights: Floats
) -> dict[str, Floats]:
    red = probability > DECISION_THRESHOLD
    columns = [
        red & failed,
        red & ~failed,
        ~red & failed,
        ~red & ~failed,
        (probability - failed) ** 2,
    ]
    sums = weights @ np.stack(columns, axis=1).astype(np.float64)
    tp, fp, fn, tn, squares = sums.T
    total = tp + fp + fn + tn
    has_both = (tp + fn > 0) & (tn + fp > 0)
    spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    mcc = ratio(tp * tn - fp * fn, spread, otherwise=0.0)
    return {
        "accuracy": ratio(tp + tn, total),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "mcc": np.where(has_both, mcc, np.nan),
        "brier": ratio(squares, total),
    }


def _rank_scores(
    probability: Floats, failed: Bools, weights: Floats
) -> dict[str, Floats]:
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    mass = np.add.reduceat(weights[:, order], starts, axis=1)
    red = np.add.reduceat(weights[:, order] * failed[order], starts, axis=1)
    green = mass - red
    red_above, mass_above = red.cumsum(axis=1), mass.cumsum(axis=1)
    all_red, total = red_above[:, -1:], mass_above[:, -1:]
    all_green = total - all_red

    green_below = all_green - (mass_above - red_above)
    pairs_won = np.einsum("bg,bg->b", red, green_below + green / 2)
    precision = ratio(red_above, mass_above, otherwise=0.0)
    room = np.clip(RISKIEST_SHARE * total - (mass_above - mass), 0, mass)
    caught = np.einsum("bg,bg->b", red, ratio(room, mass, otherwise=0.0))

    gap = red - mass * ranked[starts]
    bins = mass_bins(mass_above, mass, total)
    rows = len(weights)
    slot = (bins + ECE_BINS * np.arange(rows)[:, None]).ravel()
    gaps = np.bincount(slot, gap.ravel(), rows * ECE_BINS).reshape(rows, ECE_BINS)
    return {
        "roc_auc": ratio(pairs_won, (all_red * all_green)[:, 0]),
        "pr_auc": ratio(np.einsum("bg,bg->b", red, precision), all_red[:, 0]),
        "ece": ratio(np.abs(gaps).sum(axis=1), total[:, 0]),
        "recall_at_20": ratio(caught, all_red[:, 0]),
    }
