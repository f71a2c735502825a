"""Pages out of templates: what they are escaped by, and how they print figures."""

from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined


def pages() -> Environment:
    """Give what renders our templates; whatever is put in stays text."""
    environment = Environment(
        loader=PackageLoader("breakcast.console"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        share=_share,
        score=_score,
        signed=_signed,
        count=_count,
        money=_money,
        unbroken=_unbroken,
    )
    return environment


def template(name: str) -> str:
    """Read one of our templates, or what goes into one, as it is."""
    path = files("breakcast.console").joinpath("templates", name)
    return path.read_text(encoding="utf-8")


_UNDEFINED: Final = "–"


def _share(value: float | None, digits: int = 1) -> str:
    return (
        _UNDEFINED if value is None else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"
    )


def _score(value: float | None) -> str:
    return _UNDEFINED if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return _UNDEFINED if value is None else f"{value:+.3f}".replace("-", "−")


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _money(value: float) -> str:
    return f"${value:,.2f}"


def _unbroken(text: str) -> str:
    return text.replace(" %", "\N{NO-BREAK SPACE}%")
