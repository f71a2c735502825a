"""`breakcast token`, and what `serve` refuses before it starts."""

from breakcast.serving.access import Access, Token
from tests.cli.conftest import Command


def test_a_token_is_shown_once_and_the_server_gets_its_hash(breakcast: Command) -> None:
    ran = breakcast("token", "ci", "--role", "read", "--role", "ingest")

    secret = ran.out.strip()
    kept = ran.err.rsplit('["', 1)[1].split('"]')[0]
    assert ran.code == 0
    assert secret not in ran.err
    assert Token.parse(kept).roles == {"read", "ingest"}
    Access([Token.parse(kept)]).require(
        "ingest", {b"authorization": f"Bearer {secret}".encode()}
    )


def test_a_role_there_is_not_is_told(breakcast: Command) -> None:
    ran = breakcast("token", "ci", "--role", "admin")

    assert ran.code == 2
    assert "ingest, operate, read" in ran.err


def test_a_server_of_a_role_there_is_not_does_not_start(breakcast: Command) -> None:
    ran = breakcast("serve", "--roles", "predict,everything")

    assert ran.code == 2
    assert "setting roles" in ran.err
