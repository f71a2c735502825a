"""
Runs: what each step of a run set out to do, and what came of it.

Whoever repeats a step under the same key gets the plan of the first time, and, if that
came to an end, its result: so a step may be killed anywhere, and done again.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, insert, select, update

from breakcast.history.ledger import Guard, Ledger
from breakcast.history.ledgerengine import told, writing
from breakcast.history.ledgerrows import microseconds
from breakcast.history.ledgerschema import RUNS


class Runs:
    """
    The runs of a ledger's database; plans and results are bytes to it.

    Args:
        ledger: Open for as long as this is used.
        guard: Raises, within a transaction, if it is another's turn to write.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> with Ledger.temporary() as ledger:
    ...     runs = Runs(ledger)
    ...     runs.begin("nightly", "retrain", noon, lambda: b"all up to fact 7")
    ...     runs.begin("nightly", "retrain", noon, lambda: b"all up to fact 9")
    ...     runs.end("nightly", "retrain", noon, b"v1.1")
    ...     runs.result("nightly", "retrain"), runs.result("nightly", "deploy")
    b'all up to fact 7'
    b'all up to fact 7'
    (b'v1.1', None)
    """

    def __init__(self, ledger: Ledger, guard: Guard = lambda _: None) -> None:
        self._engine = ledger.engine
        self._guard = guard

    def begin(
        self, run: str, step: str, at: datetime, plan: Callable[[], bytes]
    ) -> bytes:
        """
        Set out on a step: its plan, made now unless it was begun before.

        Raises:
            LedgerError: If the database fails.
        """
        found = self._read(RUNS.c.plan, run, step)
        if found is not None:
            return found
        made = plan()
        with writing(self._engine) as connection:
            self._guard(connection)
            connection.execute(
                insert(RUNS).values(
                    run=run, step=step, began_at=microseconds(at), plan=made
                )
            )
        return made

    def end(
        self,
        run: str,
        step: str,
        at: datetime,
        result: bytes,
    ) -> None:
        """
        Say what came of a step that was begun.

        Raises:
            LedgerError: If the database fails.
        """
        with writing(self._engine) as connection:
            self._guard(connection)
            connection.execute(
                update(RUNS)
                .where(RUNS.c.run == run, RUNS.c.step == step)
                .values(ended_at=microseconds(at), result=result)
            )

    def results_since(self, step: str, since: datetime) -> list[tuple[str, bytes]]:
        """
        Read what came of a step in all runs in which it ended at a time or later.

        Returns:
            Each run's key with it, the newest first.

        Raises:
            LedgerError: If the database fails.
        """
        columns = RUNS.c
        query = (
            select(columns.run, columns.result)
            .where(columns.step == step, columns.ended_at >= microseconds(since))
            .order_by(columns.ended_at.desc())
        )
        with told(self._engine.url), self._engine.connect() as connection:
            return [(run, result) for run, result in connection.execute(query)]

    def result(self, run: str, step: str) -> bytes | None:
        """
        Read what came of a step; None if it never ended.

        Raises:
            LedgerError: If the database fails.
        """
        return self._read(RUNS.c.result, run, step)

    def _read(self, column: ColumnElement[bytes], run: str, step: str) -> bytes | None:
        query = select(column).where(RUNS.c.run == run, RUNS.c.step == step)
        with told(self._engine.url), self._engine.connect() as connection:
            found: bytes | None = connection.execute(query).scalar_one_or_none()
        return found
