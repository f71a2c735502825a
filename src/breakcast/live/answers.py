"""
Answers to builds that have just started: kept once, then shown.

An answer is kept in the journal together with the fact that it was shown (a note, if
it is refined); that exists once an attempt. However often a worker is killed and
starts again, an attempt is answered once, and once more when its change is known.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from breakcast.features.feed import Asked
from breakcast.history.events import Build, PredictionShown
from breakcast.history.inbox import note_once
from breakcast.history.journaltable import add_rows
from breakcast.history.ledger import Guard, Ledger, Receipt, is_held
from breakcast.live.notes import refined_note
from breakcast.serving.journal import entry_of, row_of
from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Models, Predictor, Question
from breakcast.serving.states import Known


class Answers(Protocol):
    """Shows answers to whoever waits for them; a check run, a line in a log."""

    def show(self, prediction: Prediction, *, is_refined: bool) -> None:
        """
        Show an answer; it is in the journal already.

        Args:
            prediction: The answer.
            is_refined: Whether it replaces one that was shown before.
        """
        ...


class Rows(NamedTuple):
    """The rows of one build by the hash of their catalog, as of one moment."""

    asked: Asked
    by_catalog: Mapping[str, Asked]
    waits: bool = False

    def row(self, build: Build, catalog_hash: str, as_of: datetime) -> Known | None:
        """Give the row of a catalog; as a `RowSource` of this build alone."""
        del build, as_of
        asked = self.by_catalog.get(catalog_hash)
        return None if asked is None else Known(asked.row, asked.as_of)


def answered(models: Models, rows: Rows) -> Prediction:
    """Forecast a build from the rows read when it started."""
    asked = rows.asked
    return Predictor(rows).predict(models, Question(asked.build, asked.as_of))


class AnswerKeeper:
    """
    Keeps answers, and shows those that are new.

    Args:
        ledger: Where they are kept.
        answers: Shows them.
    """

    def __init__(self, ledger: Ledger, answers: Answers) -> None:
        self._ledger = ledger
        self._answers = answers

    def keep(
        self,
        predictions: Sequence[tuple[Prediction, bool]],
        now: datetime,
        guard: Guard,
    ) -> None:
        """
        Keep and show answers.

        Args:
            predictions: Each with whether it is refined.
            now: When they are given.
            guard: Raises, within a transaction, if they are another's to give.

        Raises:
            LedgerError: If they could not be kept; Fenced if they are another's.
        """
        drafts = [
            _Draft(one, is_refined=is_refined, guard=guard)
            for one, is_refined in predictions
        ]
        outcomes = self._ledger.receive([draft.receipt(now) for draft in drafts])
        failed = None
        for draft, outcome in zip(drafts, outcomes, strict=True):
            if isinstance(outcome, Exception):
                failed = outcome
            elif draft.is_new:
                # What was kept is shown, whatever became of the others.
                self._answers.show(draft.prediction, is_refined=draft.is_refined)
        if failed is not None:
            raise failed


class _Draft:
    """An answer on its way, and whether it is to be shown."""

    def __init__(
        self,
        prediction: Prediction,
        *,
        is_refined: bool,
        guard: Guard,
    ) -> None:
        self.prediction = prediction
        self.is_refined = is_refined
        self.is_new = False
        self._guard = guard

    def receipt(self, now: datetime) -> Receipt:
        # A refined answer is about an attempt that has been shown one already.
        facts = () if self.is_refined else (self._shown(now),)
        return Receipt(facts, now, self._is_to_be_kept)

    def _shown(self, now: datetime) -> PredictionShown:
        said = self.prediction
        return PredictionShown(
            occurred_at=now,
            key=said.key,
            probability=said.probability,
            model_version=said.model_version or "",
        )

    def _is_to_be_kept(self, connection: Connection) -> bool:
        self._guard(connection)
        key = self.prediction.key
        if self.is_refined:
            self.is_new = note_once(connection, key.source, refined_note(key))
        else:
            self.is_new = not is_held(connection, key, PredictionShown)
        if self.is_new:
            add_rows(connection, [row_of(entry_of(self.prediction))])
        return self.is_new
