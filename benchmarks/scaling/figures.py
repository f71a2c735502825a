"""Runs drawn over time, as charts that Markdown viewers know."""

from typing import Any, Final

from benchmarks.scaling.capacities import Capacity
from benchmarks.scaling.outcome import WINDOW_SECONDS, p99s
from benchmarks.scaling.parameters import Parameters
from benchmarks.scaling.shapes import Shape
from benchmarks.scaling.simulate import simulate

BEFORE: Final = 60
"""Seconds of the warm-up that are drawn."""
_POINTS: Final = 90


def figure_of(
    shape: Shape, parameters: Parameters, capacity: Capacity
) -> dict[str, Any]:
    """Run a case with seed 0, and keep what is drawn: a value every ten seconds."""
    seconds = simulate(shape, parameters, capacity.requests, 0)
    drawn = [one for one in seconds if one.at >= -BEFORE]
    every = drawn[::WINDOW_SECONDS]
    return {
        "shape": shape.name,
        "parameters": parameters.name,
        "capacity": capacity.name,
        "load": [round(one.requests) for one in every],
        "metric": [None if one.metric is None else round(one.metric) for one in every],
        "wanted": [one.wanted for one in every],
        "ready": [one.ready for one in every],
        "p99_ms": [round(1_000 * (p99 + 1 / capacity.requests)) for p99 in p99s(drawn)],
    }


def drawn(figure: dict[str, Any]) -> str:
    """Draw replicas beside the load, and latency below."""
    head = f"{figure['shape']}, {figure['parameters']}, {figure['capacity']} requests/s"
    load = [value / 100 for value in figure["load"]]
    lines = [
        *_chart(
            f"{head}: desired, ready, load by 100",
            "replicas",
            12,
            [figure["wanted"], figure["ready"], load],
        ),
        "",
    ]
    if max(figure["p99_ms"]) < 500:
        return "\n".join([*lines, "p99 stays below the objective."])
    lines += _chart(f"{head}: p99 of latency", "ms", 5_100, [figure["p99_ms"]])
    return "\n".join(lines)


def _chart(title: str, unit: str, most: float, series: list[list[float]]) -> list[str]:
    length = len(series[0])
    step = -(-length // _POINTS)
    end = length * WINDOW_SECONDS - BEFORE
    return [
        "```mermaid",
        "xychart-beta",
        f'  title "{title}"',
        f'  x-axis "seconds" {-BEFORE} --> {end}',
        f'  y-axis "{unit}" 0 --> {most}',
        *(
            f"  line [{', '.join(f'{value:g}' for value in values[::step])}]"
            for values in series
        ),
        "```",
    ]
