"""
What the forecasts would save, and what that would cost in missed failures.

The game: a build with P(red) below a threshold is not run. A red build not run
is a *missed failure*. The threshold is chosen on *validation* as the greatest
that stays within a budget of missed failures; the *test* reports what it does,
beside an *oracle* threshold that knew the test. The money is counted
modestly: a missed failure has to be run later after all, so only builds that
were green save minutes, and a build of unknown duration saves none.
"""

from typing import Final, Literal

import msgspec
import numpy as np

from breakcast.model.forecasts import Bools, Floats, Forecasts, Ints
from breakcast.model.intervals import Interval, Resamples
from breakcast.model.metrics import defined
from breakcast.model.selective import thin

PRICE_A_MINUTE: Final = 0.006
"""
US dollars; list price of GitHub's hosted standard 2-core Linux runner since
2026-01-01 ($0.008 before): docs.github.com/en/billing/reference/actions-runner-pricing
"""

MIN_FAILURES: Final = 30
"""A repository with fewer failures is not asked for its missed share."""

_SECONDS_A_DAY: Final = 86_400


class SavingsPoint(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one threshold does on test.

    `worst_repo_missed` is the greatest missed share among repositories with
    `MIN_FAILURES` failures or more; None if there is none.
    """

    threshold: float
    skipped: int
    skipped_share: float
    minutes: float
    minutes_share: float | None
    money: float
    missed: int
    missed_share: float | None
    worst_repo_missed: float | None


class SavingsCurve(msgspec.Struct, frozen=True, kw_only=True):
    """The points over thresholds, rising; lists of one length."""

    threshold: tuple[float, ...]
    skipped_share: tuple[float, ...]
    minutes: tuple[float, ...]
    money: tuple[float, ...]
    missed_share: tuple[float | None, ...]
    worst_repo_missed: tuple[float | None, ...]


class Savings(msgspec.Struct, frozen=True, kw_only=True):
    """
    Savings against missed failures on test.

    `point` is the threshold chosen on validation, `oracle` the one the test
    itself would have chosen. `total_minutes` are the known minutes of all
    test builds, `minutes_known` the share of builds that have a duration.
    `validation_missed_share` is what the choice was made on.
    """

    budget: float
    threshold_from: Literal["validation"] = "validation"
    price_a_minute: float
    days: float
    total_minutes: float
    minutes_known: float
    point: SavingsPoint | None
    missed_interval: Interval | None
    worst_repo: str | None
    validation_missed_share: float | None
    oracle: SavingsPoint | None
    share_of_oracle: float | None
    curve: SavingsCurve


def choose_threshold(probability: Floats, failed: Bools, budget: float) -> float | None:
    """
    The greatest threshold that misses at most the budget's share of failures.

    Args:
        probability: Forecasts, shape (n,).
        failed: What happened, shape (n,), same order.
        budget: Share of failures that may be missed, in [0, 1).

    Returns:
        Skip what lies *below* it; None without a failure to learn from.

    >>> probability = np.array([0.1, 0.2, 0.3, 0.4])
    >>> choose_threshold(probability, np.array([False, True, False, True]), 0.5)
    0.4
    >>> choose_threshold(probability, np.array([False, True, False, True]), 0.49)
    0.2
    """
    red = np.sort(probability[failed])
    if not len(red):
        return None
    # .29 × 100 is 28.999…: without the nudge a whole failure of budget is lost.
    allowed = int(budget * len(red) + 1e-9)
    return float(red[min(allowed, len(red) - 1)])


def judge_savings(
    test: Forecasts,
    validation: Forecasts,
    resamples: Resamples,
    *,
    budget: float,
    price_a_minute: float,
) -> Savings:
    """
    Choose the threshold on validation and report it on test.

    Args:
        test: The builds reported on.
        validation: The builds the threshold is chosen on.
        resamples: Drawn from `test`.
        budget: Share of failures that may be missed, in [0, 1).
        price_a_minute: Money a minute of a build costs.

    Returns:
        The report; without a failure in validation nothing is skipped.
    """
    chosen = choose_threshold(validation.probability, validation.failed, budget)
    hindsight = choose_threshold(test.probability, test.failed, budget)
    meter = _Meter(test, price_a_minute)
    point = None if chosen is None else meter.point(chosen)
    oracle = None if hindsight is None else meter.point(hindsight)
    is_missed = test.failed & is_skipped(test.probability, chosen)
    before = validation.failed & is_skipped(validation.probability, chosen)
    return Savings(
        budget=budget,
        price_a_minute=price_a_minute,
        days=float(np.ptp(test.started_at)) / _SECONDS_A_DAY if len(test) else 0.0,
        total_minutes=meter.total_minutes,
        minutes_known=meter.minutes_known,
        point=point,
        missed_interval=(
            None
            if chosen is None
            else resamples.interval(resamples.share(is_missed, test.failed))
        ),
        worst_repo=None if chosen is None else meter.worst_repo(chosen),
        validation_missed_share=(
            None if chosen is None else float(before.sum() / validation.failed.sum())
        ),
        oracle=oracle,
        share_of_oracle=_share_of(point, oracle),
        curve=meter.curve(),
    )


def is_skipped(probability: Floats, threshold: float | None) -> Bools:
    """
    Which builds are not run, shape (n,); none without a threshold.

    >>> is_skipped(np.array([0.1, 0.2]), 0.2).tolist()
    [True, False]
    """
    if threshold is None:
        return np.zeros(len(probability), dtype=np.bool_)
    return probability < threshold


class _Meter:
    """Counts on sorted forecasts, so that each threshold costs one look-up."""

    def __init__(self, test: Forecasts, price_a_minute: float) -> None:
        order = np.argsort(test.probability, kind="stable")
        spent = np.nan_to_num(test.minutes, nan=0.0)
        self._price = price_a_minute
        self._ranked = test.probability[order]
        self._saved = np.r_[0.0, np.cumsum((spent * ~test.failed)[order])]
        self._red = np.sort(test.probability[test.failed])
        self._red_by_repo = {
            name: np.sort(red)
            for name, rows in test.rows_by_repo()
            if len(red := test.probability[rows][test.failed[rows]]) >= MIN_FAILURES
        }
        self.total_minutes = float(spent.sum())
        self.minutes_known = float(np.mean(~np.isnan(test.minutes))) if len(test) else 0

    def point(self, threshold: float) -> SavingsPoint:
        at = np.array([threshold])
        skipped = int(self._skipped(at)[0])
        minutes = float(self._saved[skipped])
        missed = int(np.searchsorted(self._red, threshold))
        worst = self._missed_by_repo(at)
        return SavingsPoint(
            threshold=threshold,
            skipped=skipped,
            skipped_share=skipped / max(len(self._ranked), 1),
            minutes=minutes,
            minutes_share=minutes / self.total_minutes if self.total_minutes else None,
            money=minutes * self._price,
            missed=missed,
            missed_share=missed / len(self._red) if len(self._red) else None,
            worst_repo_missed=float(worst.max()) if worst.size else None,
        )

    def worst_repo(self, threshold: float) -> str | None:
        missed = self._missed_by_repo(np.array([threshold]))
        return list(self._red_by_repo)[int(missed.argmax())] if missed.size else None

    def curve(self) -> SavingsCurve:
        distinct = np.unique(self._ranked)
        thresholds = distinct[thin(len(distinct))]
        skipped = self._skipped(thresholds)
        minutes = self._saved[skipped]
        worst = self._missed_by_repo(thresholds)
        return SavingsCurve(
            threshold=tuple(thresholds.tolist()),
            skipped_share=tuple((skipped / max(len(self._ranked), 1)).tolist()),
            minutes=tuple(minutes.tolist()),
            money=tuple((minutes * self._price).tolist()),
            missed_share=tuple(map(defined, _missed(self._red, thresholds))),
            worst_repo_missed=(
                tuple(map(defined, worst.max(axis=0)))
                if worst.size
                else (None,) * len(thresholds)
            ),
        )

    def _skipped(self, thresholds: Floats) -> Ints:
        return np.searchsorted(self._ranked, thresholds).astype(np.int64)

    def _missed_by_repo(self, thresholds: Floats) -> Floats:
        shares = [_missed(red, thresholds) for red in self._red_by_repo.values()]
        return np.array(shares).reshape(len(shares), len(thresholds))


def _missed(red: Floats, thresholds: Floats) -> Floats:
    if not len(red):
        return np.full(len(thresholds), np.nan)
    return np.searchsorted(red, thresholds) / len(red)


def _share_of(point: SavingsPoint | None, oracle: SavingsPoint | None) -> float | None:
    if point is None or oracle is None or not oracle.skipped:
        return None
    return point.skipped / oracle.skipped
