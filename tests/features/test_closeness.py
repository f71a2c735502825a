"""The nearest builds in code state, against plain Python that forgets nothing else."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import exp, isnan, log, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakcast.features.closeness import (
    NEIGHBOUR_FEATURES,
    UNKNOWN_NEIGHBOURS,
    neighbour_features,
)
from breakcast.features.columns import catalog_of
from breakcast.features.neighbourhood import BLOCK, REMEMBERED, Neighbourhood
from breakcast.features.state import FeatureState
from tests.features.timeline import GREEN, RED, Timeline

NAMES = [feature.name.partition(".")[2] for feature in NEIGHBOUR_FEATURES]
DAY = 86_400.0
Known = tuple[list[float], float, float, float]
f32 = np.float32


@dataclass
class Oracle:
    """A neighbourhood that keeps every build, and reads them one by one."""

    known: list[Known] = field(default_factory=list)
    step: list[float] = field(default_factory=list)

    def learn(
        self, state: list[float], event: float, failed: float, now: float
    ) -> None:
        """Keep a build, its unknown signals where they last were."""
        last = self.known[-1][0] if self.known else None
        state = self.whole(state)
        self.step = self.step or [0.0] * len(state)
        if last is not None:
            share = max(0.01, 1 / (len(self.known) + 1))
            self.step = [
                step + (abs(value - before) - step) * share
                for step, value, before in zip(self.step, state, last, strict=True)
            ]
        self.known.append((state, event, failed, now))

    def whole(self, state: list[float]) -> list[float]:
        """Fill in what is not known."""
        last = self.known[-1][0] if self.known else [0.0] * len(state)
        return [
            before if isnan(value) else value
            for value, before in zip(state, last, strict=True)
        ]

    def features(
        self, state: list[float], event: float, now: float
    ) -> dict[str, float]:
        """Measure, sort and add up; distances in float32, as they are kept."""
        here = self.whole(state)
        plain, lately = [], []
        for place, (there, kind, failed, known_at) in enumerate(self.known):
            distance = f32(0)
            for a, b, step in zip(there, here, self.step, strict=True):
                pace = f32(1 / (step + 1e-9))
                distance += min(abs(f32(a) - f32(b)) * pace, f32(50))
            distance += f32(kind != event)
            aged = distance + f32(now - known_at) * f32(1 / (3 * DAY))
            plain.append((float(distance), -place, failed))
            lately.append((float(aged), -place, failed))
        plain.sort()
        lately.sort()
        gaps = [
            [
                min((d for d, _, failed in order if failed == colour), default=1e3)
                for colour in (1, 0)
            ]
            for order in (plain, lately)
        ]
        return {
            "red_ratio": _ratio(plain, 1),
            "weight": log(max(_weight(plain, 1), 1e-12)),
            "red_ratio_close": _ratio(plain, 10),
            "weight_close": log(max(_weight(plain, 10), 1e-12)),
            "red_ratio_10": sum(failed for _, _, failed in plain[:10]) / 10,
            "nearest_failed": plain[0][2],
            "nearest_distance": plain[0][0],
            "nearest_hours": (now - self.known[-plain[0][1]][3]) / 3600,
            "red_distance": gaps[0][0],
            "green_distance": gaps[0][1],
            "red_minus_green": gaps[0][0] - gaps[0][1],
            "recent_red_ratio": _ratio(lately, 1),
            "recent_red_ratio_10": sum(failed for _, _, failed in lately[:10]) / 10,
            "recent_nearest_failed": lately[0][2],
            "recent_red_minus_green": gaps[1][0] - gaps[1][1],
        }


Order = list[tuple[float, int, float]]


def _weight(order: Order, times: float) -> float:
    return sum(exp(-times * distance) for distance, _, _ in order)


def _ratio(order: Order, times: float) -> float:
    weight = _weight(order, times)
    red = sum(exp(-times * distance) * failed for distance, _, failed in order)
    return nan if weight < 1e-12 else red / weight


def agrees(
    nearby: Neighbourhood, oracle: Oracle, ask: tuple[list[float], float, float]
) -> None:
    """Hold both to the same answer."""
    state, event, now = ask
    found = dict(zip(NAMES, neighbour_features(nearby, state, event, now), strict=True))
    assert found == pytest.approx(
        oracle.features(state, event, now), rel=1e-5, abs=1e-5, nan_ok=True
    )


signals = st.lists(
    st.just(nan) | st.integers(-3, 3).map(float) | st.floats(-9, 9),
    min_size=2,
    max_size=2,
)
builds = st.tuples(signals, st.sampled_from([0.0, 7.0]), st.sampled_from([0.0, 1.0]))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(builds, st.integers(0, 9)), min_size=10, max_size=160),
    signals,
)
def test_the_nearest_builds_are_those_of_plain_python(
    story: list[tuple[tuple[list[float], float, float], int]], here: list[float]
) -> None:
    nearby, oracle, now = Neighbourhood.empty(2), Oracle(), 1.7e9
    for (state, event, failed), days in story:
        now += days * DAY
        nearby.learn(state, event, failed, now)
        oracle.learn(state, event, failed, now)

    agrees(nearby, oracle, (here, 0.0, now))
    agrees(nearby, oracle, (here, 7.0, now + DAY))


def wandering(count: int) -> list[tuple[list[float], float, float, float]]:
    """Make up so many builds whose code drifts."""
    rng = np.random.default_rng(1)
    states = np.cumsum(rng.normal(size=(count, 2)), axis=0)
    red = rng.random(count) < 0.3
    return [
        (states[i].tolist(), 0.0, float(red[i]), 1.7e9 + 600.0 * i)
        for i in range(count)
    ]


def test_a_quarter_is_forgotten_when_it_is_full() -> None:
    story = wandering(REMEMBERED + BLOCK)
    nearby, oracle = Neighbourhood.empty(2), Oracle()
    for one in story:
        nearby.learn(*one)
        oracle.learn(*one)
        # A step is averaged over the builds there are.
        oracle.known = oracle.known[-nearby.count :]
    assert nearby.count == REMEMBERED * 3 // 4 + BLOCK

    agrees(nearby, oracle, (story[200][0], 0.0, story[-1][3]))


def test_fewer_than_ten_builds_say_nothing() -> None:
    nearby = Neighbourhood.empty(2)
    for one in wandering(9):
        nearby.learn(*one)

    assert neighbour_features(nearby, [0.0, 0.0], 0.0, 1.8e9) == UNKNOWN_NEIGHBOURS


def test_of_equally_near_builds_the_newest_is_the_nearest() -> None:
    """However far they are: float32 once lost their ages beyond a distance of 1."""
    nearby = Neighbourhood.empty(1)
    for day in range(40):
        nearby.learn([float(day // 20)], 0.0, float(day == 19), 1.7e9 + day * DAY)

    found = neighbour_features(nearby, [-0.1], 7.0, 1.7e9 + 40 * DAY)

    assert found[NAMES.index("nearest_failed")] == 1
    assert found[NAMES.index("nearest_hours")] == 21 * 24
    assert found[NAMES.index("red_ratio_10")] == 0.1


def test_where_all_are_of_one_colour_the_other_is_far_away() -> None:
    nearby = Neighbourhood.empty(2)
    for state, event, _, now in wandering(30):
        nearby.learn(state, event, 1.0, now)

    found = neighbour_features(nearby, [0.0, 0.0], 0.0, 1.8e9)

    assert found[NAMES.index("green_distance")] == 1_000


def test_threads_do_not_write_on_each_others_desk() -> None:
    story = wandering(900)
    asks = [one[0] for one in story[::9]]
    places = []
    for part in (story[:450], story[450:]):
        nearby = Neighbourhood.empty(2)
        for one in part:
            nearby.learn(*one)
        places.append(nearby)

    def answers(nearby: Neighbourhood) -> list[tuple[float, ...]]:
        return [neighbour_features(nearby, ask, 0.0, 1.8e9) for ask in asks * 3]

    alone = [answers(nearby) for nearby in places]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(answers, places * 4))

    assert together == alone * 4


def test_code_states_seen_again_after_loading_are_as_near() -> None:
    catalog = catalog_of(("sloc",), code_state=("sloc",))
    story = Timeline()
    for n, (state, _, red, _) in enumerate(wandering(200)):
        sloc = {"sloc": 1e4 + state[0]}
        outcome = RED if red else GREEN
        story.build(str(n), n, n + 0.5, outcome, signals=sloc)
    state = story.state(catalog)

    loaded = FeatureState.load(state.save(), catalog)

    for nearby in loaded.memory.neighbourhoods.values():
        nearby.learn([9.0], 0.0, 1.0, 1.8e9)
    for nearby in state.memory.neighbourhoods.values():
        nearby.learn([9.0], 0.0, 1.0, 1.8e9)
    one, other = (
        next(iter(known.memory.neighbourhoods.values())) for known in (state, loaded)
    )
    assert neighbour_features(one, [9.1], 0.0, 1.9e9) == neighbour_features(
        other, [9.1], 0.0, 1.9e9
    )
