"""The health report as a page: how things stand, and what is to be done."""

from typing import Final

from breakcast.console.pages import pages, template
from breakcast.monitoring.health import HealthReport
from breakcast.monitoring.quality import ALL
from breakcast.retraining.trigger import Decision

MOST_COLUMNS: Final = 20
"""Rows of the tables of columns; the record itself holds all."""


def render_health(report: HealthReport | None, decision: Decision | None) -> str:
    """
    Write one page, without any script.

    Args:
        report: The last one; None if there is none yet.
        decision: What it comes to; None likewise.
    """
    quality = report.quality if report is not None else ()
    of_month = [
        one.worst for one in quality if (one.window, one.version) == ("28d", ALL)
    ]
    return (
        pages()
        .get_template("health.html")
        .render(
            report=report,
            decision=decision,
            worst=of_month[0] if of_month else (),
            most=MOST_COLUMNS,
            style=template("report.css"),
        )
    )
