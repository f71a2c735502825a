"""git: what a range of commits changes, asked of the checkout at hand."""

import subprocess
from pathlib import Path

from breakcast.errors import BadInput
from breakcast.history.events import Change

_ANSWERS_WITHIN_SECONDS = 30


def change_in(revisions: str, checkout: Path) -> Change:
    """
    Ask git what a range of commits changes.

    Args:
        revisions: As git takes them, such as `main...HEAD`.
        checkout: A folder inside a git checkout.

    Raises:
        BadInput: If git does not know the range, or there is no git.
    """
    if revisions.startswith("-"):
        message = f"the range is {revisions!r}; give a range of commits, as main...HEAD"
        raise BadInput(message)
    base = ["git", "-C", str(checkout), "diff", "--no-renames", "-z"]
    numbers = _asked([*base, "--numstat", revisions, "--"])
    kinds = _asked([*base, "--name-status", revisions, "--"])
    added = deleted = 0
    paths = []
    for line in filter(None, numbers.split("\0")):
        more, less, path = line.split("\t", 2)
        # A binary file has no lines; git says `-`.
        added += int(more) if more.isdigit() else 0
        deleted += int(less) if less.isdigit() else 0
        paths.append(path)
    statuses = kinds.split("\0")[0:-1:2]
    return Change(
        files_added=float(statuses.count("A")),
        files_modified=float(statuses.count("M")),
        files_deleted=float(statuses.count("D")),
        lines_added=float(added),
        lines_deleted=float(deleted),
        paths=tuple(paths),
    )


def _asked(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command; the range is no option
            command,
            capture_output=True,
            check=True,
            text=True,
            timeout=_ANSWERS_WITHIN_SECONDS,
        )
    except FileNotFoundError as error:
        message = "git is not installed; give the change without --git"
        raise BadInput(message) from error
    except subprocess.CalledProcessError as error:
        told = error.stderr.strip().splitlines()
        message = f"git does not know that range: {told[0] if told else error}"
        raise BadInput(message) from error
    except subprocess.TimeoutExpired as error:
        message = f"git did not answer within {_ANSWERS_WITHIN_SECONDS} s"
        raise BadInput(message) from error
    return done.stdout
