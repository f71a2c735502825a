"""
Who may do what: bearer tokens, each with the roles it was given.

A token is 256 random bits and shown once; what is kept is its SHA-256, from which
it cannot be found.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, Self, TypeAlias, get_args

from breakcast.errors import BadSettings, Forbidden, Unauthenticated

Role: TypeAlias = Literal["read", "ingest", "operate"]
"""Ask for forecasts and see state; hand in facts; change what answers."""

ROLES: frozenset[str] = frozenset(get_args(Role))

_KEPT = re.compile(
    r"(?P<name>[\w.-]{1,64}):(?P<roles>[a-z+]+):(?P<sha256>[0-9a-f]{64})"
)


class Token(NamedTuple):
    """A token as it is kept: whose, what it allows, and its SHA-256 in hex."""

    name: str
    roles: frozenset[str]
    sha256: str

    @classmethod
    def parse(cls, kept: str) -> Self:
        """
        Read `name:role+role:sha256`, as `make_token` writes it.

        Raises:
            BadSettings: If it is not that; the text is not repeated, for it may be
                the token itself.

        >>> Token.parse("ci:read:" + "0" * 64).roles
        frozenset({'read'})
        """
        match = _KEPT.fullmatch(kept)
        roles = frozenset(match["roles"].split("+")) if match else frozenset()
        if match is None or not roles <= ROLES:
            message = (
                "a setting of tokens is not <name>:<role>+<role>:<sha256>, with roles "
                f"out of {', '.join(sorted(ROLES))}; `breakcast token` writes one"
            )
            raise BadSettings(message)
        return cls(match["name"], roles, match["sha256"])


def make_token(name: str, roles: Iterable[str]) -> tuple[str, str]:
    """
    Make a token.

    Returns:
        The token, for whoever is to use it, and what is kept of it.

    Raises:
        BadSettings: If the name or a role will not do.
    """
    token = secrets.token_urlsafe(32)
    kept = f"{name}:{'+'.join(sorted(set(roles)))}:{_sha256(token.encode())}"
    Token.parse(kept)
    return token, kept


class Access:
    """
    Lets in who may come in.

    Args:
        tokens: Those that are known; without any, everybody may do everything.

    >>> token, kept = make_token("ci", ["read"])
    >>> access = Access([Token.parse(kept)])
    >>> headers = {b"authorization": f"Bearer {token}".encode()}
    >>> access.require("read", headers)
    >>> access.require("operate", headers)
    Traceback (most recent call last):
    breakcast.errors.Forbidden: the token 'ci' allows read; this takes operate
    """

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        self._tokens = tuple(tokens)
        self.is_open = not self._tokens
        """Whether everybody may do everything."""

    def require(self, role: Role, headers: Mapping[bytes, bytes]) -> None:
        """
        Refuse who may not do this.

        Args:
            role: What it takes.
            headers: The request's, their names in lower case.

        Raises:
            Unauthenticated: If it holds no token that is known.
            Forbidden: If the token does not allow it.
        """
        if self.is_open:
            return
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        found = _sha256(given.strip()) if scheme.lower() == b"bearer" else ""
        # Each is compared, in the same time whether it fits or not.
        fitting = [
            one for one in self._tokens if hmac.compare_digest(one.sha256, found)
        ]
        if not fitting:
            message = (
                "this takes a token; send the header Authorization: Bearer <token>"
            )
            raise Unauthenticated(message)
        if not any(role in one.roles for one in fitting):
            allowed = "+".join(sorted(fitting[0].roles))
            message = (
                f"the token {fitting[0].name!r} allows {allowed}; this takes {role}"
            )
            raise Forbidden(message)


def _sha256(token: bytes) -> str:
    return hashlib.sha256(token).hexdigest()
