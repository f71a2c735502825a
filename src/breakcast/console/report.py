"""
The verdict as one page: a file to open, mail or archive, with no server.

Everything is inside, Plotly's JavaScript included, and a Content Security
Policy forbids the page to load anything or to run any script but the two it
was made with: whatever a repository is called, it stays a name.
"""

from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from typing import Final

from breakcast.console.figures import draw_figures
from breakcast.console.pages import pages, template
from breakcast.model.evaluation import Evaluation
from breakcast.model.savings import PRICE_A_MINUTE

MOST_REPOS: Final = 200
"""Rows of the table of repositories; the record itself holds all."""

METRIC_NAMES: Final[dict[str, tuple[str, bool]]] = {
    "accuracy": ("Accuracy", True),
    "roc_auc": ("ROC-AUC", True),
    "pr_auc": ("PR-AUC", True),
    "f1": ("F1 of red", True),
    "mcc": ("MCC", True),
    "recall_at_20": ("Recall in the riskiest 20 %", True),
    "brier": ("Brier score", False),
    "ece": ("Calibration error (ECE)", False),
}
"""Each metric's name on the page, in order, and whether more is better."""

PROTOCOLS: Final = {
    "split": (
        "The last builds of each repository, by start time, are the test. The model "
        "learnt from the builds before them; validation was cut from the end of those."
    ),
    "walk-forward": (
        "The last builds of each repository, by start time, are the test. The model "
        "was retrained as calendar time went on, each time on what was known by then."
    ),
}
"""What each protocol does, in words."""


def render_report(
    evaluation: Evaluation,
    *,
    source: str | None = None,
    made_at: datetime | None = None,
) -> str:
    """
    One self-contained HTML page that works offline.

    Args:
        evaluation: The record; the page needs nothing else.
        source: What was read, such as the builds file's name.
        made_at: When the page was made, UTC.

    Returns:
        The page, about 5 MB, nearly all of it Plotly's JavaScript.
    """
    scripts = {"plotly": _plotly(), "ours": template("report.js")}
    return (
        pages()
        .get_template("report.html")
        .render(
            evaluation=evaluation,
            source=source,
            made_at=made_at,
            failures=sum(repo.failures for repo in evaluation.per_repo),
            shown_repos=evaluation.per_repo[:MOST_REPOS],
            metrics=METRIC_NAMES,
            protocol=PROTOCOLS.get(evaluation.protocol, ""),
            is_list_price=evaluation.savings.price_a_minute == PRICE_A_MINUTE,
            figures=draw_figures(evaluation),
            style=template("report.css"),
            scripts=scripts,
            script_hashes=[_csp_hash(script) for script in scripts.values()],
        )
    )


def _plotly() -> str:
    path = files("plotly").joinpath("package_data", "plotly.min.js")
    return path.read_text(encoding="utf-8")


def _csp_hash(script: str) -> str:
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"
