"""The gate, asked about models that lie in memory."""

from datetime import UTC, datetime

import numpy as np

from benchmarks.renewal.models import Model
from breakcast.features.table import Table
from breakcast.model.backtest import forecasts_of
from breakcast.model.gateverdict import GateVerdict
from breakcast.retraining.gate import Contest, judge
from breakcast.retraining.tolerances import Tolerances
from breakcast.retraining.window import Window, judged_in


def verdict_on(
    table: Table,
    window: Window,
    candidate: Model,
    champion: Model,
    tolerances: Tolerances,
) -> GateVerdict:
    """Judge a candidate on a window, as `validate-and-deploy` does."""
    judged = judged_in(table, window)
    builds = len(table)
    contest = Contest(
        candidate=forecasts_of(
            table, judged, candidate.said[:builds], np.full(builds, 0.5)
        ),
        candidate_cut=candidate.parts.confidence_cut,
        champion=champion.said[:builds][judged],
        champion_cut=champion.parts.confidence_cut,
        milliseconds=0.0,
        megabytes=0.0,
    )
    return judge(
        contest,
        tolerances,
        candidate="candidate",
        champion="champion",
        at=datetime.fromtimestamp(window.ends_at, UTC),
    )
