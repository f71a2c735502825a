"""Every chart is one that Plotly accepts, thin enough, and names no repository."""

import json

import msgspec
import pytest
from plotly.graph_objects import Figure

from breakcast.console.figures import draw_figures
from breakcast.model.evaluation import evaluate
from tests.model.made_up import make_forecasts

NAMES = ("savings", "roc", "pr", "calibration", "selective")


def with_plain_colours(figure: object) -> str:
    """The page puts colours in place of CSS variables; so does this."""
    drawn = msgspec.json.encode(figure).decode()
    for name in ("model", "parrot", "muted", "good", "panel"):
        drawn = drawn.replace(f"var(--{name})", "#123456")
    return drawn


@pytest.mark.parametrize("name", NAMES)
def test_plotly_accepts_every_chart(name: str) -> None:
    figures = draw_figures(evaluate(make_forecasts(seed=2), make_forecasts(seed=1)))
    figure = json.loads(with_plain_colours(figures[name]))
    Figure(data=figure["data"], layout=figure["layout"])
    assert all(len(trace["x"]) <= 201 for trace in figure["data"])


def test_no_chart_holds_a_repositorys_name() -> None:
    names = tuple(f"evil-{number}/<b>x</b>" for number in range(5))
    evaluation = evaluate(
        make_forecasts(seed=2, repo_names=names), make_forecasts(seed=1)
    )
    assert "evil" not in msgspec.json.encode(draw_figures(evaluation)).decode()


def test_with_one_outcome_only_the_charts_that_need_both_are_left_out() -> None:
    made = make_forecasts(40)
    green = make_forecasts(40, failed=made.failed & False)
    assert draw_figures(evaluate(green, made)).keys() == {"calibration", "selective"}


def test_without_builds_there_are_no_charts() -> None:
    made = make_forecasts(10)
    nothing = made.take(made.failed & False)
    assert draw_figures(evaluate(nothing, nothing)) == {}


def test_the_chosen_points_lie_where_the_record_says() -> None:
    evaluation = evaluate(make_forecasts(seed=2), make_forecasts(seed=1))
    figures = json.loads(msgspec.json.encode(draw_figures(evaluation)))
    points = {
        (name, trace["name"]): (trace["x"][0], trace["y"][0])
        for name, figure in figures.items()
        for trace in figure["data"]
        if trace.get("mode") == "markers"
    }
    chosen, selective = evaluation.savings.point, evaluation.selective
    assert chosen is not None
    assert points["savings", "chosen on validation"] == (
        chosen.missed_share,
        chosen.skipped_share,
    )
    assert points["selective", "chosen on validation"] == (
        selective.coverage,
        selective.accuracy,
    )
    parrot = evaluation.curves.parrot
    assert parrot is not None
    assert points["roc", "parrot"] == (parrot.false_positive_rate, parrot.recall)
