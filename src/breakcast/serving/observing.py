"""What is counted while serving; `adapters.prometheus` keeps the counts."""

from typing import Protocol

from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Models

ROUTES = (
    "v1_predict",
    "v1_explain",
    "v2_infer",
    "webhooks",
    "health",
    "metadata",
    "metrics",
    "other",
)
"""Every value of the label `route`; the first three are forecasts."""

FORECASTS = frozenset(ROUTES[:3])
"""Routes whose requests count as predictions."""


DELIVERED_EVENTS = (
    "workflow_run",
    "workflow_job",
    "pull_request",
    "push",
    "merge_group",
    "other",
)
"""Every value of a delivery's label `event`; `other` is what could not be told."""

DELIVERED_RESULTS = (
    "accepted",
    "repeated",
    "ignored",
    "forged",
    "malformed",
    "too_large",
    "failed",
)
"""Every value of a delivery's label `result`; the first two are on disk."""


FOLLOWED = ("models", "history")
"""What a server follows: promotions, and what builds are known by."""


class ServingMetrics(Protocol):
    """Is told what happens; each call takes microseconds and never fails."""

    def began(self) -> None:
        """A request came in."""
        ...

    def ended(self, route: str, status: int, seconds: float) -> None:
        """Its answer is out, or its asker gone."""
        ...

    def asked(self, rows: int) -> None:
        """So many rows of one request were answered."""
        ...

    def predicted(self, prediction: Prediction) -> None:
        """A build was answered."""
        ...

    def serving(self, models: Models) -> None:
        """These models answer from now on."""
        ...

    def refused_swap(self) -> None:
        """A model was to answer, and was not fit to."""
        ...

    def look_failed(self, of: str) -> None:
        """What is followed, one of `FOLLOWED`, could not be read this time."""
        ...

    def journal_dropped(self, count: int) -> None:
        """So many answers were not kept."""
        ...

    def delivered(self, event: str, result: str) -> None:
        """A webhook's delivery came to this."""
        ...

    def exposition(self) -> bytes:
        """Write all counts in Prometheus' text format; takes milliseconds."""
        ...
