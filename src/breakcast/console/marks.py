"""
The marks our charts are made of, in Plotly's words.

Colours are names of CSS variables: the page looks them up, in light and in dark.
"""

from typing import Final

MODEL: Final = "var(--model)"
PARROT: Final = "var(--parrot)"
MUTED: Final = "var(--muted)"
GOOD: Final = "var(--good)"


def line(
    name: str,
    x: object,
    y: object,
    colour: str,
    *,
    dash: str = "solid",
    **more: object,
) -> dict[str, object]:
    """
    A line through points whose coordinates are shares.

    Args:
        name: As the legend says it.
        x: Shares, or None where undefined.
        y: Shares of the same number.
        colour: One of this file's.
        dash: Plotly's name of the dash.
        more: Anything else Plotly knows of a line; it replaces what is here.

    >>> line("model", [0, 1], [0, 1], MODEL)["line"]
    {'color': 'var(--model)', 'width': 2, 'dash': 'solid'}
    """
    hover = "%{x:.1%}, %{y:.1%}<extra>" + name + "</extra>"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": {"color": colour, "width": 2, "dash": dash},
        "hovertemplate": hover,
    } | more


def marker(
    name: str, x: float | None, y: float | None, colour: str, symbol: str
) -> dict[str, object]:
    """
    One point whose coordinates are shares.

    Args:
        name: As the legend says it.
        x: A share, or None where undefined.
        y: A share, or None where undefined.
        colour: One of this file's.
        symbol: Plotly's name of the symbol.

    >>> marker("parrot", 0.2, 0.5, PARROT, "diamond")["x"]
    [0.2]
    """
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x],
        "y": [y],
        "marker": {
            "color": colour,
            "size": 12,
            "symbol": symbol,
            "line": {"color": "var(--panel)", "width": 1.5},
        },
        "hovertemplate": "%{x:.1%}, %{y:.1%}<extra>" + name + "</extra>",
    }


def share_axis(title: str, shown: list[float], **more: object) -> dict[str, object]:
    """
    An axis of shares, in percent.

    Args:
        title: What the axis shows.
        shown: Its least and greatest share.
        more: Anything else Plotly knows of an axis.

    >>> share_axis("coverage", [0, 1])["tickformat"]
    '.0%'
    """
    return {"title": {"text": title}, "range": shown, "tickformat": ".0%"} | more


def rule(axis: str, at: float) -> dict[str, object]:
    """
    A dotted line across the whole chart, where the axis ("x" or "y") is at a value.

    >>> rule("x", 0.05)["x0"]
    0.05
    """
    other = "y" if axis == "x" else "x"
    return {
        "type": "line",
        f"{axis}0": at,
        f"{axis}1": at,
        f"{other}0": 0,
        f"{other}1": 1,
        f"{other}ref": "paper",
        "line": {"color": MUTED, "width": 1, "dash": "dot"},
    }


def note(axis: str, at: float, text: str) -> dict[str, object]:
    """
    A word beside the far end of the `rule` at the same place.

    >>> note("x", 0.05, "budget")["x"]
    0.05
    """
    other = "y" if axis == "x" else "x"
    return {
        "text": text,
        axis: at,
        other: 1,
        f"{other}ref": "paper",
        "xanchor": "left" if axis == "x" else "right",
        "yanchor": "top" if axis == "x" else "bottom",
        "showarrow": False,
        "font": {"color": MUTED},
    }
