"""
The health report: all that monitoring sees, as one record.

Commands, pages, metrics and the retraining's trigger show this one, and nothing else.
"""

from datetime import datetime

import msgspec

from breakcast.monitoring.concept import ConceptReport
from breakcast.monitoring.driftreport import DriftReport
from breakcast.monitoring.quality import LiveQuality
from breakcast.monitoring.shadow import ShadowReport


class ModelInUse(msgspec.Struct, frozen=True, kw_only=True):
    """Which version answers, which one only tries, and when the first was trained."""

    version: str
    challenger: str | None = None
    trained_at: datetime


class LedgerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """When a fact was last received, and how far behind those who follow are."""

    newest_at: datetime | None = None
    lag_seconds: float = 0.0


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the last synthetic forecast."""

    asked_at: datetime
    is_answered: bool
    seconds: float | None = None
    trouble: str | None = None


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    """
    What monitoring sees.

    Attributes:
        at: Up to when.
        model: What answers; None if nothing is promoted.
        new_outcomes: Builds known to have ended since the model was trained.
        quality: How right answers were, window by window.
        concept: Whether the model is still what it was.
        inputs: Whether features have drifted.
        scores: Whether forecasts have.
        ledger: How facts come in.
        canary: The synthetic forecast; None if none is asked for.
        shadow: What live outcomes say of the challenger; None if there is none.
    """

    at: datetime
    model: ModelInUse | None
    new_outcomes: int
    quality: tuple[LiveQuality, ...]
    concept: ConceptReport
    inputs: DriftReport
    scores: DriftReport
    ledger: LedgerHealth
    canary: Canary | None = None
    shadow: ShadowReport | None = None
