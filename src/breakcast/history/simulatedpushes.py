"""
What each push of one simulated repository changes, and what that risks.

A push has a parent on its branch, so the code's state (its size, how much of
it is tests) follows the lineage: a pull request starts from main's state.
"""

from dataclasses import dataclass

import numpy as np

from breakcast.history.simulatedsittings import (
    BOT,
    MAIN,
    REGULARS,
    Floats,
    Ints,
    Sittings,
    Trigger,
)
from breakcast.history.simulation import Simulation

LISTED_PATHS = 60
"""Paths a row names at most; the counts of files tell the rest."""

DIRECTORIES = (
    *("api", "auth", "billing", "cache", "client", "config", "core", "export"),
    *("index", "jobs", "mail", "model", "parser", "queue", "reports", "schema"),
    *("search", "server", "storage", "sync", "ui", "upload", "users", "web"),
)
"""What a repository's directories are called; repositories as well."""

_HOME_SHARE = 0.5  # of an author's changes are in their own directory
_NEWCOMER_RISK = 0.4
_TESTS_RISK, _DOCS_RISK, _CI_RISK = -0.3, -1.5, 0.9
# What was reviewed and built before breaks main less often; a scheduled build
# of an unchanged commit breaks by what changed outside it.
_MERGE_RISK, _NIGHTLY_RISK = -1.2, -1.5
_USUAL_LINES = 25.0


@dataclass(frozen=True, slots=True)
class Files:
    """
    A repository's files, neighbours side by side, and what each risks.

    Attributes:
        paths: Every path, twice over: any run of neighbours is a slice.
        risk: Log-odds of `paths` added up from 0; one item longer.
        starts: Where each directory begins.
        count: How many files there are, half of `paths`.
    """

    paths: list[str]
    risk: Floats
    starts: Ints
    count: int


@dataclass(frozen=True, slots=True)
class Pushes:
    """
    Every push of a repository by strictly rising time; one array item each.

    Other pushes are named by index, -1 is none: `parent` is the push before on
    the branch (for a branch's first, main's then), `following` the next one on
    it, `merged` the last one of the pull request being merged, and `commit` the
    one whose commit is built, which is another only for a scheduled push.
    `path_count` files from `first_path` on are named; `source_lines` and
    `test_ratio` (test lines for 1,000 source lines) are the code's state;
    `risk` is the log-odds that what is changed, and who did it, add.
    """

    at: Ints
    branch: Ints
    trigger: Ints
    author: Ints
    parent: Ints
    following: Ints
    merged: Ints
    commit: Ints
    files_added: Ints
    files_modified: Ints
    files_deleted: Ints
    lines_added: Ints
    lines_deleted: Ints
    first_path: Ints
    path_count: Ints
    source_lines: Ints
    test_ratio: Floats
    risk: Floats


def draw_files(simulation: Simulation, rng: np.random.Generator) -> Files:
    """
    Draw a repository's directories and files, and what touching each risks.

    >>> draw_files(Simulation(), np.random.default_rng(7)).paths[-1]
    '.ci/ci_03.txt'
    """
    paths: list[str] = []
    risk: list[float] = []
    starts: list[int] = []
    shuffled = np.argsort(rng.random(len(DIRECTORIES)), kind="stable")
    for k in shuffled[: 5 + int(rng.random() * 12)].tolist():
        name, odds = DIRECTORIES[k], simulation.path_risk_spread * rng.standard_normal()
        starts.append(len(paths))
        sources, tests = 6 + int(rng.random() * 40), 2 + int(rng.random() * 8)
        paths += [f"src/{name}/{name}_{n:02d}.py" for n in range(sources)]
        paths += [f"tests/{name}/test_{name}_{n:02d}.py" for n in range(tests)]
        risk += [odds] * sources + [odds + _TESTS_RISK] * tests
    for folder, count, odds in (("docs", 12, _DOCS_RISK), (".ci", 4, _CI_RISK)):
        starts.append(len(paths))
        paths += [f"{folder}/{folder.strip('.')}_{n:02d}.txt" for n in range(count)]
        risk += [odds] * count
    added_up = np.concatenate(([0.0], np.cumsum(risk + risk)))
    return Files(paths + paths, added_up, np.array(starts), len(paths))


def draw_pushes(
    simulation: Simulation,
    rng: np.random.Generator,
    sittings: Sittings,
    files: Files,
    author_risk: Floats,
) -> Pushes:
    """
    Draw what every push changes.

    Args:
        simulation: The parameters.
        rng: Where chance comes from.
        sittings: When pushes come and from whom.
        files: What can be changed.
        author_risk: Log-odds of each regular author and, last, of the bot.
    """
    branch, trigger = sittings.branch, sittings.trigger
    parent, following = _lineage(branch)
    is_night = trigger == Trigger.SCHEDULE
    commit = _commits(branch, trigger)
    author = sittings.author[commit]
    known = np.minimum(author, REGULARS)
    changed, added, deleted, lines, gone = _sizes(
        simulation, rng, sittings, author, author_risk[known]
    )
    first_path = _first_paths(rng, files, author)
    path_count = np.minimum(changed, min(LISTED_PATHS, files.count))
    touched = files.risk[first_path + path_count] - files.risk[first_path]
    risk = (
        author_risk[known]
        + np.where(author > BOT, _NEWCOMER_RISK, 0.0)
        + touched / path_count
        + simulation.size_risk * np.log((1 + lines) / (1 + _USUAL_LINES))
        + np.where(sittings.is_merge, _MERGE_RISK, 0.0)
    )
    net = np.where(is_night, 0, lines - gone)
    begun = np.rint(60_000 * np.exp(rng.standard_normal()))
    source_lines = np.maximum(100, int(begun) + _along(net, branch, parent))
    tests = np.rint(net * 0.6 * rng.random(len(net))).astype(np.int64)
    test_lines = begun * (0.05 + 0.6 * rng.random()) + _along(tests, branch, parent)
    return Pushes(
        at=sittings.at,
        branch=branch,
        trigger=trigger,
        author=author,
        parent=parent,
        following=following,
        merged=_merged(sittings),
        commit=commit,
        files_added=added[commit],
        files_modified=(changed - added - deleted)[commit],
        files_deleted=deleted[commit],
        lines_added=lines[commit],
        lines_deleted=gone[commit],
        first_path=first_path[commit],
        path_count=path_count[commit],
        source_lines=source_lines,
        test_ratio=np.round(1000 * np.maximum(0.0, test_lines) / source_lines, 1),
        risk=np.where(is_night, _NIGHTLY_RISK, risk),
    )


def _lineage(branch: Ints) -> tuple[Ints, Ints]:
    """Each push's parent, and the next push on its branch."""
    order = np.argsort(branch, kind="stable")
    same = branch[order][1:] == branch[order][:-1]
    parent, following = np.full((2, len(branch)), -1)
    parent[order[1:][same]] = order[:-1][same]
    following[order[:-1][same]] = order[1:][same]
    index = np.arange(len(branch))
    main = np.maximum.accumulate(np.where(branch == MAIN, index, -1))
    return np.where((parent < 0) & (branch != MAIN), main, parent), following


def _commits(branch: Ints, trigger: Ints) -> Ints:
    """Whose commit each push builds: its own, or at night main's latest."""
    index = np.arange(len(branch))
    own = (branch == MAIN) & (trigger != Trigger.SCHEDULE)
    latest = np.maximum.accumulate(np.where(own, index, -1))
    return np.where((trigger == Trigger.SCHEDULE) & (latest >= 0), latest, index)


def _merged(sittings: Sittings) -> Ints:
    index = np.arange(len(sittings.at))
    pulled = sittings.trigger == Trigger.PULL_REQUEST
    last = np.full(sittings.count, -1)
    last[sittings.sitting[pulled]] = index[pulled]  # the latest assignment stays
    return np.where(sittings.is_merge, last[sittings.sitting], -1)


def _sizes(
    simulation: Simulation,
    rng: np.random.Generator,
    sittings: Sittings,
    author: Ints,
    habit: Floats,
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Files changed, of them added and deleted; lines added and deleted."""
    total = len(author)
    size = simulation.files_spread * rng.standard_normal(total) + 0.3 * habit
    changed = np.maximum(1.0, np.rint(simulation.files_median * np.exp(size)))
    changed = np.where(author == BOT, 1.0, changed)
    noise = np.exp(simulation.lines_spread * rng.standard_normal(total))
    lines = np.rint(simulation.lines_median * changed * noise)
    pulled = sittings.trigger == Trigger.PULL_REQUEST
    for amount in (changed, lines):
        # A merge brings all that its pull request changed.
        sums = np.bincount(sittings.sitting[pulled], amount[pulled], sittings.count)
        brought = np.maximum(1.0, sums[sittings.sitting])
        amount[:] = np.where(sittings.is_merge, brought, amount)
    gone = np.rint(1.1 * lines * rng.random(total) ** 2)
    part = rng.random(total)
    adds = rng.random(total) < simulation.files_added_share
    deletes = rng.random(total) < simulation.files_deleted_share
    added = np.where(adds, np.ceil(0.5 * part * changed), 0.0)
    deleted = np.where(deletes, np.ceil(0.4 * part * (changed - added)), 0.0)
    counts = (changed, added, deleted, lines, gone)
    changed, added, deleted, lines, gone = (count.astype(np.int64) for count in counts)
    return changed, added, deleted, lines, gone


def _first_paths(rng: np.random.Generator, files: Files, author: Ints) -> Ints:
    total, folders = len(author), len(files.starts)
    away = np.floor(folders * rng.random(total) ** 2).astype(np.int64)
    folder = np.where(rng.random(total) < _HOME_SHARE, author % folders, away)
    width = np.diff(np.append(files.starts, files.count))[folder]
    first = files.starts[folder] + np.floor(width * rng.random(total)).astype(np.int64)
    # A bot renews the last file: it stands for the list of dependencies.
    return np.where(author == BOT, files.count - 1, first)


def _along(net: Ints, branch: Ints, parent: Ints) -> Ints:
    """Add up `net` along the lineage: a branch goes on from where it forked."""
    order = np.argsort(branch, kind="stable")
    first = np.flatnonzero(np.diff(branch[order], prepend=-1))
    length = np.diff(np.append(first, len(order)))
    running = np.cumsum(net[order])
    running -= np.repeat(running[first] - net[order][first], length)
    value = np.empty_like(net)
    value[order] = running
    fork = parent[order[first]]
    forked = (fork >= 0) & (branch[order[first]] != MAIN)
    value[order] += np.repeat(np.where(forked, value[fork], 0), length)
    return value
