"""Counts of several processes, added up; and those of the dead, kept."""

import multiprocessing
import os
from pathlib import Path

from prometheus_client import CollectorRegistry

from breakcast.adapters.prometheus import PrometheusMetrics
from breakcast.serving.predictor import Models
from tests.serving.made_servers import made_bundle

PREDICTED = 'ml_predictions_total{model="m",status="success"}'
LATENCY = 'ml_prediction_latency_seconds_bucket{le="0.5",model="m"}'
IN_FLIGHT = "breakcast_requests_in_flight"
INFO = 'breakcast_model_info{model="m",role="champion",version="v0.0"}'


def metrics_in(folder: Path | None) -> PrometheusMetrics:
    return PrometheusMetrics("m", CollectorRegistry(), folder)


def samples(metrics: PrometheusMetrics) -> dict[str, float]:
    lines = metrics.exposition().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def _answer_and_die(folder: Path) -> None:
    metrics = metrics_in(folder)
    metrics.serving(Models(made_bundle()))
    for seconds in (0.05, 0.3):
        metrics.began()
        metrics.ended("v1_predict", 200, seconds)
    metrics.began()
    os._exit(9)


def test_what_a_process_counted_stays_after_it_has_died(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    for _ in range(2):
        child = context.Process(target=_answer_and_die, args=(tmp_path,))
        child.start()
        child.join()
    ours = metrics_in(tmp_path)
    ours.began()
    ours.ended("v1_predict", 200, 0.7)

    counted = samples(ours)

    assert counted[PREDICTED] == 5
    assert counted[LATENCY] == 4
    assert counted['ml_prediction_latency_seconds_bucket{le="+Inf",model="m"}'] == 5
    assert round(counted['ml_prediction_latency_seconds_sum{model="m"}'], 6) == 1.4


def test_what_a_dead_process_was_doing_is_not_done_any_more(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(
        target=_answer_and_die, args=(tmp_path,)
    )
    child.start()
    child.join()

    counted = samples(metrics_in(tmp_path))

    assert counted[IN_FLIGHT] == 0
    assert INFO not in counted


def test_a_process_that_gets_a_dead_ones_id_counts_on_from_there(
    tmp_path: Path,
) -> None:
    before = metrics_in(tmp_path)
    before.began()
    before.ended("v2_infer", 200, 0.1)
    before.began()

    counted = samples(metrics_in(tmp_path))

    assert counted[PREDICTED] == 1
    assert counted[IN_FLIGHT] == 0


def test_every_name_and_label_is_the_same_with_one_process_or_many(
    tmp_path: Path,
) -> None:
    assert set(samples(metrics_in(None))) == set(samples(metrics_in(tmp_path)))


def test_no_label_takes_values_from_outside() -> None:
    metrics = metrics_in(None)
    before = set(samples(metrics))
    for route in ("v1_predict", "other"):
        for status in (200, 307, 404, 499, 503):
            metrics.began()
            metrics.ended(route, status, 0.1)

    assert set(samples(metrics)) == before
