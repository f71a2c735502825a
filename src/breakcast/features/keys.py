"""Where the records of a build are kept: one string each, the organisation implied."""

import msgspec

from breakcast.features.change import MAIN_BRANCHES
from breakcast.history.events import Build, BuildKey

# No repository is named so.
ORGANISATION = ""


class RecordKeys(msgspec.Struct, frozen=True, gc=False):
    """
    Where one build's records are kept; None where it names no such thing.

    `tracks` is in the order of `track.KINDS`; `learning` are those of them that
    the build's outcome counts for: all it has, but the trunk's only if it runs
    there.
    """

    tracks: tuple[str | None, ...]
    learning: tuple[str, ...]
    node: str
    parent: str | None
    commit: str | None
    board: str


def keys_of(build: Build) -> RecordKeys:
    """
    Name the records of a build.

    >>> from breakcast.history.events import BuildKey
    >>> key = BuildKey("file", "acme/shop", "ci", "7")
    >>> keys = keys_of(Build(key, branch="fix", author="9f"))
    >>> len(keys.tracks), len(keys.learning)
    (7, 6)
    """
    key = build.key
    repo, branch, author = key.repo, build.branch, build.author
    pipeline = f"{repo}\x1f{key.pipeline}"
    tracks = (
        ORGANISATION,
        repo,
        pipeline,
        f"{pipeline}\x1fbranch\x1f{branch or ''}",
        f"{pipeline}\x1fevent\x1f{build.event or ''}",
        None if author is None else f"\x1fauthor\x1f{author}",
        f"{pipeline}\x1ftrunk",
    )
    is_on_trunk = branch is not None and branch.lower() in MAIN_BRANCHES
    learning = tracks if is_on_trunk else tracks[:-1]
    parent = build.parent_build_id
    return RecordKeys(
        tracks,
        tuple([track for track in learning if track is not None]),
        f"{pipeline}\x1f{key.build_id}",
        None if parent is None else f"{pipeline}\x1f{parent}",
        None if build.commit_sha is None else f"{repo}\x1f{build.commit_sha}",
        f"{repo}\x1f{branch or ''}",
    )


def attempt_key(key: BuildKey) -> str:
    """Name one attempt among those in flight."""
    build = f"{key.source}\x1f{key.repo}\x1f{key.pipeline}\x1f{key.build_id}"
    return f"{build}\x1f{key.attempt}"
