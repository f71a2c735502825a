"""
The promotion log: which version answers, which shadows it, and why.

Each entry is the whole state, so the highest one is current and reading it is
enough. An entry is put where none was: of many that would write the same next
entry, one wins. Nothing is ever changed, so the log is also the history.
"""

import re
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from breakcast.blobs import BlobStore
from breakcast.errors import RegistryError
from breakcast.model.gateverdict import GateVerdict
from breakcast.model.manifest import encode_readably

Action: TypeAlias = Literal["promote", "shadow", "discard", "rollback"]

_ENTRY = re.compile(r"(\d{8})\.json")


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """
    One entry: what was done, and the whole state after it.

    Attributes:
        seq: 1 for the first, and one more for each after it.
        at: When, UTC.
        action: `promote` a version to champion, let one `shadow` it, `discard`
            the one that did, or `rollback` to the champion before.
        champion: The version that answers.
        challenger: The version scored beside it, unseen.
        manifests: The SHA-256 of both versions' manifests: what is loaded must
            be what was promoted.
        actor: Who did it.
        reason: Why, in words.
        verdict: What the gate found, where one was asked.
    """

    seq: int
    at: datetime
    action: Action
    champion: str
    challenger: str | None
    manifests: dict[str, str]
    actor: str
    reason: str
    verdict: GateVerdict | None = None


class PromotionLog:
    """
    The entries below a prefix of a store.

    Args:
        blobs: The store.
        prefix: Where, without a slash at its end.
    """

    def __init__(self, blobs: BlobStore, prefix: str) -> None:
        self._blobs = blobs
        self._prefix = prefix

    def newest(self) -> Promotion | None:
        """
        Read the highest entry; None if nothing was ever promoted.

        Raises:
            RegistryError: If it cannot be read.
        """
        numbers = [
            int(match[1])
            for key in self._blobs.keys(self._prefix)
            if (match := _ENTRY.fullmatch(key[len(self._prefix) + 1 :]))
        ]
        return self.entry(max(numbers)) if numbers else None

    def entry(self, seq: int) -> Promotion:
        """
        Read one entry.

        Raises:
            RegistryError: If it is missing, no promotion, or of another number.
        """
        key = self._key(seq)
        try:
            entry = msgspec.json.decode(self._blobs.get(key), type=Promotion)
        except FileNotFoundError as error:
            message = f"{key} is missing; entries are never removed, so restore it"
            raise RegistryError(message) from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            message = f"{key} is no promotion: {error}; restore it from a backup"
            raise RegistryError(message) from error
        if entry.seq != seq:
            message = f"{key} says seq {entry.seq}, its name {seq}; it was moved here"
            raise RegistryError(message)
        return entry

    def append(self, entry: Promotion) -> Promotion:
        """
        Put an entry after the newest, if nobody else has meanwhile.

        Who loses the race is told so, and nothing is tried again: the entry was
        decided against a state that is no longer current (the gate compared a
        candidate with the champion of then; an operator may just have rolled
        back), and writing it one place later would undo what the winner did,
        unread. Deciding again is cheap, and whoever runs it twice is harmless:
        to promote the champion changes nothing.

        Returns:
            The entry.

        Raises:
            RegistryError: If another entry took the place first; says which.
        """
        key, encoded = self._key(entry.seq), encode_readably(entry)
        try:
            self._blobs.put_new(key, encoded)
        except FileExistsError as error:
            # A put whose answer was lost is tried again by the store's client, and
            # then finds itself there.
            if self._blobs.get(key) == encoded:
                return entry
            other = self.entry(entry.seq)
            message = (
                f"{other.actor} was faster: {key} is '{other.action}' with champion "
                f"{other.champion} ({other.reason}); look at the current state, and "
                "decide again"
            )
            raise RegistryError(message) from error
        return entry

    def before_last_promote(self, newest: Promotion) -> Promotion | None:
        """
        Find the state before the promotion that is in force; None if there is none.

        A rollback undoes the promotion that was in force, so each rollback met on
        the way back passes over one promotion more.
        """
        undone = 0
        for seq in range(newest.seq, 0, -1):
            action = newest.action if seq == newest.seq else self.entry(seq).action
            if action == "rollback":
                undone += 1
            elif action == "promote":
                if not undone:
                    return self.entry(seq - 1) if seq > 1 else None
                undone -= 1
        return None

    def _key(self, seq: int) -> str:
        return f"{self._prefix}/{seq:08}.json"
