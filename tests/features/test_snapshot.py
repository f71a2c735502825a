"""A saved state is read whole, or refused in words that say what to do."""

import hashlib

import msgspec
import pytest

from breakcast.errors import SnapshotError
from breakcast.features.columns import catalog_of
from breakcast.features.state import FeatureState
from tests.features.timeline import PLAIN, RED, Timeline

MEND = "; replay the ledger to make it anew"


def saved() -> bytes:
    """Save the state of a small history."""
    return Timeline().build("1", 0, 10, RED, branch="main").state().save()


def resealed(body: bytes, number: int = 2) -> bytes:
    """Put a body into an envelope that fits it."""
    digest = hashlib.sha256(body).hexdigest()
    return msgspec.msgpack.encode({"format": number, "sha256": digest, "body": body})


def refusal_of(packed: bytes) -> str:
    """Load what must not be loaded; give the words."""
    with pytest.raises(SnapshotError) as refused:
        FeatureState.load(packed, PLAIN)
    return str(refused.value)


def test_a_state_loaded_and_saved_is_the_same_bytes() -> None:
    packed = saved()

    assert FeatureState.load(packed, PLAIN).save() == packed


@pytest.mark.parametrize("length", [0, 1, 30, 120, -1])
def test_a_truncated_state_is_refused(length: int) -> None:
    message = refusal_of(saved()[:length])

    assert message.startswith("the saved state cannot be read (")
    assert message.endswith(MEND)


def test_more_bytes_than_were_saved_are_refused() -> None:
    assert refusal_of(saved() + b"\x00").endswith(MEND)


def test_a_changed_body_breaks_the_seal() -> None:
    packed = saved()
    changed = packed.replace(b"acme/shop", b"acme/chop")
    assert changed != packed

    message = refusal_of(changed)

    assert message.startswith("the saved state is damaged: its SHA-256 is ")
    assert message.endswith(MEND)


def test_another_format_is_named() -> None:
    message = refusal_of(resealed(b"", number=7))

    assert message == "the saved state has format 7, this code reads 2" + MEND


def test_a_sealed_body_that_is_no_state_is_refused() -> None:
    message = refusal_of(resealed(msgspec.msgpack.encode({"catalog": 1})))

    assert message.startswith("the saved state cannot be read (")


def test_another_catalog_is_named() -> None:
    other = catalog_of(("sloc",))
    packed = FeatureState(other).save()

    message = refusal_of(packed)

    wanted = f"is of catalog {other.hash[:12]}, wanted is {PLAIN.hash[:12]}"
    assert message == f"the saved state {wanted}{MEND}"
