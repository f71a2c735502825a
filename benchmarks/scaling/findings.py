"""What follows from the results, in sentences whose numbers are read from them."""

from collections.abc import Callable, Sequence
from typing import Any

Told = Callable[..., str]
"""Tells a number by part, parameters, capacity and measure."""


def findings(parts: dict[str, Any]) -> str:
    """Say what follows."""
    names = [one["capacity"] for one in _rows(parts, "step", "specification")]

    def told(
        part: str, parameters: str, capacity: str, measure: str = "slow_share"
    ) -> str:
        row = _row(parts, part, parameters, capacity)
        return _number(measure, row["measures"][measure]["median"])

    sentences = [
        *_of_the_step(parts, told, names),
        *_of_prometheus_away(told, names),
        *_of_better(parts, told, names),
    ]
    lines = [f"- {' '.join(one.split())}" for one in sentences]
    return "## What follows\n\n" + "\n".join(lines)


def _of_the_step(parts: dict[str, Any], told: Told, names: Sequence[str]) -> list[str]:
    halved, low, hundred, builds = names
    spec = "specification"
    row = _row(parts, "step", spec, builds)
    kept = f"{row['kept']['desired_seconds ≤ 95']} of {row['seeds']}"
    desired = row["measures"]["desired_seconds"]
    fails = f"""\
**It fails where a replica answers little more than the target.** The metric counts
answers, and an overloaded replica answers no more than it can. With {low} requests/s
two replicas show 220: 1.1 times their target, which the tolerance lets pass. Ten
minutes after the step {told("step", spec, low)} of all requests were slow, and ten
replicas were not there. With {halved} not one comes. Quicker scraping does not help."""
    rule = """\
**The rule.** Overloaded replicas become capacity / target times as many, at most, in
the time that new ones take to start and to fill the window; below 1.1 they stay as they
are. So the target has to be well below what a replica answers: half of it, or less."""
    asked = f"""\
**The 95 seconds that were asked for** are kept by {kept} seeds where no replica is
ever overloaded ({builds}): {desired["median"]:.0f} seconds in the median,
{desired["worst"]:.0f} at worst. Nearly all that are late stop at nine: 1,000 requests/s
are 1.11 times what nine are for, and series of new replicas are told too low until they
fill a window. Nothing is slow there. With {hundred} no seed keeps them:
{told("step", spec, hundred, "missed_seconds")} seconds with p99 above 500 ms."""
    spike = """\
**A spike of a minute** is over before a replica is there. Only replicas that are there
already help against it."""
    return [fails, rule, asked, spike]


def _of_prometheus_away(told: Told, names: Sequence[str]) -> list[str]:
    _, low, hundred, _ = names
    height, rise = "away_at_height", "away_and_rise"
    static = f"""\
**Prometheus away at the height.** Four static replicas take away what carries the
load: {told(height, "specification: 4", hundred)} slow with {hundred}.
`currentReplicasIfHigher` keeps it:
{told(height, "4, or as many as there are", hundred)}."""
    none = f"""\
**No fallback fails as well.** The autoscaler leaves replicas as they are, but remembers
nothing meanwhile. After 300 seconds nothing holds them, and the first sum that comes
back, in which most replicas are still missing, takes replicas away:
{told(height, "no fallback", low)} slow with {low}."""
    ten = f"""\
**Prometheus away while load rises.** Four are too few:
{told(rise, "specification: 4", hundred)} slow with {hundred}. Ten, the most there may
be, leave {told(rise, "10", hundred)}, and cost something only while nobody can see."""
    return [static, none, ten]


def _of_better(parts: dict[str, Any], told: Told, names: Sequence[str]) -> list[str]:
    _, low, hundred, builds = names

    def compared(part: str, capacity: str) -> str:
        ours, theirs = (
            told(part, name, capacity) for name in ("better", "specification")
        )
        return f"{ours} in place of {theirs} with {capacity}"

    def dearer(part: str) -> str:
        ours, theirs = (
            _row(parts, part, name, hundred)["measures"]["replica_minutes"]["median"]
            for name in ("better", "specification")
        )
        return f"{100 * (ours / theirs - 1):+.0f} %".replace("-", "−")

    why = f"""\
**What `better` gains.** Slow requests at the step: {compared("step", low)},
{compared("step", hundred)}; on Monday {compared("monday", low)}. It does not turn at
steady load, and outlives ten minutes without Prometheus."""
    cost = f"""\
**What it costs.** Replica-minutes with {hundred}: Monday {dearer("monday")}, steady
load {dearer("steady")}, decay {dearer("decay")}, a spike {dearer("spike")}, a quarter
of an hour around it included. Prometheus keeps three times as many samples."""
    builds_only = f"""\
**Where it is not worth that.** With {builds}, a build a request, nothing is slow
whatever is set. There the target may stay at 100; of `better` the pods, the longer hold
and the fallback cost least, and help where something else fails."""
    irate = """\
**Why not `irate`.** It is quicker still. But a replica that has ended counts in full
until the window has passed it: a rollout, which is not simulated, would count twice."""
    return [why, cost, builds_only, irate]


def _rows(parts: dict[str, Any], part: str, parameters: str) -> list[dict[str, Any]]:
    return [one for one in parts[part]["rows"] if one["parameters"] == parameters]


def _row(
    parts: dict[str, Any], part: str, parameters: str, capacity: str
) -> dict[str, Any]:
    rows = _rows(parts, part, parameters)
    return next(one for one in rows if one["capacity"] == capacity)


def _number(measure: str, value: float | None) -> str:
    if value is None:
        return "never"
    if measure.endswith("share"):
        return f"{100 * value:.1f} %"
    return f"{value:.0f}"
