"""Tokens: made once, kept as a hash, never told."""

import pytest

from breakcast.errors import BadSettings, Unauthenticated
from breakcast.serving.access import Access, Token, make_token


def test_what_is_kept_does_not_hold_the_token() -> None:
    token, kept = make_token("ci", ["read", "operate"])

    assert token not in kept
    assert Token.parse(kept).roles == {"read", "operate"}
    assert len(token) >= 43


def test_two_tokens_are_never_the_same() -> None:
    assert make_token("ci", ["read"]) != make_token("ci", ["read"])


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "s3cr3t",
        "ci:read",
        "ci:admin:" + "0" * 64,
        "ci:read:" + "0" * 63,
        "c i:read:" + "0" * 64,
    ],
)
def test_a_setting_that_is_no_token_is_refused_without_repeating_it(kept: str) -> None:
    with pytest.raises(BadSettings) as refused:
        Token.parse(kept)

    assert not kept or kept not in str(refused.value)
    assert "`breakcast token` writes one" in str(refused.value)


def test_a_token_of_an_unknown_role_is_not_made() -> None:
    with pytest.raises(BadSettings, match="ingest, operate, read"):
        make_token("ci", ["everything"])


def test_the_refusal_does_not_repeat_what_was_sent() -> None:
    access = Access([Token.parse(make_token("ci", ["read"])[1])])

    with pytest.raises(Unauthenticated) as refused:
        access.require("read", {b"authorization": b"Bearer hunter2"})

    assert "hunter2" not in str(refused.value)
