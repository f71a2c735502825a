"""
The journal: what we said of each build, with the features we said it from.

Outcomes are joined to it later on, so that quality is measured on answers that
were given, and training can use the very vectors that were served.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from breakcast.history.events import BuildKey
from breakcast.history.journaltable import JournalTable, SaidRow
from breakcast.serving.prediction import Prediction, Probability, Scored

JoinKey: TypeAlias = tuple[str, str, str, str | None, int]
"""Source, repository, pipeline, commit, attempt."""


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One answer.

    Attributes:
        key: The attempt; its `build_id` is empty if it had none yet.
        commit_sha: The commit asked about; None if it was not said.
        as_of: Up to when facts were used, UTC.
        features: The vector scored, as little-endian float32; Base64 in JSON.
            Empty if there was none.
        catalog_hash: What its columns are.
        probability: What was shown.
        champion: What the champion made of it; None if it was not asked.
        challenger: Likewise the challenger, which nobody saw.
        flags: What was special, in single words: `abstained`, `degraded`.
        is_first_shown: Whether this attempt had been shown no answer before: only
            the first counts.

    >>> entry = JournalEntry(
    ...     key=BuildKey("github", "acme/shop", "ci.yml", "8812", 2),
    ...     commit_sha="c0ffee",
    ...     as_of=datetime.fromisoformat("2026-01-02T03:04:05+00:00"),
    ...     features=packed(np.array([0.5, np.nan], np.float32)),
    ...     catalog_hash="9f…",
    ...     probability=0.2,
    ...     champion=Scored(version="v1.0", logit=-1.5, probability=0.2),
    ... )
    >>> entry.join_key
    ('github', 'acme/shop', 'ci.yml', 'c0ffee', 2)
    >>> entry.vector().tolist()
    [0.5, nan]
    """

    key: BuildKey
    commit_sha: str | None
    as_of: datetime
    features: bytes
    catalog_hash: str
    probability: Probability
    champion: Scored | None = None
    challenger: Scored | None = None
    flags: tuple[str, ...] = ()
    is_first_shown: bool = True

    @property
    def join_key(self) -> JoinKey:
        """What an outcome is joined by."""
        key = self.key
        return key.source, key.repo, key.pipeline, self.commit_sha, key.attempt

    def vector(self) -> NDArray[np.float32]:
        """Unpack the features, shape (width,); read-only."""
        return np.frombuffer(self.features, "<f4").astype(np.float32, copy=False)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(JournalEntry)


def packed(vector: NDArray[np.float32]) -> bytes:
    """
    Pack a vector as the journal keeps it, bit for bit.

    >>> packed(np.array([1.0], np.float32)).hex()
    '0000803f'
    """
    return vector.astype("<f4", copy=False).tobytes()


def entry_of(prediction: Prediction) -> JournalEntry:
    """Make the entry of a prediction, not yet knowing whether it is the first."""
    flags = {"abstained": prediction.abstained, "degraded": prediction.degraded}
    return JournalEntry(
        key=prediction.key,
        commit_sha=prediction.commit_sha,
        as_of=prediction.as_of,
        features=prediction.features,
        catalog_hash=prediction.catalog_hash,
        probability=prediction.probability,
        champion=prediction.champion,
        challenger=prediction.challenger,
        flags=tuple(flag for flag, holds in flags.items() if holds),
    )


def row_of(entry: JournalEntry) -> SaidRow:
    """Write an entry as a row of the journal's table."""
    return SaidRow(*entry.join_key, entry.as_of, _ENCODER.encode(entry))


def decode_entry(payload: bytes) -> JournalEntry:
    """
    Read an entry as the journal's table holds it, not knowing whether it is the first.

    Raises:
        msgspec.MsgspecError: If it is none.
    """
    return _DECODER.decode(payload)


def read_journal(table: JournalTable, after: int = 0) -> Iterator[JournalEntry]:
    """
    Read entries in the order they were written, after a position.

    Raises:
        LedgerError: If the database fails.
        msgspec.MsgspecError: If a row is no entry.
    """
    for _, payload, is_first in table.rows(after):
        entry = decode_entry(payload)
        yield msgspec.structs.replace(entry, is_first_shown=is_first)
