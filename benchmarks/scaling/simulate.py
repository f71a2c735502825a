"""A load, parameters, a capacity and a seed: what happens, second by second."""

import math
from random import Random
from typing import Final, NamedTuple

from benchmarks.scaling.hpa import SYNC_SECONDS, Autoscaler
from benchmarks.scaling.keda import Trigger
from benchmarks.scaling.parameters import Parameters
from benchmarks.scaling.scraping import Prometheus
from benchmarks.scaling.service import (
    SLOW_SECONDS,
    START_SECONDS,
    Service,
    Wait,
    slow_share,
)
from benchmarks.scaling.shapes import WARM_UP_SECONDS, Shape, unrest

PROCESSING_SECONDS: Final = (0.01, 0.1)
"""A look takes so long; the next one comes a whole period after its end."""


class Second(NamedTuple):
    """
    What happened within a second.

    Attributes:
        at: When it began; 0 is when the load changes.
        requests: How many came.
        wanted: How many replicas the Deployment asks for.
        ready: How many of them get requests.
        metric: What Prometheus said last; None for nothing.
        slow: Requests that wait longer than the objective allows, lost ones included.
        lost: Requests that would have to wait for too long.
        waits: How long requests wait.
    """

    at: int
    requests: float
    wanted: int
    ready: int
    metric: float | None
    slow: float
    lost: float
    waits: list[Wait]


def simulate(
    shape: Shape,
    parameters: Parameters,
    capacity: float,
    seed: int,
    start_seconds: float = START_SECONDS,
) -> list[Second]:
    """
    Take a service through a load.

    The seed says when the HPA looks, when each replica is scraped, and which requests
    come: everything else is given.

    Args:
        shape: The load.
        parameters: What HPA, KEDA and Prometheus are told.
        capacity: Requests a second that a replica answers.
        seed: Of all chance.
        start_seconds: How long a new replica takes.

    Returns:
        A record for each second, those of the warm-up included.
    """
    chance = Random(seed)  # noqa: S311 - a simulation's
    load = shape.load(chance, capacity)
    length = WARM_UP_SECONDS + shape.seconds
    noise = unrest(chance, shape.unrest, length)
    scaling = parameters.scaling
    asked = math.ceil(load(-WARM_UP_SECONDS) / scaling.target)
    wanted = min(max(asked, scaling.fewest), scaling.most)
    service = Service(capacity, wanted, -WARM_UP_SECONDS, start_seconds)
    autoscaler = Autoscaler(scaling, wanted, -WARM_UP_SECONDS)
    trigger = Trigger(scaling.target, parameters.fallback)
    prometheus = Prometheus(
        parameters.scrape_seconds,
        parameters.function,
        parameters.window_seconds,
        chance,
    )
    # The first window has to fill.
    look_at = -WARM_UP_SECONDS + parameters.window_seconds + 20
    look_at += chance.random() * SYNC_SECONDS
    metric = None
    seconds = []
    for at, unrest_now in zip(
        range(-WARM_UP_SECONDS, shape.seconds), noise, strict=True
    ):
        is_away = shape.away is not None and shape.away[0] <= at < shape.away[1]
        if look_at < at + 1:
            # KEDA asks for whole seconds: what this one brings is not in it yet.
            metric = None if is_away else prometheus.query(at)
            told = trigger.metric(metric, wanted)
            wanted = autoscaler.decide(look_at, told, wanted)
            service.scale(wanted, look_at)
            look_at += SYNC_SECONDS + chance.uniform(*PROCESSING_SECONDS)
        mean = load(at) * unrest_now
        requests = max(round(chance.gauss(mean, math.sqrt(mean))), 0)
        before = {pod: pod.answered for pod in service.pods}
        waits = service.answer(requests, at, 1.0)
        if not is_away:
            prometheus.scrape(service.pods, before, at)
        slow = sum(
            wait.requests * slow_share(wait, SLOW_SECONDS - 1 / capacity)
            for wait in waits
        )
        lost = sum(wait.requests for wait in waits if wait.is_lost)
        seconds.append(
            Second(
                at, requests, wanted, len(service.ready(at)), metric, slow, lost, waits
            )
        )
    return seconds
