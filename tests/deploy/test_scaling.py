"""The simulation of scaling follows Kubernetes, KEDA and Prometheus."""

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling.hpa import (
    Autoscaler,
    Policy,
    Rules,
    Scaling,
    limit_of,
    recommended,
)
from benchmarks.scaling.keda import Fallback, Trigger
from benchmarks.scaling.outcome import outcome, turns
from benchmarks.scaling.parameters import (
    BETTER,
    FALLBACKS,
    FASTER,
    NAIVE,
    SPECIFICATION,
)
from benchmarks.scaling.promrate import Sample, irate, rate
from benchmarks.scaling.service import PATIENCE_SECONDS, Pod, Service, slow_share
from benchmarks.scaling.shapes import AWAY_AT_HEIGHT, STEADY, STEP, WAVES
from benchmarks.scaling.simulate import simulate
from tests.engines import promtool

FREE = Rules((Policy("Percent", 1_000, 15.0),), 0.0)
AT_ONCE = Rules((Policy("Percent", 100, 15.0),), 0.0)


def scaling(
    *, target: float = 100.0, most: int = 1_000, up: Rules = FREE, down: Rules = AT_ONCE
) -> Scaling:
    return Scaling(target, 1, most, up, down)


def decided(
    told: Scaling, replicas: int, looks: list[tuple[float, float]]
) -> list[int]:
    """Let an autoscaler look at these times, at these metrics; what it decides."""
    autoscaler = Autoscaler(told, replicas, 0.0)
    found = []
    for at, metric in looks:
        replicas = autoscaler.decide(at, metric, replicas)
        found.append(replicas)
    return found


@pytest.mark.parametrize(
    ("metric", "replicas", "wanted"),
    [
        (400.0, 2, 4),  # twice the target: twice as many, as documented
        (100.0, 2, 1),  # half the target: half as many, as documented
        (401.0, 2, 5),  # rounded up
        (220.0, 2, 2),  # within a tenth, its end included
        (221.0, 2, 3),
        (180.0, 2, 2),
        (179.0, 2, 2),  # below the tolerance, and two are needed all the same
        (1_000.0, 9, 10),
        (990.0, 9, 9),  # ten are not worth a tenth
    ],
)
def test_a_metric_asks_for_replicas(metric: float, replicas: int, wanted: int) -> None:
    assert recommended(metric, replicas, scaling()) == wanted


def test_shares_are_rounded_up_upwards_and_cut_off_downwards() -> None:
    assert limit_of(Policy("Percent", 50, 60.0), 3, upwards=True) == 5
    assert limit_of(Policy("Percent", 50, 60.0), 3, upwards=False) == 1


def test_the_documented_example_of_two_policies() -> None:
    """80 shall become 10, by 10 % or by 4 pods a minute: 8, then 8, … and 4 from 40."""
    down = Rules((Policy("Pods", 4, 60.0), Policy("Percent", 10, 60.0)), 0.0)
    looks = [(60.5 * n, 1_000.0) for n in range(1, 25)]
    found = decided(scaling(down=down), 80, looks)
    assert found[:2] == [72, 64]
    below = [one for one in found if one <= 40]
    steps = {before - after for before, after in pairwise(below) if after > 10}
    assert steps == {4}
    assert found[-1] == 10


@pytest.mark.parametrize(
    ("select", "left"), [("Max", 60), ("Min", 95), ("Disabled", 100)]
)
def test_a_policy_is_selected(select: str, left: int) -> None:
    policies = (Policy("Pods", 5, 60.0), Policy("Percent", 40, 60.0))
    down = Rules(policies, 0.0, select)  # type: ignore[arg-type]
    assert decided(scaling(down=down), 100, [(15.0, 100.0)]) == [left]


def test_a_period_is_used_up_by_what_was_added_in_it() -> None:
    up = Rules((Policy("Percent", 100, 60.0),), 0.0)
    looks = [(at, 5_000.0) for at in (15.0, 30.0, 45.0, 76.0, 90.0)]
    assert decided(scaling(up=up), 2, looks) == [4, 4, 4, 8, 8]


def test_the_specification_doubles_at_each_look() -> None:
    looks = [(15.0 * n, 1_000.0) for n in range(1, 5)]
    assert decided(SPECIFICATION.scaling, 2, looks) == [4, 8, 10, 10]


def test_four_pods_beside_a_share_begin_quicker() -> None:
    looks = [(15.0 * n, 1_000.0) for n in range(1, 4)]
    assert decided(BETTER.scaling, 2, looks) == [6, 10, 10]


def test_replicas_are_held_while_a_recent_recommendation_asked_for_them() -> None:
    looks = [(15.0 * n, 800.0 if n == 1 else 200.0) for n in range(1, 24)]
    down = Rules((Policy("Percent", 100, 15.0),), 300.0)
    found = decided(scaling(down=down), 8, looks)
    # The last that asked for eight was at 15 seconds; at 315 it is too old.
    assert next(at for (at, _), n in zip(looks, found, strict=True) if n < 8) == 315.0
    assert found[-1] == 2


def test_scaling_up_waits_for_its_window() -> None:
    up = Rules((Policy("Percent", 1_000, 15.0),), 30.0)
    # Until then the least within the window is what there was.
    assert decided(scaling(up=up), 2, [(15.0, 800.0), (30.0, 800.0)]) == [2, 8]


def test_bounds_hold() -> None:
    looks = [(15.0, 9_000.0), (30.0, 9_000.0), (400.0, 1.0), (460.0, 1.0), (520.0, 1.0)]
    assert decided(SPECIFICATION.scaling, 8, looks) == [10, 10, 5, 2, 2]


def test_without_a_metric_nothing_changes_and_nothing_is_remembered() -> None:
    autoscaler = Autoscaler(SPECIFICATION.scaling, 9, 0.0)
    for n in range(1, 21):
        assert autoscaler.decide(15.0 * n, None, 9) == 9
    # The last recommendation is too old to hold them: half may go at once.
    assert autoscaler.decide(315.0, 100.0, 9) == 4


@given(st.lists(st.floats(0.0, 5_000.0), min_size=1, max_size=40))
def test_whatever_the_metric_policies_and_bounds_are_kept(metrics: list[float]) -> None:
    looks = [(15.5 * n, metric) for n, metric in enumerate(metrics, 1)]
    found = decided(SPECIFICATION.scaling, 4, looks)
    for before, after in pairwise([4, *found]):
        assert 2 <= after <= 10
        assert before // 2 <= after <= 2 * before


def test_keda_falls_back_after_more_failures_than_it_bears() -> None:
    trigger = Trigger(100.0, Fallback(3, 4))
    told = [trigger.metric(None, 9) for _ in range(4)]
    assert told == [None, None, None, 400.0]
    assert trigger.metric(730.0, 9) == 730.0
    assert trigger.metric(None, 9) is None


@pytest.mark.parametrize(("replicas", "told"), [(9, 900.0), (2, 400.0)])
def test_keda_keeps_more_replicas_than_the_fallback_has(
    replicas: int, told: float
) -> None:
    trigger = Trigger(100.0, Fallback(0, 4, "currentReplicasIfHigher"))
    assert trigger.metric(None, replicas) == told


def test_without_fallback_keda_reports_errors() -> None:
    trigger = Trigger(100.0, None)
    assert [trigger.metric(None, 2) for _ in range(9)] == [None] * 9


def samples(values: list[float | None], every: float = 15.0) -> list[Sample]:
    return [
        Sample(every * n, value) for n, value in enumerate(values) if value is not None
    ]


def test_a_rate_needs_two_samples() -> None:
    assert rate(samples([0.0, 10.0]), 40.0, 30.0) is None
    assert irate(samples([0.0, 10.0]), 40.0, 30.0) is None


def test_a_window_leaves_its_left_end_out() -> None:
    grown = samples([0.0, 150.0, 150.0])
    # The sample at 0 is not in (0, 30]; that at 15 is.
    assert rate(grown, 30.0, 30.0) == 0.0


def test_a_series_that_begins_is_told_too_low() -> None:
    """10/s since 40; samples at 45 and 60; by hand: (150 + 50) / 60, to zero only."""
    begun = [Sample(45.0, 50.0), Sample(60.0, 200.0)]
    assert rate(begun, 60.0, 60.0) == pytest.approx(200.0 / 60.0)
    # Its first sample is late: half an interval is all that is added.
    late = [Sample(45.0, 500.0), Sample(60.0, 650.0)]
    assert rate(late, 60.0, 60.0) == pytest.approx((150.0 + 75.0) / 60.0)


def test_irate_takes_the_last_two_samples() -> None:
    assert irate(samples([0.0, 0.0, 300.0]), 35.0, 60.0) == 20.0
    assert irate(samples([0.0, 900.0, 30.0]), 35.0, 60.0) == 2.0


SERIES: list[list[float | None]] = [
    [100.0 * n for n in range(20)],
    [None] * 6 + [7.0, 1_507.0, 3_007.0] + [None] * 11,
    [0.0, 0.0, 0.0, 0.0, 0.0, 10.0, 20.0, 5.0, 15.0, 25.0] + [None] * 10,
    [float(n * n) for n in range(8)] + [None] * 12,
    [None] * 5 + [0.0, 1_500.0, 3_000.0] + [None] * 12,
]


def test_prometheus_finds_the_same_rates(tmp_path: Path) -> None:
    """Asked of Prometheus' own tool, at moments where no sample is a window's end."""
    tests = []
    for number, values in enumerate(SERIES):
        for at in (100, 111, 125, 137, 143):
            for name, function in (("rate", rate), ("irate", irate)):
                found = function(samples(values), float(at), 60.0)
                told = [] if found is None else [{"labels": "{}", "value": found}]
                tests.append(
                    {
                        "interval": "15s",
                        "input_series": [
                            {
                                "series": f"c_total{{pod='{number}'}}",
                                "values": " ".join(
                                    "_" if one is None else f"{one:g}" for one in values
                                ),
                            }
                        ],
                        "promql_expr_test": [
                            {
                                "expr": f"sum({name}(c_total[1m]))",
                                "eval_time": f"{at}s",
                                "exp_samples": told,
                            }
                        ],
                    }
                )
    file = tmp_path / "test.yaml"
    # Samples are there up to its last look only: it has to look every second.
    told_all = {"rule_files": [], "evaluation_interval": "1s", "tests": tests}
    file.write_text(yaml.safe_dump(told_all))
    ran = subprocess.run(  # noqa: S603 - found by its own name
        [promtool(), "test", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_an_overloaded_replica_answers_what_it_can() -> None:
    pod = Pod(0.0, 0.0)
    waits = pod.answer(150.0, 100.0, 1.0)
    assert pod.answered == 100.0
    assert pod.queued == 50.0
    assert [(wait.first, wait.last) for wait in waits] == [(0.0, 0.5)]
    pod.answer(0.0, 100.0, 1.0)
    assert (pod.answered, pod.queued) == (150.0, 0.0)


def test_who_would_wait_for_too_long_is_lost() -> None:
    pod = Pod(0.0, 0.0)
    waits = pod.answer(1_000.0, 100.0, 1.0)
    assert pod.queued == 100.0 * PATIENCE_SECONDS
    assert [wait.requests for wait in waits if wait.is_lost] == [400.0]
    assert [slow_share(wait, 0.5) for wait in waits] == [0.9, 1.0]


def test_new_replicas_get_requests_once_they_are_ready() -> None:
    service = Service(100.0, 2, 0.0, start_seconds=20.0)
    service.scale(4, 10.0)
    assert len(service.ready(29.0)) == 2
    assert len(service.ready(30.0)) == 4
    service.scale(3, 31.0)
    assert [pod.ready_at for pod in service.pods] == [0.0, 0.0, 30.0]


def test_every_request_is_answered_waits_or_is_lost() -> None:
    service = Service(110.0, 2, 0.0)
    came = lost = 0.0
    for at, requests in enumerate([100.0, 900.0, 2_000.0, 50.0, 0.0, 700.0]):
        waits = service.answer(requests, at, 1.0)
        came += requests
        assert sum(wait.requests for wait in waits) == pytest.approx(requests)
        lost += sum(wait.requests for wait in waits if wait.is_lost)
    left = sum(pod.answered + pod.queued for pod in service.pods)
    assert left + lost == pytest.approx(came)


def test_a_run_can_be_had_again() -> None:
    first, second = (simulate(STEP, FASTER, 192.0, 3) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("seed", range(3))
def test_after_a_step_ten_replicas_are_desired_within_the_minute(seed: int) -> None:
    found = outcome(simulate(STEP, FASTER, 4_000.0, seed), 4_000.0, 10)
    assert found.desired_seconds is not None
    assert found.desired_seconds <= 60.0
    assert found.slow_share == 0.0
    assert found.turns == 0


def test_a_replica_that_answers_little_more_than_the_target_is_never_helped() -> None:
    found = outcome(simulate(STEP, SPECIFICATION, 96.0, 0), 96.0, 10)
    assert found.desired_seconds is None
    assert found.slow_share > 0.9


def test_without_a_hold_replicas_follow_waves() -> None:
    def turned(parameters: object) -> int:
        seconds = simulate(WAVES, parameters, 192.0, 0)  # type: ignore[arg-type]
        return turns(one.wanted for one in seconds)

    assert turned(NAIVE) > 5
    assert turned(SPECIFICATION) == 0


def test_steady_load_does_not_turn_the_specification() -> None:
    seconds = simulate(STEADY, SPECIFICATION, 192.0, 0)
    assert turns(one.wanted for one in seconds) == 0


def test_a_static_fallback_takes_away_what_carries_the_load() -> None:
    _, static, keeping, *_ = FALLBACKS
    without, with_ = (
        min(one.wanted for one in simulate(AWAY_AT_HEIGHT, parameters, 192.0, 0))
        for parameters in (static, keeping)
    )
    assert without == 4
    assert with_ == 9
