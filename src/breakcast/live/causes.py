"""Why a build was red, where that can be told when it has ended."""

from collections.abc import Iterator
from datetime import datetime

from breakcast.history.events import BuildFinished, Cause, CauseSettled, Outcome
from breakcast.history.held import ends_before
from breakcast.history.inbox import Inbox
from breakcast.history.ledger import Ledger
from breakcast.live.notes import attempt_of, cause_of


def causes_told_by(
    ended: BuildFinished, ledger: Ledger, now: datetime
) -> Iterator[CauseSettled]:
    """
    Say what an ending tells of causes: of its own, or of the attempts before.

    A red one was infrastructure's, if none of its jobs failed by a step of its own.
    A green one says of the red attempts before it, on the same commit, that they
    were flaky.

    Raises:
        LedgerError: If the ledger fails.
    """
    key = ended.key
    if ended.outcome is Outcome.FAILED:
        notes = Inbox(ledger).notes(key.source, key.repo, attempt_of(key))
        cause = cause_of(notes)
        if cause is not None:
            yield CauseSettled(occurred_at=now, key=key, cause=cause)
    elif ended.outcome is Outcome.PASSED:
        for earlier in ends_before(ledger, key):
            if earlier.outcome is Outcome.FAILED:
                yield CauseSettled(occurred_at=now, key=earlier.key, cause=Cause.FLAKY)
