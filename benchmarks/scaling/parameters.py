"""
Sets of parameters to compare: what the ScaledObject and the scraping are told.

`SPECIFICATION` is what was asked for; `BETTER` is what this benchmark argues for. The
others differ from one of these in one thing, to show what that thing does.
"""

from typing import Final, Literal, NamedTuple

from benchmarks.scaling.hpa import Policy, Rules, Scaling
from benchmarks.scaling.keda import Fallback


class Parameters(NamedTuple):
    """
    All that is set.

    Attributes:
        name: What tables call it.
        scaling: What the HPA is told.
        fallback: What KEDA is told; None for no fallback.
        scrape_seconds: Of the PodMonitor.
        window_seconds: How far back the query looks.
        function: Of the query.
    """

    name: str
    scaling: Scaling
    fallback: Fallback | None
    scrape_seconds: float
    window_seconds: float
    function: Literal["rate", "irate"] = "rate"


_DOUBLE: Final = Policy("Percent", 100, 15.0)
_HALVE: Final = Policy("Percent", 50, 60.0)

SPECIFICATION: Final = Parameters(
    "specification",
    Scaling(100.0, 2, 10, Rules((_DOUBLE,), 0.0), Rules((_HALVE,), 300.0)),
    Fallback(3, 4),
    15.0,
    60.0,
)


def _like(
    base: Parameters,
    name: str,
    *,
    target: float | None = None,
    up: tuple[Policy, ...] | None = None,
    down_stabilisation_seconds: float | None = None,
) -> Parameters:
    scaling = base.scaling
    if target is not None:
        scaling = scaling._replace(target=target)
    if up is not None:
        scaling = scaling._replace(up=scaling.up._replace(policies=up))
    if down_stabilisation_seconds is not None:
        down = scaling.down._replace(stabilisation_seconds=down_stabilisation_seconds)
        scaling = scaling._replace(down=down)
    return base._replace(name=name, scaling=scaling)


_WITH_FOUR: Final = (_DOUBLE, Policy("Pods", 4, 15.0))

FASTER: Final = SPECIFICATION._replace(
    name="faster", scrape_seconds=5.0, window_seconds=30.0
)
NAIVE: Final = _like(SPECIFICATION, "naive", down_stabilisation_seconds=0.0)
BETTER: Final = _like(
    FASTER._replace(fallback=Fallback(3, 10, "currentReplicasIfHigher")),
    "better",
    target=70.0,
    up=_WITH_FOUR,
    down_stabilisation_seconds=600.0,
)
COMPARED: Final = (SPECIFICATION, FASTER, NAIVE, BETTER)

CHANGES: Final = (
    SPECIFICATION,
    _like(SPECIFICATION, "specification, 4 pods beside 100 %", up=_WITH_FOUR),
    _like(SPECIFICATION, "specification, target 70", target=70.0),
    SPECIFICATION._replace(name="specification, irate", function="irate"),
    FASTER,
    _like(BETTER, "better, target 100", target=100.0),
    _like(BETTER, "better, target 80", target=80.0),
    BETTER,
    _like(BETTER, "better, target 60", target=60.0),
    _like(BETTER, "better, target 50", target=50.0),
    _like(BETTER, "better, without pods", up=(_DOUBLE,)),
    _like(BETTER, "better, 8 pods", up=(_DOUBLE, Policy("Pods", 8, 15.0))),
    BETTER._replace(
        name="better, 15 s and 1 minute", scrape_seconds=15.0, window_seconds=60.0
    ),
    _like(BETTER, "better, held down 300 s", down_stabilisation_seconds=300.0),
    BETTER._replace(name="better, irate", function="irate"),
)
"""What each change does alone, and what is left without it."""

FALLBACKS: Final = (
    SPECIFICATION._replace(name="no fallback", fallback=None),
    SPECIFICATION._replace(name="specification: 4"),
    SPECIFICATION._replace(
        name="4, or as many as there are",
        fallback=Fallback(3, 4, "currentReplicasIfHigher"),
    ),
    SPECIFICATION._replace(name="10", fallback=Fallback(3, 10)),
    BETTER._replace(name="better: 10"),
)
"""What is done while Prometheus is away."""


def told(parameters: Parameters) -> dict[str, str]:
    """Say in words what is set, for a table."""
    scaling, fallback = parameters.scaling, parameters.fallback
    if fallback is None:
        kept = "none"
    else:
        kept = f"{fallback.replicas} after {fallback.failure_threshold} failures"
        if fallback.behaviour != "static":
            kept += ", or as many as there are"
    return {
        "name": parameters.name,
        "scrape": f"{parameters.scrape_seconds:.0f} s",
        "query": f"{parameters.function}, {parameters.window_seconds:.0f} s",
        "target": f"{scaling.target:.0f}",
        "up": _policies("+", scaling.up),
        "down": _policies("−", scaling.down),
        "held down": f"{scaling.down.stabilisation_seconds:.0f} s",
        "fallback": kept,
    }


def _policies(sign: str, rules: Rules) -> str:
    return " or ".join(
        f"{sign}{policy.value}{' %' if policy.kind == 'Percent' else ' pods'} "
        f"in {policy.period_seconds:.0f} s"
        for policy in rules.policies
    )
