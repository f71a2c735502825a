"""From a ledger to the honest verdict: survey, replay, backtest, evaluate."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np

from breakcast.errors import BadInput
from breakcast.features.survey import catalog_for
from breakcast.features.table import Table, build_table
from breakcast.history.ledger import Ledger
from breakcast.model.backtest import Backtest, Protocol, backtest
from breakcast.model.evaluation import DataFacts, Evaluation, evaluate
from breakcast.model.savings import PRICE_A_MINUTE

Step: TypeAlias = Callable[[str, int, int], None]
"""Told what is done, how much of it, and out of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    What is judged, and against what.

    Attributes:
        protocol: `split` or `walk-forward`.
        test_fraction: Share of each repository's builds that is judged.
        target_accuracy: Wanted accuracy of the answers given.
        missed_budget: Share of failures that skipping may miss.
        price_a_minute: What one minute of a build costs.

    Raises:
        BadInput: If a share is not between 0 and 1.
    """

    protocol: Protocol = "split"
    test_fraction: float = 0.2
    target_accuracy: float = 0.88
    missed_budget: float = 0.05
    price_a_minute: float = PRICE_A_MINUTE

    def __post_init__(self) -> None:
        """Refuse a share out of range before hours of work, not after."""
        for name in ("test_fraction", "target_accuracy", "missed_budget"):
            value = getattr(self, name)
            if not 0 < value < 1:
                message = (
                    f"{name} is {value!r}; it must lie between 0 and 1, both excluded"
                )
                raise BadInput(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """
    What reading a history brought up, for the record.

    Attributes:
        refused_rows: Rows of the file that were refused.
        assumed_finish: Builds whose finish was assumed.
        notes: Sentences for the reader: what was refused, ignored or assumed.
    """

    refused_rows: int = 0
    assumed_finish: int = 0
    notes: tuple[str, ...] = ()


def read_table(
    ledger: Ledger,
    *,
    until: int | None = None,
    executor: Executor | None = None,
    step: Step = lambda _what, _done, _total: None,
) -> Table:
    """
    Survey a ledger for its catalog, then replay it into a table.

    Args:
        ledger: The history.
        until: The position of the last fact that counts; the last one if None.
        executor: Where it is replayed.
        step: Told how far it is.
    """
    until = ledger.position() if until is None else until
    step("surveying", 0, 1)
    catalog = catalog_for(ledger.until(until))
    step("replaying", 0, 1)
    table = build_table(ledger, catalog, executor, until=until)
    step("replaying", 1, 1)
    return table


def judge_table(
    table: Table,
    terms: Terms,
    *,
    found: Findings | None = None,
    executor: Executor | None = None,
    step: Step = lambda _what, _done, _total: None,
) -> tuple[Evaluation, Backtest]:
    """
    Backtest a table and evaluate what came out.

    Args:
        table: The history.
        terms: What is judged, and against what.
        found: What was refused or assumed when the history was read.
        executor: Where the forests grow.
        step: Told how far it is.

    Returns:
        The verdict, and the forecasts it was read off.
    """
    done = backtest(
        table,
        terms.protocol,
        test_fraction=terms.test_fraction,
        target_accuracy=terms.target_accuracy,
        executor=executor,
        progress=lambda grown, of: step("training", grown, of),
    )
    evaluation = evaluate(
        done.test,
        done.validation,
        cut=done.cut,
        target_accuracy=terms.target_accuracy,
        missed_budget=terms.missed_budget,
        price_a_minute=terms.price_a_minute,
        data=facts_of(table, found or Findings()),
        protocol=terms.protocol,
    )
    return evaluation, done


def facts_of(table: Table, found: Findings) -> DataFacts:
    """Count what a table holds, before any judgement."""
    labelled = ~np.isnan(table.failed)
    red = int(np.nansum(table.failed))
    count = int(labelled.sum())
    times = table.started_at
    return DataFacts(
        builds=len(table),
        labelled=count,
        test_builds=0,
        repos=len(table.repo_names),
        failure_rate=red / count if count else None,
        refused_rows=found.refused_rows,
        assumed_finish=found.assumed_finish,
        first_at=datetime.fromtimestamp(times[0], UTC) if len(times) else None,
        last_at=datetime.fromtimestamp(times[-1], UTC) if len(times) else None,
        outcomes={"passed": count - red, "failed": red, "none": len(table) - count},
        notes=found.notes,
    )
