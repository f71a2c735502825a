"""
What builds look like now: answers of the journal, counted by day as training was.

Each answer is counted once, in the bins of the bundle it is compared with; what is
counted and how far the journal has been read are written in one transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from breakcast.history.answered import first_said, said_first
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import writing
from breakcast.history.watched import (
    cursor_at,
    move_cursor,
    put_window,
    window_in,
    windows_since,
)
from breakcast.model.bundle import Bundle
from breakcast.model.forecasts import Floats
from breakcast.model.reference import Baseline, starts_of
from breakcast.model.sketches import Grid, Packed, Window
from breakcast.monitoring.comparison import Reference, merged_of, reference_of
from breakcast.monitoring.slowdrift import HORIZON
from breakcast.serving.journal import JournalEntry, decode_entry

AT_ONCE: Final = 1_000
"""Answers counted in one transaction."""

_DECODER = msgspec.msgpack.Decoder(Packed)
_ENCODER = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """
    One baseline of a bundle, and the windows that are compared with it.

    Attributes:
        subject: What its windows are kept as.
        length: Of a window, in seconds.
        reference: The baseline.
    """

    subject: str
    length: int
    reference: Reference

    @property
    def grid(self) -> Grid:
        """The bins."""
        return self.reference.grid

    def windows(self, ledger: Ledger, at: datetime) -> list[Window]:
        """
        Read the newest windows that are over, as many as a chance is about.

        Raises:
            LedgerError: If the database fails.
        """
        over = int(starts_of(np.array([int(at.timestamp())]), self.length)[0])
        kept = windows_since(ledger, self.subject, over - HORIZON * self.length)
        found = [self.grid.unpacked(_DECODER.decode(one)) for one in kept]
        return [one for one in found if one.starts_at < over]


class LiveWindows:
    """
    Counts answers in the bins of one bundle.

    Args:
        bundle: Whose baselines.
    """

    def __init__(self, bundle: Bundle) -> None:
        name = bundle.manifest_sha256[:16]
        self._bundle = bundle
        self._cursor = f"windows {name}"
        self.inputs = _followed(bundle.reference.inputs, f"inputs {name}")
        self.scores = _followed(bundle.reference.scores, f"scores {name}")

    def catch_up(self, ledger: Ledger, at: datetime) -> None:
        """
        Count what the journal has gained; answers must have been joined before.

        Args:
            ledger: Whose journal.
            at: Now: at first, answers of the time that is compared are read.

        Raises:
            LedgerError: If the database fails; what was counted before stays.
        """
        length = max(self.inputs.length, self.scores.length)
        since = at - timedelta(seconds=(HORIZON + 1) * length)
        while self._count_some(ledger, since):
            pass

    def _count_some(self, ledger: Ledger, since: datetime) -> bool:
        with writing(ledger.engine) as connection:
            after = cursor_at(connection, self._cursor)
            if after is None:
                after = first_said(connection, since) - 1
            said = said_first(connection, after, AT_ONCE)
            if not said:
                return False
            entries = [decode_entry(payload) for _, payload in said]
            entries = [one for one in entries if self._is_comparable(one)]
            for followed, columns in (
                (self.inputs, _inputs(entries, self._bundle.catalog.width)),
                (self.scores, _scores(entries)),
            ):
                for window in _windows(followed, entries, columns):
                    kept = window_in(connection, followed.subject, window.starts_at)
                    former = (
                        [followed.grid.unpacked(_DECODER.decode(kept))] if kept else []
                    )
                    merged = merged_of(followed.grid, [window, *former])
                    packed = _ENCODER.encode(followed.grid.packed(merged))
                    put_window(connection, followed.subject, window.starts_at, packed)
            move_cursor(connection, self._cursor, said[-1][0])
        return True

    def _is_comparable(self, entry: JournalEntry) -> bool:
        return bool(entry.features) and (
            entry.catalog_hash == self._bundle.manifest.catalog_hash
        )


def _followed(baseline: Baseline, subject: str) -> Followed:
    grid = Grid(baseline.columns)
    length = baseline.window_seconds
    windows = [grid.unpacked(one) for one in baseline.windows]
    return Followed(subject, length, reference_of(grid, windows, length))


def _inputs(entries: list[JournalEntry], width: int) -> list[Floats]:
    rows = np.array([one.vector() for one in entries], np.float64)
    return list(rows.reshape(len(entries), width).T)


def _scores(entries: list[JournalEntry]) -> list[Floats]:
    said = [one.champion.probability if one.champion else np.nan for one in entries]
    return [np.array(said, np.float64)]


def _windows(
    followed: Followed, entries: list[JournalEntry], columns: list[Floats]
) -> list[Window]:
    seconds = np.array([int(one.as_of.timestamp()) for one in entries], np.int64)
    codes = followed.grid.codes(columns)
    return followed.grid.windows(codes, starts_of(seconds, followed.length))
