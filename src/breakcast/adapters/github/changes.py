"""
What a commit changes, asked of GitHub's API within a time limit.

GitHub tells of 3,000 files of a pull request or a commit, and of 300 of a
comparison. Of a larger change the counts are what it tells: large, if not exact.
"""

import logging

import msgspec

from breakcast.adapters.github.client import GitHubClient
from breakcast.adapters.github.payloads import ChangedFile, change_of
from breakcast.errors import SourceError
from breakcast.history.events import Change

FILES_READ = 3_000
"""How many files of one change are read."""

_HEX = frozenset("0123456789abcdef")
_SHA_LENGTHS = frozenset({40, 64})
_LOG = logging.getLogger("breakcast.github")


class GitHubChanges:
    """
    Changes as GitHub tells them; a ChangeSource.

    Args:
        client: How GitHub is asked.
        seconds: How long one change may take, waiting for limits included.
    """

    def __init__(self, client: GitHubClient, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    def change(
        self, repo: str, sha: str, *, pull: int | None, base_sha: str | None
    ) -> Change | None:
        """Tell what a commit changes; None if GitHub cannot tell in time."""
        if not (_is_sha(sha) and (base_sha is None or _is_sha(base_sha))):
            return None
        deadline = self._client.now() + self._seconds
        try:
            if pull is not None:
                return change_of(self._pulls_files(repo, pull, deadline))
            path = f"compare/{base_sha}...{sha}" if base_sha else f"commits/{sha}"
            return change_of(self._files(repo, path, deadline))
        except SourceError as error:
            # The forecast does without; what is missing is unknown to it.
            _LOG.warning("a change is not known: %s", error)
            return None

    def _pulls_files(self, repo: str, pull: int, deadline: float) -> list[ChangedFile]:
        files: list[ChangedFile] = []
        for page in self._client.pages(
            repo,
            f"pulls/{pull:d}/files",
            list[ChangedFile],
            permission="pull requests: read",
            deadline=deadline,
        ):
            files += page
            if len(files) >= FILES_READ:
                break
        return files[:FILES_READ]

    def _files(self, repo: str, path: str, deadline: float) -> list[ChangedFile]:
        files: list[ChangedFile] = []
        for page in self._client.pages(
            repo, path, _FilesPage, permission="contents: read", deadline=deadline
        ):
            # A comparison's later pages hold commits only.
            if not page.files or len(files) >= FILES_READ:
                break
            files += page.files
        return files[:FILES_READ]


class _FilesPage(msgspec.Struct, frozen=True):
    files: list[ChangedFile] = []


def _is_sha(text: str) -> bool:
    """Whether this is a whole commit id: it goes into an address."""
    return len(text) in _SHA_LENGTHS and _HEX.issuperset(text)
