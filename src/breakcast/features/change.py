"""What a build is about: the change, its size beside the repository's, its kind."""

from bisect import bisect_left, insort
from functools import lru_cache
from math import nan

import msgspec

from breakcast.features.catalog import features_of
from breakcast.history.events import Build, Change

SIZES_REMEMBERED = 256
MAIN_BRANCHES = frozenset({"main", "master", "trunk", "develop", "default"})

CHANGE_FEATURES = features_of(
    "change",
    (
        ("files_added", "files", "Files the change adds."),
        ("files_modified", "files", "Files the change modifies."),
        ("files_deleted", "files", "Files the change deletes."),
        ("lines_added", "lines", "Lines the change adds."),
        ("lines_deleted", "lines", "Lines the change deletes."),
        ("files", "files", "Files touched, of the counts that are known."),
        ("lines", "lines", "Lines touched, of the counts that are known."),
        ("paths", "files", "Changed paths that are known by name."),
        ("test_paths", "ratio", "Share of changed paths that belong to tests."),
        ("docs_paths", "ratio", "Share of changed paths that are prose."),
        ("ci_paths", "ratio", "Share of changed paths that configure CI or the build."),
        ("dependency_paths", "ratio", "Share of changed paths that pin dependencies."),
        ("is_bot", "flag", "Whether a bot made the change."),
        (
            "is_main_branch",
            "flag",
            "Whether the branch is named main, master, trunk or the like.",
        ),
        (
            "is_pull_request",
            "flag",
            "Whether a pull or merge request started the build.",
        ),
        ("is_push", "flag", "Whether a push started the build."),
        ("is_scheduled", "flag", "Whether a clock started the build."),
        (
            "attempt",
            "attempts",
            "1 for a first run, 2 for the first re-run, and so on.",
        ),
    ),
)
_DOCS = (".md", ".rst", ".txt", ".adoc")
_CI = (
    ".github/",
    ".gitlab",
    ".circleci/",
    ".travis",
    "jenkinsfile",
    "azure-pipelines",
    "makefile",
)
_DEPENDENCIES = (
    ".lock",
    "requirements.txt",
    "package.json",
    "package-lock.json",
    "pom.xml",
    "build.gradle",
    "go.mod",
    "go.sum",
    "gemfile",
    "cargo.toml",
    "pyproject.toml",
)


class SizeDistribution(msgspec.Struct, array_like=True):
    """The newest change sizes of a repository, in order of arrival and of size."""

    touched_at: float = 0.0
    arrived: list[float] = []
    ordered: list[float] = []
    at: int = 0

    def learn(self, size: float, now: float) -> None:
        """Remember a size; forget the one that came `SIZES_REMEMBERED` before."""
        self.touched_at = now
        if len(self.arrived) < SIZES_REMEMBERED:
            self.arrived.append(size)
        else:
            gone = self.arrived[self.at]
            del self.ordered[bisect_left(self.ordered, gone)]
            self.arrived[self.at] = size
            self.at = (self.at + 1) % SIZES_REMEMBERED
        insort(self.ordered, size)

    def percentile(self, size: float) -> float:
        """
        Share of remembered sizes below this one; NaN if either is unknown.

        >>> sizes = SizeDistribution()
        >>> for size in (1.0, 5.0, 9.0, 20.0):
        ...     sizes.learn(size, now=0.0)
        >>> sizes.percentile(9.0)
        0.5
        """
        if size != size or not self.ordered:
            return nan
        return bisect_left(self.ordered, size) / len(self.ordered)


def change_size(change: Change | None) -> float:
    """
    Lines touched, or files where no lines are known; NaN where neither is.

    >>> change_size(Change(lines_added=3.0, files_modified=1.0))
    3.0
    """
    if change is None:
        return nan
    lines = _total(change.lines_added, change.lines_deleted)
    if lines == lines:
        return lines
    return _total(change.files_added, change.files_modified, change.files_deleted)


def change_features(build: Build) -> list[float]:
    """A build's own facts, in the order of `CHANGE_FEATURES`."""
    event, branch, change = build.event, build.branch, build.change
    about_build = [
        nan if build.is_bot is None else float(build.is_bot),
        nan if branch is None else float(branch.lower() in MAIN_BRANCHES),
        nan
        if event is None
        else float("pull_request" in event or "merge_request" in event),
        nan if event is None else float(event == "push"),
        nan if event is None else float(event in {"schedule", "cron"}),
        float(build.key.attempt),
    ]
    if change is None:
        return [nan] * (len(CHANGE_FEATURES) - len(about_build)) + about_build
    added, modified, deleted = (
        change.files_added,
        change.files_modified,
        change.files_deleted,
    )
    more, less = change.lines_added, change.lines_deleted
    return [
        nan if added is None else added,
        nan if modified is None else modified,
        nan if deleted is None else deleted,
        nan if more is None else more,
        nan if less is None else less,
        _total(added, modified, deleted),
        _total(more, less),
        *_path_features(change.paths),
        *about_build,
    ]


def _total(*counts: float | None) -> float:
    known = [count for count in counts if count is not None]
    return sum(known) if known else nan


def _path_features(paths: tuple[str, ...]) -> tuple[float, ...]:
    count = len(paths)
    if not count:
        return (nan,) * 5
    kinds = [sum(column) for column in zip(*map(_kinds_of, paths), strict=True)]
    return (float(count), *[kind / count for kind in kinds])


@lru_cache(maxsize=32_768)
def _kinds_of(path: str) -> tuple[bool, bool, bool, bool]:
    lower = path.lower()
    return (
        "test" in lower,
        lower.endswith(_DOCS),
        lower.startswith(_CI),
        lower.endswith(_DEPENDENCIES),
    )
