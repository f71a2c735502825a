"""
The watch: looks at everything there is to see of a model, and reports it.

It joins outcomes, counts windows, judges both, and keeps the report where commands,
pages and metrics find it. Several may look at once: they see the same.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from breakcast.history.answered import (
    Settled,
    judged_since,
    newest_judged,
    newest_receipt,
    outcomes_since,
    shadowed_since,
)
from breakcast.history.ledger import Ledger
from breakcast.history.watched import Reports
from breakcast.monitoring.comparison import compare_windows, merged_of
from breakcast.monitoring.concept import NEWEST, ConceptReport, judge_concept
from breakcast.monitoring.driftreport import DriftReport
from breakcast.monitoring.findings import findings_of
from breakcast.monitoring.health import (
    Canary,
    HealthReport,
    LedgerHealth,
    ModelInUse,
)
from breakcast.monitoring.livewindows import Followed, LiveWindows
from breakcast.monitoring.outcomes import join_outcomes
from breakcast.monitoring.quality import LONGEST, judge_quality
from breakcast.monitoring.shadow import ShadowReport, judge_shadow
from breakcast.serving.predictor import Models

KEPT: Final = timedelta(days=90)
"""How long reports are kept."""
CANARIES_KEPT: Final = timedelta(days=1)
"""How long it is kept what became of synthetic forecasts."""
HEALTH: Final = "health"
CANARY: Final = "canary"
SHADOW: Final = "shadow"
"""The kinds under which they are."""

_ENCODE = msgspec.json.Encoder().encode


class Watch:
    """
    Looks at a ledger's journal and outcomes.

    Args:
        ledger: Open for as long as this is used.
        threshold: The chance of a false alarm about drift, within 30 windows.
        objective: The accuracy promised.
    """

    def __init__(self, ledger: Ledger, *, threshold: float, objective: float) -> None:
        self._ledger = ledger
        self._threshold = threshold
        self._objective = objective
        self._windows: tuple[str, LiveWindows] | None = None

    def look(
        self,
        models: Models | None,
        at: datetime,
        *,
        published_at: datetime | None = None,
    ) -> HealthReport:
        """
        Look once, and report.

        Args:
            models: What answers; None if nothing is promoted.
            at: Now.
            published_at: Up to when facts are in the records that servers read; None
                if servers fold the ledger themselves.

        Raises:
            LedgerError: If the ledger fails.
        """
        ledger = self._ledger
        join_outcomes(ledger, at)
        inputs, scores = self._drift(models, at)
        lag = (at - published_at).total_seconds() if published_at is not None else 0.0
        return HealthReport(
            at=at,
            model=_in_use(models),
            new_outcomes=outcomes_since(ledger, models.champion.manifest.created_at)
            if models is not None
            else 0,
            quality=judge_quality(judged_since(ledger, at - LONGEST, at), at),
            concept=self._concept(models),
            inputs=inputs,
            scores=scores,
            ledger=LedgerHealth(
                newest_at=newest_receipt(ledger), lag_seconds=max(lag, 0.0)
            ),
            canary=_last_canary(ledger),
            shadow=_last_shadow(ledger, models),
        )

    def keep(self, report: HealthReport) -> None:
        """
        Keep a report for all who show it.

        Raises:
            LedgerError: If the ledger fails.
        """
        Reports(self._ledger, HEALTH).add(
            report.at, _ENCODE(report), forget=report.at - KEPT
        )

    def keep_canary(self, canary: Canary) -> None:
        """
        Keep what became of a synthetic forecast.

        Raises:
            LedgerError: If the ledger fails.
        """
        Reports(self._ledger, CANARY).add(
            canary.asked_at, _ENCODE(canary), forget=canary.asked_at - CANARIES_KEPT
        )

    def try_challenger(
        self, champion: str, challenger: str, since: datetime, at: datetime
    ) -> ShadowReport:
        """
        Judge a challenger by live outcomes, and keep what is found.

        Args:
            champion: Who answers.
            challenger: Who is scored beside it.
            since: From when on.
            at: Now.

        Raises:
            LedgerError: If the ledger fails.
        """
        join_outcomes(self._ledger, at)
        judged = shadowed_since(self._ledger, champion, challenger, since)
        report = judge_shadow(judged, champion, challenger, since)
        Reports(self._ledger, SHADOW).add(at, _ENCODE(report), forget=at - KEPT)
        return report

    def _drift(
        self, models: Models | None, at: datetime
    ) -> tuple[DriftReport, DriftReport]:
        if models is None:
            return _nothing(self._threshold), _nothing(self._threshold)
        sha256 = models.champion.manifest_sha256
        if self._windows is None or self._windows[0] != sha256:
            self._windows = (sha256, LiveWindows(models.champion))
        _, windows = self._windows
        windows.catch_up(self._ledger, at)
        inputs, scores = (
            self._compared(one, at) for one in (windows.inputs, windows.scores)
        )
        return inputs, scores

    def _compared(self, followed: Followed, at: datetime) -> DriftReport:
        windows = followed.windows(self._ledger, at)
        # Of the newest only: what was broken last week and is whole again is no fault.
        newest = merged_of(followed.grid, windows[-1:])
        findings = findings_of(followed.grid, newest)
        return compare_windows(
            followed.reference, windows, self._threshold, findings, is_about_now=True
        )

    def _concept(self, models: Models | None) -> ConceptReport:
        version = models.champion.version if models is not None else ""
        judged = newest_judged(self._ledger, version, NEWEST) if version else []
        return judge_concept(
            models.champion.reference.errors if models is not None else None,
            np.array([one.outcome == Settled.FAILED for one in judged], np.bool_),
            np.array([one.answer.probability for one in judged], np.float64),
            np.array(
                [one.known_at.timestamp() for one in judged if one.known_at],
                np.float64,
            ),
            objective=self._objective,
        )


def last_report(ledger: Ledger) -> HealthReport | None:
    """
    Read the newest report, with the newest canary; None if there is none to be read.

    Raises:
        LedgerError: If the ledger fails.
    """
    kept = Reports(ledger, HEALTH).last()
    if kept is None:
        return None
    try:
        report = msgspec.json.decode(kept.payload, type=HealthReport)
    except msgspec.MsgspecError:
        # An older or newer breakcast wrote it, and writes the next one soon.
        return None
    return msgspec.structs.replace(report, canary=_last_canary(ledger))


def _last_canary(ledger: Ledger) -> Canary | None:
    kept = Reports(ledger, CANARY).last()
    return msgspec.json.decode(kept.payload, type=Canary) if kept is not None else None


def _last_shadow(ledger: Ledger, models: Models | None) -> ShadowReport | None:
    """Read what was found last of the challenger there is."""
    kept = Reports(ledger, SHADOW).last()
    if models is None or models.challenger is None or kept is None:
        return None
    report = msgspec.json.decode(kept.payload, type=ShadowReport)
    answering = (models.champion.version, models.challenger.version)
    return report if (report.champion, report.challenger) == answering else None


def _in_use(models: Models | None) -> ModelInUse | None:
    if models is None:
        return None
    champion, challenger = models
    return ModelInUse(
        version=champion.version,
        challenger=challenger.version if challenger is not None else None,
        trained_at=champion.manifest.created_at,
    )


def _nothing(threshold: float) -> DriftReport:
    return DriftReport(
        verdict="insufficient",
        why="there is no model to compare with",
        threshold=threshold,
        calibration="none",
        baseline_rows=0,
        current_rows=0,
    )
