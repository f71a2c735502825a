"""Cases for the judge of outcomes: asked again and again, turned, harder, bounded."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.drift.errorstreams import (
    SEED,
    Answers,
    Errors,
    alarms_of,
    delays,
    measured,
    passed,
    said_of,
)
from benchmarks.drift.scenarios import errors_in_bursts
from breakcast.model.errorblocks import (
    BLOCK,
    ErrorBlocks,
    Level,
    block_losses,
    error_blocks,
)
from breakcast.monitoring.concept import NEWEST, judge_concept

STREAMS = 200
BEFORE = 6_000
"""Labels that a model was judged by."""
AFTER = 5_000
ASKED_STREAMS = 100
ASKED_LABELS = 25_000
ASKED_EVERY = 250
BOUNDED = 1_000


def asked(rate: float) -> dict[str, Any]:
    """
    Ask the judge itself, of the newest labels, every 250: alarms that begin.

    Blocks begin elsewhere each time once there are more labels than are looked at.
    """
    rng = np.random.default_rng([SEED, 2, round(1_000 * rate)])
    streams = ASKED_STREAMS
    before = errors_in_bursts(rng, streams, BEFORE, rate, 0.5)
    usual = measured(said_of(before, rng))
    answers = said_of(errors_in_bursts(rng, streams, ASKED_LABELS, rate, 0.5), rng)
    known_at = np.arange(ASKED_LABELS) * 60.0
    begun = {"alarm": np.zeros(streams), "sums": np.zeros(streams)}
    for at, reference in enumerate(usual):
        last = dict.fromkeys(begun, False)
        for end in range(ASKED_EVERY, ASKED_LABELS + 1, ASKED_EVERY):
            newest = slice(max(end - NEWEST, 0), end)
            report = judge_concept(
                reference,
                answers.failed[at, newest],
                answers.probability[at, newest],
                known_at[newest],
            )
            sums = [one for one in (report.errors, report.brier) if one is not None]
            now = {
                "alarm": report.alarm,
                "sums": any(one.is_alarm for one in sums),
            }
            for name, is_on in now.items():
                begun[name][at] += is_on and not last[name]
            last = now
    in_10000 = 10_000 / ASKED_LABELS
    return {
        "error_rate": rate,
        "streams": streams,
        **{name: float(one.mean() * in_10000) for name, one in begun.items()},
        "standard_error": float(
            begun["alarm"].std(ddof=1) / np.sqrt(streams) * in_10000
        ),
    }


def turned(together: float) -> dict[str, Any]:
    """Turn a concept: right in 88.8 % before, in 73.1 % after."""
    rng = np.random.default_rng([SEED, 3, round(10 * together)])
    before = errors_in_bursts(rng, STREAMS, BEFORE, 0.112, together)
    usual = measured(said_of(before, rng))
    worse = said_of(errors_in_bursts(rng, STREAMS, 1_000, 0.269, together), rng)
    first = [
        (alarms_of(worse.failed[at], worse.probability[at], one) or [None])[0]
        for at, one in enumerate(usual)
    ]
    most = max((one for one in first if one is not None), default=None)
    return {
        "together": together,
        "streams": STREAMS,
        **delays(first),
        "labels_most": most,
    }


def mix(name: str) -> dict[str, Any]:
    """
    Follow losses, and losses less what the forecast itself expects of them.

    *Harder*: builds are less clear than before, and forecasts say so truly. *Turned*:
    in a tenth of the builds the opposite happens.
    """
    rng = np.random.default_rng([SEED, 4, *name.encode()])

    def drawn(labels: int, sharpness: float, turned: float) -> Answers:
        away = rng.normal(-2.2, 2.0, (STREAMS, labels)) * sharpness
        said = expit(away)
        failed = (rng.random(said.shape) < said) ^ (rng.random(said.shape) < turned)
        return Answers(failed, said)

    before = drawn(BEFORE, 1.0, 0.0)
    sharpness = 0.75 if name == "harder" else 1.0
    after = drawn(AFTER, sharpness, 0.1 if name == "turned" else 0.0)
    result: dict[str, Any] = {
        "change": name,
        "streams": STREAMS,
        "errors_before": float(((before.probability >= 0.5) != before.failed).mean()),
        "errors_after": float(((after.probability >= 0.5) != after.failed).mean()),
    }
    for how, of in (("losses", block_losses), ("surprises", _surprises)):
        first = []
        for at in range(STREAMS):
            losses = of(before.failed[at], before.probability[at])
            usual = ErrorBlocks(
                blocks=len(losses["errors"]),
                **{
                    key: Level(float(one.mean()), float(one.std(ddof=1)))
                    for key, one in losses.items()
                },
            )
            found = passed(of(after.failed[at], after.probability[at]), usual)
            first.append(found[0] if found else None)
        result[how] = delays(first)
    return result


def _surprises(
    failed: Errors, said: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Give blocks' losses less what they are to be if the forecasts are true."""
    losses = block_losses(failed, said)
    blocks = len(losses["errors"])

    def blocked(expected: NDArray[np.float64]) -> NDArray[np.float64]:
        return expected[: blocks * BLOCK].reshape(blocks, BLOCK).mean(axis=1)

    return {
        "errors": losses["errors"] - blocked(np.minimum(said, 1.0 - said)),
        "brier": losses["brier"] - blocked(said * (1.0 - said)),
    }


def bounds(rate: float, together: float, labels: int) -> dict[str, Any]:
    """Count the streams in which the truth lies beyond a bound; .05 is nominal."""
    rng = np.random.default_rng([SEED, 5, round(100 * rate), round(10 * together)])
    errors = errors_in_bursts(rng, BOUNDED, labels, rate, together)
    answers = said_of(errors, rng)
    known_at = np.arange(labels) * 60.0
    truth = 1.0 - rate
    beyond = {"lower": 0, "upper": 0, "wilson_lower": 0, "wilson_upper": 0}
    for failed, said in zip(*answers, strict=True):
        report = judge_concept(None, failed, said, known_at)
        low, high = _wilson(report.accuracy or 0.0, labels)
        beyond["lower"] += (report.lower95 or 0.0) > truth
        beyond["upper"] += (report.upper95 or 1.0) < truth
        beyond["wilson_lower"] += low > truth
        beyond["wilson_upper"] += high < truth
    return {
        "error_rate": rate,
        "together": together,
        "labels": labels,
        "streams": BOUNDED,
        **{name: count / BOUNDED for name, count in beyond.items()},
    }


def _wilson(share: float, rows: int) -> tuple[float, float]:
    z = 1.6449
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    away = z * np.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    away /= 1 + z**2 / rows
    return float(middle - away), float(middle + away)


def cost() -> float:
    """Give the CPU time of a report on 10,000 labels, in ms; the median of 50."""
    rng = np.random.default_rng([SEED, 6])
    before, after = (
        said_of(errors_in_bursts(rng, 1, NEWEST, 0.08, 0.5), rng) for _ in range(2)
    )
    usual = error_blocks(before.failed[0], before.probability[0])
    known_at = np.arange(NEWEST) * 60.0
    costs = []
    for _ in range(50):
        began = time.process_time()
        judge_concept(usual, after.failed[0], after.probability[0], known_at)
        costs.append(1_000 * (time.process_time() - began))
    return float(np.median(costs))
