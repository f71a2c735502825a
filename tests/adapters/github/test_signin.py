"""A GitHub App signs in as GitHub documents it, with no more rights than it needs."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from breakcast.adapters.github.signin import AppTokens
from breakcast.errors import BadInput, SourceError
from tests.adapters.github.asking import calls_to, client_of
from tests.live.fake_github import REPO, Answer, Asked, Clock, FakeGitHub, running

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
APP = 4_711


class App:
    """The App's side of GitHub: who is installed where, and tokens an hour long."""

    def __init__(self, github: FakeGitHub) -> None:
        self.github = github
        self.given: list[str] = []
        github.tokens = {"nobody": 0.0}
        github.routes["GET", f"/repos/{REPO}/installation"] = self._installation
        github.routes["POST", "/app/installations/99/access_tokens"] = self._token

    def _installation(self, asked: Asked) -> Answer:
        self._check(asked)
        return 200, {}, {"id": 99, "account": {}}

    def _token(self, asked: Asked) -> Answer:
        self._check(asked)
        token = f"ghs_{len(self.given)}"
        self.given.append(token)
        expires_at = self.github.clock() + 3_600
        self.github.tokens[token] = expires_at
        written = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 201, {}, {"token": token, "expires_at": written}

    def _check(self, asked: Asked) -> None:
        signed = asked.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(
            signed,
            KEY.public_key(),
            algorithms=["RS256"],
            # The clock is the test's.
            options={"verify_exp": False, "verify_iat": False},
        )
        now = int(self.github.clock())
        assert claims == {"iss": str(APP), "iat": now - 60, "exp": now + 540}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with running(FakeGitHub(Clock(NOON))) as github:
        github.files["place"] = {"name": "shop"}
        yield github


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "app.pem"
    file.write_bytes(
        KEY.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return file


class Thing(msgspec.Struct):
    name: str


def test_a_token_is_renewed_five_minutes_before_it_ends(
    github: FakeGitHub, key_file: Path
) -> None:
    app = App(github)
    with calls_to(github) as calls:
        tokens = AppTokens(APP, key_file, calls)

        given = [tokens.token(REPO), tokens.token(REPO)]
        github.clock.sleep(3_600 - 300)
        given.append(tokens.token(REPO))
        github.clock.sleep(1)
        given.append(tokens.token(REPO))

    assert given == ["ghs_0", "ghs_0", "ghs_0", "ghs_1"]
    assert app.given == ["ghs_0", "ghs_1"]


def test_no_more_is_asked_for_than_reading(github: FakeGitHub, key_file: Path) -> None:
    App(github)
    with calls_to(github) as calls:
        AppTokens(APP, key_file, calls).token(REPO)

    assert msgspec.json.decode(github.asked[-1].body) == {
        "permissions": {
            "actions": "read",
            "contents": "read",
            "metadata": "read",
            "pull_requests": "read",
        }
    }


def test_where_the_extra_is_missing_it_is_named(
    github: FakeGitHub, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)

    with calls_to(github) as calls, pytest.raises(BadInput) as refused:
        AppTokens(APP, key_file, calls)

    assert str(refused.value).endswith("needs jwt; pip install 'breakcast[github]'")


def test_of_many_that_need_a_token_one_fetches_it(
    github: FakeGitHub, key_file: Path
) -> None:
    app = App(github)
    together = threading.Barrier(8)
    with calls_to(github) as calls, ThreadPoolExecutor(8) as executor:
        tokens = AppTokens(APP, key_file, calls)

        def token(_: int) -> str:
            together.wait()
            return tokens.token(REPO)

        assert set(executor.map(token, range(8))) == {"ghs_0"}

    assert app.given == ["ghs_0"]


def test_a_token_that_ends_before_its_time_is_replaced_once(
    github: FakeGitHub, key_file: Path
) -> None:
    app = App(github)
    with calls_to(github) as calls:
        tokens = AppTokens(APP, key_file, calls)
        with client_of(github, tokens) as client:
            client.get(REPO, "place", Thing, permission="contents: read")
            github.tokens["ghs_0"] = 0.0
            client.get(REPO, "place", Thing, permission="contents: read")

            assert app.given == ["ghs_0", "ghs_1"]
            github.tokens = {"nobody": 0.0}
            github.routes["POST", "/app/installations/99/access_tokens"] = lambda _: (
                201,
                {},
                {"token": "x", "expires_at": "2027-01-01T00:00:00Z"},
            )
            with pytest.raises(SourceError, match="401"):
                client.get(REPO, "place", Thing, permission="contents: read")


def test_where_the_app_is_not_installed_that_is_told(
    github: FakeGitHub, key_file: Path
) -> None:
    with calls_to(github) as calls:
        tokens = AppTokens(APP, key_file, calls)
        with pytest.raises(SourceError, match=r"404.*the App installed there"):
            tokens.token(REPO)


def test_a_token_that_would_break_a_header_is_not_taken_nor_shown(
    github: FakeGitHub, key_file: Path
) -> None:
    App(github)
    github.routes["POST", "/app/installations/99/access_tokens"] = lambda _: (
        201,
        {},
        {"token": "ghs\r\nHost: x", "expires_at": "2027-01-01T00:00:00Z"},
    )
    with calls_to(github) as calls:
        tokens = AppTokens(APP, key_file, calls)
        with pytest.raises(SourceError, match="cannot be read") as refused:
            tokens.token(REPO)

    assert "Host" not in str(refused.value)


@pytest.mark.parametrize("held", [None, b"", b"-----BEGIN RSA PRIVATE KEY-----\nabc\n"])
def test_what_is_no_key_is_refused_unseen(
    github: FakeGitHub, tmp_path: Path, held: bytes | None
) -> None:
    file = tmp_path / "app.pem"
    if held is not None:
        file.write_bytes(held)

    with (
        calls_to(github) as calls,
        pytest.raises(BadInput, match=r"app\.pem") as refused,
    ):
        AppTokens(APP, file, calls)

    assert "abc" not in str(refused.value)
    assert "github_app_key" in str(refused.value)


def test_neither_key_nor_token_is_shown(github: FakeGitHub, key_file: Path) -> None:
    App(github)
    with calls_to(github) as calls:
        tokens = AppTokens(APP, key_file, calls)
        tokens.token(REPO)

    assert repr(tokens) == "AppTokens(app_id=4711, key=<hidden>)"
    assert "ghs_0" not in repr(vars(tokens)["_tokens"])
