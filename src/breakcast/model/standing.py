"""Model, parrot and majority side by side, on the same builds and resamples."""

from typing import Final

import msgspec

from breakcast.model.forecasts import Floats, Forecasts
from breakcast.model.intervals import Interval, Resamples
from breakcast.model.metrics import Scores, macro, score
from breakcast.model.weighted import METRICS

UNSURE: Final = frozenset({"ece"})
"""
Metrics that are given no interval: drawing builds twice makes any forecaster look
worse calibrated, so the calibration error's bootstrap lies above the error itself.
`breakdown.Calibration` sets it beside chance instead.
"""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """
    One forecaster's scores: over all builds, and as the mean over repositories.

    `macro_repos` says over how many repositories each mean was taken,
    `intervals` holds the 95 % intervals of the pooled scores; the calibration
    error has none, see `UNSURE`.
    """

    pooled: Scores
    macro: Scores
    macro_repos: dict[str, int]
    intervals: dict[str, Interval | None]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Model minus parrot in one pooled metric, paired on the same resamples."""

    value: float | None
    interval: Interval | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The three forecasters, and by metric what the model is ahead of the parrot."""

    model: Standing
    parrot: Standing
    majority: Standing
    difference: dict[str, Difference]


def compare(test: Forecasts, resamples: Resamples) -> Comparison:
    """
    Score the three forecasters, pooled and macro, with intervals.

    Args:
        test: The builds reported on.
        resamples: Drawn from `test`.
    """
    answers = {
        "model": test.probability,
        "parrot": test.parrot_probability,
        "majority": test.majority,
    }
    drawn = {
        name: resamples.scores(probability, test.failed)
        for name, probability in answers.items()
    }
    standing = {
        name: _standing(test, probability, drawn[name], resamples)
        for name, probability in answers.items()
    }
    return Comparison(
        **standing,
        difference={
            metric: Difference(
                value=_minus(standing, metric),
                interval=_interval(
                    metric, drawn["model"][metric] - drawn["parrot"][metric], resamples
                ),
            )
            for metric in METRICS
        },
    )


def _standing(
    test: Forecasts,
    probability: Floats,
    drawn: dict[str, Floats],
    resamples: Resamples,
) -> Standing:
    means, repos = macro(
        score(probability[rows], test.failed[rows]) for _, rows in test.rows_by_repo()
    )
    return Standing(
        pooled=score(probability, test.failed),
        macro=means,
        macro_repos=repos,
        intervals={name: _interval(name, drawn[name], resamples) for name in METRICS},
    )


def _interval(metric: str, drawn: Floats, resamples: Resamples) -> Interval | None:
    return None if metric in UNSURE else resamples.interval(drawn)


def _minus(standing: dict[str, Standing], metric: str) -> float | None:
    model: float | None = getattr(standing["model"].pooled, metric)
    parrot: float | None = getattr(standing["parrot"].pooled, metric)
    return None if model is None or parrot is None else model - parrot
