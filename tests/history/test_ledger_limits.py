"""What one database could not keep, no ledger takes: histories can move."""

import random

import msgspec
import pytest

from breakcast.history.events import Build, BuildKey, BuildStarted
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerrows import (
    HIGHEST_ATTEMPT,
    LONGEST_IDENTITY_BYTES,
    Appended,
    Unstorable,
)
from tests.history.made_builds import NOON, started


def build(
    build_id: str = "1", repo: str = "acme/shop", attempt: int = 1
) -> BuildStarted:
    key = BuildKey("file", repo, "ci", build_id, attempt)
    return BuildStarted(occurred_at=NOON, build=Build(key))


def long_name(size: int, *, first: int, last: int) -> str:
    """Characters at random: nothing that a database could write shorter."""
    letters = [chr(code) for code in range(first, last)]
    return "".join(random.Random(7).choices(letters, k=size))  # noqa: S311 - a test's


REST_BYTES = len("file" + "acme/shop" + "ci")


@pytest.mark.parametrize(
    "build_id",
    [
        long_name(LONGEST_IDENTITY_BYTES - REST_BYTES, first=33, last=127),
        long_name(
            (LONGEST_IDENTITY_BYTES - REST_BYTES) // 4,
            first=0x20000,
            last=2**17 + 40_000,
        ),
    ],
    ids=["ascii", "four bytes each"],
)
def test_the_longest_names_are_kept(ledger: Ledger, build_id: str) -> None:
    longest = build(build_id)
    assert ledger.append([longest]) == Appended(new=1)
    assert ledger.append([longest]) == Appended(identical=1)
    assert list(ledger) == [longest]


def test_the_last_attempt_is_kept(ledger: Ledger) -> None:
    last = build(attempt=HIGHEST_ATTEMPT)
    ledger.append([last])
    assert list(ledger) == [last]


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (build("x" * 3_000), "take 3015 bytes together; at most 2500 are kept"),
        (build("ü" * 1_500), "take 3015 bytes together; at most 2500 are kept"),
        (build("1\x00"), r"a name .* of 'acme/shop' holds '\\x00'; leave it out"),
        (build(repo="a\x00b"), r"of 'a\\x00b' holds '\\x00'; leave it out"),
        (build("\ud800"), r"holds the character '\\ud800', which is half of one"),
        (build(attempt=0), "attempt 0 of a build of 'acme/shop' is none; attempts"),
        (build(attempt=2**31), "whole numbers from 1 to 2147483647"),
        (build(attempt=2**64), "attempt 18446744073709551616 of a build"),
    ],
    ids=["long", "wide", "zero", "zero repo", "surrogate", "0", "2**31", "2**64"],
)
def test_what_cannot_be_kept_everywhere_is_refused(
    ledger: Ledger, fact: BuildStarted, reason: str
) -> None:
    with pytest.raises(Unstorable, match=reason):
        ledger.append([started(), fact])
    with pytest.raises(Unstorable, match=reason):
        ledger.append_all([[started()], [fact]])
    assert ledger.position() == 0


def test_half_a_character_anywhere_in_a_fact_is_refused(ledger: Ledger) -> None:
    fact = started(branch="main\udc80")
    with pytest.raises(Unstorable, match="which is half of one; leave it out"):
        ledger.append([fact])


def test_a_zero_character_beside_the_identity_is_kept(ledger: Ledger) -> None:
    """It lies within the payload, where it is a byte like any other."""
    fact = started(branch="a\x00b")
    again = msgspec.structs.replace(fact, received_at=NOON)
    assert ledger.append([fact, again]) == Appended(new=1, identical=1)
    assert list(ledger) == [fact]
