"""
Outcomes: what became of the builds that were answered, joined as they arrive.

An answer belongs to exactly the attempt it was asked about, by its build id; where that
was not known yet, to the first attempt on its commit that started afterwards. The first
answer of an attempt counts, and one that was asked for when the outcome was known does
not. Whoever joins, and however often they are killed: the rows are the same.
"""

from datetime import datetime, timedelta
from typing import Final

from breakcast.features.columns import track_column
from breakcast.history.answered import (
    Answered,
    add_answers,
    name_answers,
    said_after,
    settle_answers,
)
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import writing
from breakcast.history.watched import cursor_at, move_cursor
from breakcast.serving.journal import JournalEntry, decode_entry

AT_ONCE: Final = 1_000
"""Answers taken in one transaction."""
STARTS_WITHIN: Final = timedelta(days=2)
"""How long after an answer its build may start."""
ENDS_WITHIN: Final = timedelta(days=30)
"""How long after an answer its outcome may become known."""

_CURSOR = "answered"
_BRANCH = track_column("branch", "last_failed")
_PIPELINE = track_column("pipeline", "last_failed")


def join_outcomes(ledger: Ledger, at: datetime) -> int:
    """
    Join what is new in the journal, and what has become known since.

    Args:
        ledger: Holds both.
        at: Now, to whoever joins.

    Returns:
        How many answers and outcomes were new.

    Raises:
        LedgerError: If the database fails; what was joined before stays.
    """
    count = 0
    while taken := _take(ledger):
        count += taken
    with writing(ledger.engine) as connection:
        name_answers(connection, at - STARTS_WITHIN)
    with writing(ledger.engine) as connection:
        count += settle_answers(connection, at - ENDS_WITHIN)
    return count


def _take(ledger: Ledger) -> int:
    with writing(ledger.engine) as connection:
        after = cursor_at(connection, _CURSOR) or 0
        said = said_after(connection, after, AT_ONCE)
        if said:
            add_answers(
                connection,
                [_answer(at, decode_entry(payload)) for at, payload in said],
            )
            move_cursor(connection, _CURSOR, said[-1][0])
    return len(said)


def _answer(said: int, entry: JournalEntry) -> Answered:
    key = entry.key
    challenger = entry.challenger
    return Answered(
        said=said,
        source=key.source,
        repo=key.repo,
        pipeline=key.pipeline,
        build_id=key.build_id or None,
        attempt=key.attempt,
        organisation=key.organisation,
        commit_sha=entry.commit_sha,
        as_of=entry.as_of,
        version=entry.champion.version if entry.champion is not None else "",
        probability=entry.probability,
        abstained="abstained" in entry.flags,
        parrot=_parrot(entry),
        challenger=challenger.version if challenger is not None else None,
        challenger_probability=challenger.probability
        if challenger is not None
        else None,
    )


def _parrot(entry: JournalEntry) -> float | None:
    """Read the last known outcome off the features that were served."""
    vector = entry.vector()
    for column in (_BRANCH, _PIPELINE):
        if column < len(vector) and vector[column] == vector[column]:
            return float(vector[column])
    return None
