"""
How often drift is seen where there is none, and how soon where there is.

`python -m benchmarks.drift` draws everything from seeds, asks `DataDriftMonitor` and
the judge of outcomes as a user would, reads what peers made of the very same data
(`benchmarks.drift.peers`), and writes `benchmarks/results/drift.json` and `.md`.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.drift.realbuilds import judge_real_builds
from benchmarks.drift.scenarios import (
    SHIFTS,
    all_but_the_telling_moved,
    days,
    errors_in_bursts,
    labelled,
    rows,
)
from benchmarks.drift.speed import measure_speed
from benchmarks.drift.tables import markdown
from benchmarks.quality import about
from breakcast import DataDriftMonitor
from breakcast.model.errorblocks import BLOCK, block_losses, error_blocks
from breakcast.monitoring.concept import THRESHOLD, judge_concept, sums_of
from breakcast.monitoring.driftreport import DriftReport
from breakcast.monitoring.windowed import any_of

RESULTS = Path(__file__).parents[1] / "results"
BASELINE_ROWS = 10_000
BASELINE_DAYS = 56
MONTH = 30
LEVEL = 0.05
NULLS = {100: 1_000, 1_000: 1_000, 10_000: 400}
MONTHS = 100
RUNS = 60
STREAMS = 400
STREAM_LABELS = 5_000
REFERENCES = (30_000, 6_000)


def main() -> None:
    """Run it all; write the results and print the Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    share = 10 if parser.parse_args().quick else 1
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = {
            "about": about() | {"command": "python -m benchmarks.drift"},
            "independent": [
                {"rows": size, "nulls": nulls // share, "false_alarms": float(rate)}
                for size, nulls in NULLS.items()
                for rate in [
                    np.mean(list(pool.map(_independent, _seeds(nulls // share, size))))
                ]
            ],
            "months": [
                _months(pool, MONTHS // share, a_day, has_cycle=has_cycle)
                for a_day in (1_000, 300)
                for has_cycle in (False, True)
            ],
            "shifts": [
                _found(pool, RUNS // share, a_day, name)
                for a_day in (1_000, 300)
                for name in SHIFTS
            ],
            "labels": _labels(pool, RUNS // share),
            "streams": [
                _streams(STREAMS // share, rate, together, reference)
                for rate in (0.08, 0.12)
                for together in (0.0, 0.5)
                for reference in REFERENCES
            ],
            "real": judge_real_builds(pool, 20 // share),
            "speed": measure_speed(5),
        }
    peers = RESULTS / "drift-peers.json"
    found["peers"] = msgspec.json.decode(peers.read_bytes()) if peers.exists() else {}
    encoded = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "drift.json").write_bytes(encoded + b"\n")
    text = markdown(found)
    (RESULTS / "drift.md").write_text(text, encoding="utf-8")
    print(text)


def _seeds(count: int, base: int) -> list[tuple[int, int]]:
    # Those of development lay below 10,000.
    return [(50_000 + at, base) for at in range(count)]


def _independent(what: tuple[int, int]) -> bool:
    seed, size = what
    rng = np.random.default_rng([seed, size])
    return DataDriftMonitor(rows(rng, BASELINE_ROWS), LEVEL).detect_drift(
        rows(rng, size)
    )


def _reported(
    rng: np.random.Generator,
    a_day: int,
    count: int,
    *,
    shift: Any = None,  # noqa: ANN401 - a function of scenarios
    has_cycle: bool = False,
) -> DriftReport:
    """Report days that follow a baseline of eight weeks."""
    baseline = days(rng, 0, BASELINE_DAYS, a_day, has_cycle=has_cycle)
    current = days(rng, BASELINE_DAYS, count, a_day, shift=shift, has_cycle=has_cycle)
    monitor = DataDriftMonitor(
        baseline.values, LEVEL, baseline_timestamps=baseline.seconds
    )
    return monitor.report(current.values, current.seconds)


def _alarms(report: DriftReport) -> list[bool]:
    """Say after which days it would have alarmed."""
    return [
        any_of(any_of(one.p_value if one.p_value is not None else 1.0, MONTH), 2)
        < LEVEL
        or (one.slow or 0.0) >= 1.0
        for one in report.windows
    ]


def _month(what: tuple[int, int, bool]) -> tuple[int, bool]:
    seed, a_day, has_cycle = what
    rng = np.random.default_rng([seed, a_day, has_cycle])
    report = _reported(rng, a_day, MONTH, has_cycle=has_cycle)
    alarms = _alarms(report)
    begun = sum(
        now and not before
        for before, now in zip([False, *alarms], alarms, strict=False)
    )
    return begun, report.is_drift


def _months(
    pool: ProcessPoolExecutor, months: int, a_day: int, *, has_cycle: bool
) -> dict[str, Any]:
    seeds = [(seed, a_day, has_cycle) for seed, _ in _seeds(months, 0)]
    found = list(pool.map(_month, seeds))
    return {
        "rows_a_day": a_day,
        "cycle": "every day differs" if has_cycle else "weekends differ",
        "months": months,
        "false_alarms_a_month": float(np.mean([begun for begun, _ in found])),
        "months_with_drift": float(np.mean([is_drift for _, is_drift in found])),
    }


def _week(what: tuple[int, int, str]) -> list[bool]:
    seed, a_day, name = what
    rng = np.random.default_rng([seed, a_day, *name.encode()])
    return _alarms(_reported(rng, a_day, 7, shift=SHIFTS[name]))


def _found(
    pool: ProcessPoolExecutor, runs: int, a_day: int, name: str
) -> dict[str, Any]:
    found = list(pool.map(_week, [(seed, a_day, name) for seed, _ in _seeds(runs, 0)]))
    by_day = np.maximum.accumulate(np.array(found), axis=1).mean(axis=0)
    return {
        "rows_a_day": a_day,
        "shift": name,
        "runs": runs,
        "same_day": float(by_day[0]),
        "within_3_days": float(by_day[2]),
        "within_7_days": float(by_day[6]),
    }


def _labelled(what: tuple[int, str]) -> tuple[bool, bool, int]:
    """Say whether inputs and outcomes alarm, and after how many labels these do."""
    seed, name = what
    rng = np.random.default_rng([seed, *name.encode()])
    before = labelled(rng, 10_000)
    shift = all_but_the_telling_moved if name == "benign" else None
    after = labelled(rng, 3_000, shift=shift, turned=0.2 if name == "concept" else 0.0)
    reference = error_blocks(before.failed, before.probability)
    when = np.arange(len(after.failed)) * 60.0
    needed = 0
    for labels in range(BLOCK, len(when) + 1, BLOCK):
        report = judge_concept(
            reference, after.failed[:labels], after.probability[:labels], when[:labels]
        )
        if report.alarm:
            needed = labels
            break
    has_drifted = DataDriftMonitor(before.values).detect_drift(after.values[:1_000])
    return has_drifted, needed > 0, needed


def _labels(pool: ProcessPoolExecutor, runs: int) -> list[dict[str, Any]]:
    results = []
    for name in ("none", "benign", "concept"):
        found = list(pool.map(_labelled, [(seed, name) for seed, _ in _seeds(runs, 0)]))
        delays = [labels for _, is_alarm, labels in found if is_alarm]
        results.append(
            {
                "scenario": name,
                "runs": runs,
                "inputs_drift": float(np.mean([one for one, _, _ in found])),
                "outcomes_alarm": float(np.mean([one for _, one, _ in found])),
                "labels_median": float(np.median(delays)) if delays else None,
                "labels_most": max(delays, default=None),
            }
        )
    return results


def _streams(
    streams: int, rate: float, together: float, reference: int
) -> dict[str, Any]:
    """Follow streams of errors that stay as they are, and that become more."""
    rng = np.random.default_rng(
        [930_000, round(100 * rate), round(10 * together), reference]
    )

    def drawn(labels: int, at: float) -> list[tuple[Any, Any]]:
        errors = errors_in_bursts(rng, streams, labels, at, together)
        failed = rng.random(errors.shape) < 0.3
        sure = rng.uniform(0.5, 1.0, errors.shape)
        said = np.where(failed != errors, sure, 1.0 - sure)
        return list(zip(failed, said, strict=True))

    usual = [error_blocks(*one) for one in drawn(reference, rate)]

    def first_alarms(stream: tuple[Any, Any], at: int) -> list[int]:
        """Give the blocks after which it alarms, begun anew after each."""
        losses = block_losses(*stream)
        levels = {"errors": usual[at].errors, "brier": usual[at].brier}
        found, start = [], 0
        while True:
            high = np.zeros(len(losses["errors"]) - start, bool)
            for name, level in levels.items():
                path = sums_of(losses[name][start:], level, usual[at].blocks)
                high |= path >= THRESHOLD
            if not high.any():
                return found
            start += int(np.argmax(high)) + 1
            found.append(start)

    nulls = drawn(10_000, rate)
    alarms = [len(first_alarms(one, at)) for at, one in enumerate(nulls)]
    result: dict[str, Any] = {
        "error_rate": rate,
        "together": together,
        "reference": reference,
        "streams": streams,
        "false_alarms_in_10000": float(np.mean(alarms)),
    }
    for more in (0.02, 0.04, 0.08):
        changed = drawn(STREAM_LABELS, rate + more)
        first = [first_alarms(one, at)[:1] for at, one in enumerate(changed)]
        delays = [one[0] * BLOCK if one else np.inf for one in first]
        result[f"plus_{more:.2f}"] = {
            "labels_median": float(np.median(delays)),
            "missed": float(np.mean(np.isinf(delays))),
        }
    return result


if __name__ == "__main__":
    main()
