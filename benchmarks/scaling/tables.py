"""The results as a page."""

from collections.abc import Iterable
from typing import Any, Final

from benchmarks.quality import header, row
from benchmarks.scaling.figures import drawn
from benchmarks.scaling.findings import findings
from benchmarks.scaling.targets import ASKED, seen

_TABLES: Final = (
    "step",
    "half",
    "monday",
    "spike",
    "decay",
    "waves",
    "steady",
    "away_and_rise",
    "away_at_height",
)
_INTRODUCTION: Final = """\
A simulation, not a cluster: the HorizontalPodAutoscaler's rules, KEDA's fallback,
Prometheus' `rate()` and replicas with queues, in steps of a second. Rules are as their
sources have them: kubernetes/kubernetes `pkg/controller/podautoscaler`, kedacore/keda
`pkg/fallback` (2.17 and later), prometheus/prometheus `promql/functions.go`. A replica
takes 20 seconds from the decision to its first request; the cluster has room for it. A
request is *slow* that takes more than 500 ms, *lost* one that would have to wait for
more than 5 seconds. Each case is run with many seeds: they say when the autoscaler
looks, when each replica is scraped, and which requests come. Cells hold the median, and
in parentheses the worst; a dash is *never*."""
_COLUMNS: Final = """\
*Desired*, *ready*: seconds until as many replicas are asked for, and get requests, as
the load needs by 100 requests/s each. *p99*: the greatest of any ten seconds. *Missed*:
seconds in which more than 1 % were slow. *Turns*: changes of direction."""
_LEFT_OUT: Final = """\
## What is left out

- Load is spread evenly, and chance within a second makes no queue: latencies of
  replicas that are used by more than .9 are told too low.
- Whoever gives up is gone: a real server may still work for them.
- A retry is no request of its own. With retries, an overload is worse.
- Nodes: a cluster that has to fetch one first takes minutes longer. The table of start
  times shows what that costs.
- All else that fails with Prometheus, or with the API server, KEDA or a node.
- Rollouts: a new version's replicas and those they replace are both in the sum for a
  window's time."""


def markdown(found: dict[str, Any]) -> str:
    """Lay the results out as a page."""
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    parts = [
        "# Scaling",
        f"Made by: {made}. It took {found['cpu_seconds']:.0f} seconds of CPU time.",
        _INTRODUCTION,
        _capacities(found["capacities"]),
        _parameters(found["parameters"]),
        _targets(found["parts"]),
        findings(found["parts"]),
        f"## The loads\n\n{_COLUMNS}",
        *(_part(found, key) for key in _TABLES),
        _changes(found["parts"]),
        _starts(found["parts"]["starts"]),
        _LEFT_OUT,
    ]
    return "\n\n".join(parts) + "\n"


def _capacities(capacities: Iterable[dict[str, Any]]) -> str:
    lines = ["## What a replica answers", "", header("requests/s", "where from")]
    lines += [row(one["name"], one["about"]) for one in capacities]
    return "\n".join(lines)


def _parameters(parameters: Iterable[dict[str, Any]]) -> str:
    names = ("scrape", "query", "target", "up", "down", "held down", "fallback")
    lines = ["## What is compared", "", header("parameters", *names)]
    lines += [row(one["name"], *(one[name] for name in names)) for one in parameters]
    lines += ["", "Replicas are 2 at least and 10 at most, the tolerance is .1."]
    return "\n".join(lines)


def _targets(parts: dict[str, Any]) -> str:
    lines = [
        "## What was asked for",
        "",
        (
            "A step from 100 to 1,000 requests/s; steady but noisy load for *turns*. "
            "*Met* is what every seed keeps."
        ),
        "",
        header("what", "parameters", "capacity", "asked", "seen", "kept", ""),
    ]
    for asked in ASKED:
        unit = " s" if asked.bound.measure.endswith("seconds") else ""
        for one in seen(asked, parts[asked.part]["rows"]):
            met = one["kept"] == one["seeds"]
            lines.append(
                row(
                    asked.what,
                    asked.parameters,
                    one["capacity"],
                    f"≤ {asked.bound.most:.0f}{unit}",
                    _pair(one),
                    f"{one['kept']} of {one['seeds']}",
                    "met" if met else "**not met**",
                )
            )
    return "\n".join(lines)


def _part(found: dict[str, Any], key: str) -> str:
    part = found["parts"][key]
    seeds = part["rows"][0]["seeds"]
    title = part["shape"][0].upper() + part["shape"][1:]
    lines = [
        f"### {title}",
        "",
        f"{part['about']} {seeds} seeds.",
        "",
        header(
            *("capacity", "parameters", "desired, s", "ready, s", "p99, ms"),
            *("missed, s", "slow, %", "lost, %", "replica-minutes", "turns"),
        ),
    ]
    lines += [
        row(one["capacity"], one["parameters"], *_cells(one)) for one in part["rows"]
    ]
    for figure in found["figures"]:
        if figure["shape"] == part["shape"]:
            lines += ["", drawn(figure)]
    return "\n".join(lines)


def _cells(one: dict[str, Any]) -> list[str]:
    measures = one["measures"]
    reached = (
        [_pair(measures["desired_seconds"]), _pair(measures["ready_seconds"])]
        if one["needed"]
        else ["", ""]
    )
    return [
        *reached,
        _pair(measures["p99_ms"], digits=1 if measures["p99_ms"]["worst"] < 1 else 0),
        _pair(measures["missed_seconds"]),
        _pair(measures["slow_share"], 100, 1),
        _pair(measures["lost_share"], 100, 1),
        _pair(measures["replica_minutes"]),
        _pair(measures["turns"]),
    ]


def _changes(parts: dict[str, Any]) -> str:
    lines = [
        "## One change at a time",
        "",
        (
            "Seconds until ten are ready, and slow requests, at the step, by capacity; "
            "replica-minutes of Monday, and turns at steady load, with "
            f"{parts['changes_cost']['rows'][0]['capacity']} requests/s."
        ),
        "",
    ]
    by: dict[str, list[dict[str, Any]]] = {}
    for one in parts["changes"]["rows"]:
        by.setdefault(one["parameters"], []).append(one)
    names = [one["capacity"] for one in next(iter(by.values()))]
    lines.append(
        header(
            "parameters",
            *(f"ready at {name}, s" for name in names),
            *(f"slow at {name}, %" for name in names),
            "replica-minutes",
            "turns",
        )
    )
    cost = {one["parameters"]: one for one in parts["changes_cost"]["rows"]}
    calm = {one["parameters"]: one for one in parts["changes_calm"]["rows"]}
    for name, rows in by.items():
        lines.append(
            row(
                name,
                *(_pair(one["measures"]["ready_seconds"]) for one in rows),
                *(_pair(one["measures"]["slow_share"], 100, 1) for one in rows),
                _pair(cost[name]["measures"]["replica_minutes"]),
                _pair(calm[name]["measures"]["turns"]),
            )
        )
    return "\n".join(lines)


def _starts(part: dict[str, Any]) -> str:
    lines = [
        "## How long a replica takes to start",
        "",
        f"At the step, with {part['rows'][0]['capacity']} requests/s.",
        "",
        header("parameters", "start, s", "ready, s", "missed, s", "slow, %", "lost, %"),
    ]
    lines += [
        row(
            one["parameters"],
            f"{one['start_seconds']:.0f}",
            _pair(one["measures"]["ready_seconds"]),
            _pair(one["measures"]["missed_seconds"]),
            _pair(one["measures"]["slow_share"], 100, 1),
            _pair(one["measures"]["lost_share"], 100, 1),
        )
        for one in part["rows"]
    ]
    return "\n".join(lines)


def _pair(measure: dict[str, float | None], scale: float = 1, digits: int = 0) -> str:
    """Print the median, and in parentheses the worst if it is another."""
    middle, worst = (
        "–" if value is None else f"{scale * value:,.{digits}f}"
        for value in (measure["median"], measure["worst"])
    )
    return middle if middle == worst else f"{middle} ({worst})"
