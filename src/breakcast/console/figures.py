"""
An evaluation's charts, as the plain JSON that Plotly draws.

Only numbers and our own words go in: Plotly reads a little HTML in any text it
draws, so a repository's name, which is somebody else's, never does.
"""

from typing import Final, TypeAlias

from breakcast.console.marks import (
    GOOD,
    MODEL,
    MUTED,
    PARROT,
    line,
    marker,
    note,
    rule,
    share_axis,
)
from breakcast.model.curves import Point
from breakcast.model.evaluation import Evaluation
from breakcast.model.savings import SavingsPoint

Figure: TypeAlias = dict[str, object]
"""`data` and `layout` of one Plotly chart."""

_SHOWN_MISSED: Final = 0.4
"""Nobody skips builds at the price of more; the curve's start is what matters."""

_STEADY_COVERAGE: Final = 0.05
"""The accuracy of fewer answers jumps about, and would flatten the rest."""


def draw_figures(evaluation: Evaluation) -> dict[str, Figure]:
    """
    The charts of a report by name; those that nothing defines are left out.

    Args:
        evaluation: The record; nothing else is needed.

    Returns:
        Some of `savings`, `roc`, `pr`, `calibration`, `selective`.
    """
    drawn: dict[str, Figure] = {}
    curves = evaluation.curves
    if curves.false_positive_rate:
        drawn["savings"] = _savings(evaluation)
        drawn["roc"] = _roc(evaluation)
        drawn["pr"] = _precision_recall(evaluation)
    if curves.reliability:
        drawn["calibration"] = _calibration(evaluation)
    if evaluation.selective.curve.coverage:
        drawn["selective"] = _selective(evaluation)
    return drawn


def _savings(evaluation: Evaluation) -> Figure:
    savings = evaluation.savings
    curve = savings.curve
    details = list(zip(curve.threshold, curve.minutes, curve.money, strict=True))
    hover = (
        "skip below P(red) %{customdata[0]:.3f}<br>%{y:.1%} of builds skipped, "
        "%{x:.1%} of failures missed<br>%{customdata[1]:,.0f} minutes, "
        "$%{customdata[2]:,.2f} saved"
    )
    data: list[object] = [
        line(
            "all failures",
            curve.missed_share,
            curve.skipped_share,
            MODEL,
            customdata=details,
            hovertemplate=hover + "<extra></extra>",
        )
    ]
    if any(share is not None for share in curve.worst_repo_missed):
        data.append(
            line(
                "failures of the worst repository",
                curve.worst_repo_missed,
                curve.skipped_share,
                MUTED,
                dash="dash",
            )
        )
    reach = _SHOWN_MISSED
    for name, point, colour, symbol in (
        ("chosen on validation", savings.point, GOOD, "circle"),
        ("chosen in hindsight", savings.oracle, PARROT, "diamond-open"),
    ):
        if point is not None and point.missed_share is not None:
            data.append(_savings_point(name, point, colour, symbol))
            reach = max(reach, min(1.0, 1.2 * point.missed_share))
    tallest = max(
        skipped
        for skipped, missed in zip(curve.skipped_share, curve.missed_share, strict=True)
        if missed is not None and missed <= reach
    )
    return {
        "data": data,
        "layout": {
            "xaxis": share_axis("share of failures missed", [0, reach]),
            "yaxis": share_axis("share of builds skipped", [0, tallest * 1.08 or 1]),
            "shapes": [rule("x", savings.budget)],
            "annotations": [note("x", savings.budget, "budget")],
        },
    }


def _savings_point(
    name: str, point: SavingsPoint, colour: str, symbol: str
) -> dict[str, object]:
    return marker(name, point.missed_share, point.skipped_share, colour, symbol)


def _roc(evaluation: Evaluation) -> Figure:
    curves = evaluation.curves
    data = [
        line("model", curves.false_positive_rate, curves.true_positive_rate, MODEL),
        line("no skill", (0, 1), (0, 1), MUTED, dash="dot"),
    ]
    for name, point, colour, symbol in _hard_answers(evaluation):
        data.append(
            marker(name, point.false_positive_rate, point.recall, colour, symbol)
        )
    return {
        "data": data,
        "layout": {
            "xaxis": share_axis(
                "green builds called red (false alarms)", [-0.02, 1.02]
            ),
            "yaxis": share_axis("red builds called red (recall)", [-0.02, 1.02]),
        },
    }


def _precision_recall(evaluation: Evaluation) -> Figure:
    curves = evaluation.curves
    failures = sum(repo.failures for repo in evaluation.per_repo)
    rate = failures / evaluation.data.test_builds
    data = [
        line("model", curves.recall, curves.precision, MODEL),
        line("no skill", (0, 1), (rate, rate), MUTED, dash="dot"),
    ]
    for name, point, colour, symbol in _hard_answers(evaluation):
        if point.precision is not None:
            data.append(marker(name, point.recall, point.precision, colour, symbol))
    return {
        "data": data,
        "layout": {
            "xaxis": share_axis("red builds called red (recall)", [-0.02, 1.02]),
            "yaxis": share_axis("right when called red (precision)", [0, 1.02]),
        },
    }


def _calibration(evaluation: Evaluation) -> Figure:
    bins = evaluation.curves.reliability
    forecast = [one.mean_probability for one in bins]
    reach = min(1.0, max(forecast + [one.interval.upper for one in bins]) + 0.02)
    return {
        "data": [
            line("perfect", (0, 1), (0, 1), MUTED, dash="dot"),
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "model",
                "x": forecast,
                "y": [one.failure_rate for one in bins],
                "customdata": [one.builds for one in bins],
                "error_y": {
                    "array": [one.interval.upper - one.failure_rate for one in bins],
                    "arrayminus": [
                        one.failure_rate - one.interval.lower for one in bins
                    ],
                    "thickness": 1,
                    "width": 3,
                },
                "line": {"color": MODEL, "width": 1.5},
                "marker": {"size": 7},
                "hovertemplate": (
                    "forecast %{x:.1%}, happened %{y:.1%}<br>"
                    "%{customdata:,} builds<extra></extra>"
                ),
            },
            {
                "type": "bar",
                "name": "builds in the bin",
                "x": forecast,
                "y": [one.builds for one in bins],
                "width": 0.008 * reach,
                "yaxis": "y2",
                "marker": {"color": MODEL, "opacity": 0.5},
                "showlegend": False,
                "hovertemplate": "%{y:,} builds<extra></extra>",
            },
        ],
        "layout": {
            "xaxis": share_axis(
                "forecast P(red), mean of the bin", [0, reach], anchor="y2"
            ),
            "yaxis": share_axis("share that was red", [0, reach], domain=[0.3, 1]),
            "yaxis2": {"title": {"text": "builds"}, "domain": [0, 0.2], "nticks": 3},
        },
    }


def _selective(evaluation: Evaluation) -> Figure:
    selective = evaluation.selective
    curve = selective.curve
    data: list[object] = [
        line(
            "model",
            curve.coverage,
            curve.accuracy,
            MODEL,
            customdata=curve.confidence,
            hovertemplate=(
                "answer from confidence %{customdata:.3f}<br>%{x:.1%} of builds "
                "answered, %{y:.1%} of them right<extra></extra>"
            ),
        )
    ]
    if selective.accuracy is not None:
        data.append(
            marker(
                "chosen on validation",
                selective.coverage,
                selective.accuracy,
                GOOD,
                "circle",
            )
        )
    steady = [
        accuracy
        for coverage, accuracy in zip(curve.coverage, curve.accuracy, strict=True)
        if coverage >= _STEADY_COVERAGE
    ]
    lowest = min(*steady, selective.target)
    return {
        "data": data,
        "layout": {
            "xaxis": share_axis("share of builds answered", [0, 1.02]),
            "yaxis": share_axis("share of answers right", [lowest - 0.02, 1.005]),
            "shapes": [rule("y", selective.target)],
            "annotations": [note("y", selective.target, "target")],
        },
    }


def _hard_answers(evaluation: Evaluation) -> list[tuple[str, Point, str, str]]:
    curves = evaluation.curves
    points = [
        ("model, red above 50 %", curves.model, MODEL, "circle"),
        ("parrot", curves.parrot, PARROT, "diamond"),
    ]
    return [
        (name, point, colour, symbol)
        for name, point, colour, symbol in points
        if point is not None
    ]
