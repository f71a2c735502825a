"""
git: what many commits changed, read from mirrors in one go.

A mirror is made by `git clone --mirror` and kept fresh by whoever owns it; it is
only read. Whatever lies in a repository was written by strangers: names are taken
apart by NUL bytes alone, and neither a program nor a network is started for it.
"""

import logging
import os
import re
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import IO, cast

from breakcast.errors import BadInput
from breakcast.history.events import Change

PATHS_KEPT = 3_000
"""How many paths of one commit are kept, as many as GitHub tells; all are counted."""

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REPO = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")
_TOKEN_BYTES = 1024 * 1024
_PIECE_BYTES = 64 * 1024
_SUFFIX = ".git"
# A difference that a repository may not change by its own settings.
_DIFF = ("--no-renames", "--no-ext-diff", "--no-textconv", "--raw", "--numstat", "-z")
_ANSWERS_WITHIN_SECONDS = 10
_LOG = logging.getLogger("breakcast.git")


class GitMirror:
    """
    One mirror; a CommitHistory.

    Args:
        folder: A git repository, bare or not.
        seconds: How long one reading may take; what is read by then counts.

    Raises:
        BadInput: If there is none, or there is no git.
    """

    def __init__(self, folder: Path, seconds: float = 300.0) -> None:
        self._folder = folder
        self._seconds = seconds
        _check(folder)

    def changes(self, shas: AbstractSet[str]) -> Mapping[str, Change]:
        """Tell what each commit changed from its first parent; all that are there."""
        wanted = sorted(filter(_SHA.fullmatch, shas))
        if not wanted:
            return {}
        # Commits that are not there are passed over; those without change are told.
        command = ["diff-tree", "--stdin", "--always", "-r", "--root", *_DIFF]
        return self._read([*command, "--diff-merges=first-parent"], wanted)

    def between(self, base_sha: str, sha: str) -> Change | None:
        """Tell what a commit changes since it left another; None if git cannot."""
        if not (_SHA.fullmatch(base_sha) and _SHA.fullmatch(sha)):
            return None
        command = ["diff-tree", "-r", *_DIFF, "--merge-base", base_sha, sha]
        # Of two commits git tells the difference only, without a heading.
        return self._read(command, [], heading=sha).get(sha)

    def _read(
        self, command: list[str], shas: list[str], heading: str | None = None
    ) -> dict[str, Change]:
        # A file, not a pipe: git fills its output before it has read all input.
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{sha}\n" for sha in shas).encode())
            asked.seek(0)
            with subprocess.Popen(  # noqa: S603 - a fixed command; commits are checked
                _git(self._folder, *command),
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(self._folder),
            ) as git:
                clock = threading.Timer(self._seconds, git.kill)
                clock.start()
                try:
                    with cast("IO[bytes]", git.stdout) as output:
                        told = list(_told(output, heading))
                    status = git.wait()
                finally:
                    clock.cancel()
                    git.kill()
        if status != 0:
            # It was cut off, or did not know what to do: the last one is not whole.
            _LOG.warning("git %s ended with %d in %s", command[0], status, self._folder)
            told = told[:-1]
        return dict(told)


class GitMirrors:
    """
    A folder of mirrors, `OWNER/REPO.git` each; a ChangeSource.

    Args:
        folder: Where they lie.
        seconds: How long one change may take.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self._seconds = seconds

    def mirror(self, repo: str) -> GitMirror | None:
        """Give a repository's mirror; None if there is none."""
        folder = self._folder / f"{repo}{_SUFFIX}"
        if not _REPO.fullmatch(repo) or not folder.is_dir():
            return None
        return GitMirror(folder, self._seconds)

    def change(
        self, repo: str, sha: str, *, pull: int | None, base_sha: str | None
    ) -> Change | None:
        """Tell what a commit changes; None if no mirror knows, or not in time."""
        try:
            mirror = self.mirror(repo)
        except BadInput as error:
            _LOG.warning("a change is not known: %s", error)
            return None
        if mirror is None:
            return None
        if base_sha is not None:
            return mirror.between(base_sha, sha)
        # Of a pull request without its base the last commit is not the change.
        return None if pull is not None else mirror.changes({sha}).get(sha)


def _check(folder: Path) -> None:
    try:
        subprocess.run(  # noqa: S603 - a fixed command
            _git(folder, "rev-parse", "--git-dir"),
            capture_output=True,
            check=True,
            text=True,
            timeout=_ANSWERS_WITHIN_SECONDS,
            env=_environment(folder),
        )
    except FileNotFoundError as error:
        message = "git is not installed; go on without a mirror"
        raise BadInput(message) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines()
        message = (
            f"{folder} is no mirror: {said[0] if said else error}; make one with "
            "`git clone --mirror`"
        )
        raise BadInput(message) from error
    except subprocess.TimeoutExpired as error:
        message = f"git did not answer within {_ANSWERS_WITHIN_SECONDS} s in {folder}"
        raise BadInput(message) from error


def _git(folder: Path, *command: str) -> list[str]:
    # Of a partial clone git would fetch what is missing, from wherever it likes.
    return ["git", "-C", str(folder), "-c", "protocol.allow=never", *command]


def _environment(folder: Path) -> dict[str, str]:
    """Give git's environment: no repository but this one, nobody to ask."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    }
    return {
        **kept,
        "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent),
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _told(output: IO[bytes], heading: str | None) -> Iterator[tuple[str, Change]]:
    """Read changes by commit; one that breaks off is not told."""
    sha, sums = heading, _Sums()
    tokens = _tokens(output)
    for token in tokens:
        if token.startswith(b":"):
            path = next(tokens, None)
            if path is None:
                return
            sums.file(kind=token.split(b" ")[-1][:1], path=path)
        elif b"\t" in token:
            sums.lines(*token.split(b"\t", 2)[:2])
        else:
            if sha is not None:
                yield sha, sums.change()
            sha, sums = token.decode("ascii", "replace").strip(), _Sums()
    if sha is not None:
        yield sha, sums.change()


def _tokens(output: IO[bytes]) -> Iterator[bytes]:
    """Cut git's output at its NUL bytes; memory holds one name."""
    rest = b""
    while piece := output.read(_PIECE_BYTES):
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
        if len(rest) > _TOKEN_BYTES:
            return


class _Sums:
    """What one commit changed, summed up while it is read."""

    def __init__(self) -> None:
        self._kinds: Counter[bytes] = Counter()
        self._added = self._deleted = 0
        self._paths: list[str] = []

    def file(self, kind: bytes, path: bytes) -> None:
        self._kinds[kind] += 1
        if len(self._paths) < PATHS_KEPT:
            # A name that is no UTF-8 could not be written to the ledger.
            self._paths.append(path.decode("utf-8", "replace"))

    def lines(self, added: bytes, deleted: bytes) -> None:
        # A binary file has no lines; git says `-`.
        self._added += int(added) if added.isdigit() else 0
        self._deleted += int(deleted) if deleted.isdigit() else 0

    def change(self) -> Change:
        kinds = self._kinds
        return Change(
            files_added=float(kinds[b"A"]),
            files_modified=float(kinds[b"M"] + kinds[b"T"]),
            files_deleted=float(kinds[b"D"]),
            lines_added=float(self._added),
            lines_deleted=float(self._deleted),
            paths=tuple(self._paths),
        )
