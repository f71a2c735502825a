"""
The one host that a token is for: addresses there, and none elsewhere.

Next pages and redirects are named by what came from outside; they are followed
on the same scheme, host and port only.
"""

import httpx

from breakcast.adapters.github.answers import Question, Raw, named
from breakcast.errors import BadInput, SourceError

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Origin:
    """
    Where a GitHub's API is.

    Args:
        base_url: Its address; GitHub Enterprise's has a path, `/api/v3`.

    Raises:
        BadInput: If it is no address, or would show a token to everybody.

    >>> Origin("https://github.acme.org/api/v3").address(Question("/repos/a/b"))
    URL('https://github.acme.org/api/v3/repos/a/b')
    """

    def __init__(self, base_url: str) -> None:
        self._base = _checked(base_url)

    @property
    def host(self) -> str:
        """Its name."""
        return self._base.host

    def address(self, question: Question) -> httpx.URL:
        """Give the whole address of what is asked, with its query."""
        address = question.address
        if address.startswith("/"):
            address = str(self._base).rstrip("/") + address
        url = httpx.URL(address)
        return url.copy_merge_params(question.params) if question.params else url

    def next_page(self, question: Question, raw: Raw) -> str | None:
        """
        Give the address of the page after this one; None if it is the last.

        Raises:
            SourceError: If it lies elsewhere.
        """
        header = {"link": raw.headers.get("link", "")}
        address = httpx.Response(raw.status, headers=header).links.get("next", {})
        page = address.get("url")
        if page is None or self._is_here(page):
            return page
        message = (
            f"{named(question)}: the next page lies on another host than {self.host}; "
            "it is not followed. Is github_url right?"
        )
        raise SourceError(message, raw.status)

    def redirected(self, question: Question, raw: Raw, address: httpx.URL) -> httpx.URL:
        """
        Give the address that another one redirects to.

        Raises:
            SourceError: If it lies elsewhere, or what is asked is no mere reading.
        """
        try:
            target = address.join(raw.headers.get("location", ""))
        except httpx.InvalidURL:
            target = httpx.URL()
        if question.method == "GET" and self._is_here(str(target)):
            return target
        message = (
            f"{named(question)}: GitHub redirects to {target.host[:200]!r} "
            f"({raw.status}); the token stays here. Is github_url right?"
        )
        raise SourceError(message, raw.status)

    def _is_here(self, address: str) -> bool:
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL:
            return False
        base = self._base
        return (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)


def _checked(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        message = f"github_url is {base_url!r}: {error}; use https://api.github.com"
        raise BadInput(message) from error
    is_safe = url.scheme == "https" or (url.scheme == "http" and url.host in _LOOPBACK)
    if not (is_safe and url.host) or url.userinfo or url.query:
        shown = url.copy_with(userinfo=b"", query=None)
        message = (
            f"github_url is {str(shown)!r}; use https://<host>[/<path>], with the "
            "token in a setting of its own"
        )
        raise BadInput(message)
    return url
