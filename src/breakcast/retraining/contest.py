"""What candidate and champion say of a window's builds: each as it would be served."""

import time
from typing import Final

import numpy as np

from breakcast.features.table import Rows, Table
from breakcast.model.backtest import forecasts_of
from breakcast.model.bundle import Bundle
from breakcast.model.forecasts import Bools, Floats
from breakcast.model.manifest import TREES
from breakcast.retraining.gate import Contest

_TIMED: Final = 200
_MEGABYTE: Final = 1e6


def contest_of(
    table: Table,
    judged: Bools,
    candidate: Bundle,
    champion: tuple[Bundle, Table] | None,
) -> Contest:
    """
    Have both forecast the builds that are judged.

    Args:
        table: The history in the candidate's columns.
        judged: Which of its builds are judged, labelled all of them, shape (n,).
        candidate: The candidate.
        champion: The champion, with the same history in its own columns; None if
            there is none to compare with.
    """
    repos = [table.repo_names[repo] for repo in table.repo[judged]]
    probability = np.full(len(table), np.nan)
    probability[judged] = candidate.probability(table.rows[judged], repos)
    champions: Floats | None = None
    if champion is not None:
        bundle, its_table = champion
        champions = bundle.probability(its_table.rows[judged], repos)
    nobody = np.full(len(table), 0.5)
    return Contest(
        candidate=forecasts_of(table, judged, probability, nobody),
        candidate_cut=candidate.confidence_cut,
        champion=champions,
        champion_cut=champion[0].confidence_cut if champion is not None else None,
        milliseconds=_milliseconds(candidate, table.rows[judged][:_TIMED]),
        megabytes=candidate.manifest.files[TREES].size / _MEGABYTE,
    )


def _milliseconds(bundle: Bundle, rows: Rows) -> float:
    """Measure the CPU time of one score: the median over these rows."""
    spent = []
    for at in range(len(rows)):
        began = time.thread_time()
        bundle.logit(rows[at : at + 1])
        spent.append(time.thread_time() - began)
    return 1_000 * float(np.median(spent)) if spent else 0.0
