"""
What a simulated CI history is made of: every number, its unit and its source.

The numbers were measured on four real histories, which `docs/simulator.md`
names and tabulates. "Fitted" marks a number chosen so that what comes out has
the real shape; "assumed" one that no history at hand tells.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from math import inf

from breakcast.errors import BadInput

MOST_PIPELINES = 6
"""Pipelines a simulated repository can have."""

_ABOVE_ZERO = ("builds_per_day", "fix_exponent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """
    A CI history to be made up, described by its parameters.

    A *push* is one commit reaching CI; it starts a build on each pipeline of its
    repository. A *sitting* is what one author pushes at one time. "Median" and
    "spread" describe lognormal numbers: spread is the standard deviation of the
    logarithm. Log-odds are natural. Shares lie in [0, 1].

    Raises:
        BadInput: If a parameter makes no sense, e.g. fewer builds than
            repositories or a share above 1.

    >>> round(Simulation(repositories=30, builds=20_000).days)
    333
    >>> Simulation(rerun_share=2)
    Traceback (most recent call last):
    breakcast.errors.BadInput: rerun_share is 2; use a share from 0 to 1
    """

    repositories: int = 30
    """Repositories; travis_authors has 29, buildfast 20."""
    organisations: int = 8
    """Organisations owning them, unevenly; assumed."""
    builds: int = 20_000
    """Attempts in all, reruns included: exactly as many rows come."""
    builds_per_day: float = 2.0
    """Mean of a repository; it sets the span. buildfast .4-4.0, travis_timed 3-11."""
    ends_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    """The latest pushes come just before; the history reaches back from here."""
    size_spread: float = 0.7
    """Of builds over repositories; buildfast .58, travis_timed .50, authors wider."""

    session_pushes: float = 2.4
    """Mean pushes of a sitting; fitted to the short gaps between builds."""
    session_gap_minutes: float = 12.0
    """Median between them; a quarter of gaps is under 9 (buildfast) to 17 minutes."""
    session_gap_spread: float = 1.5
    """Of that gap; fitted to the same quantiles."""
    weekly_spread: float = 0.8
    """Of a repository's activity from week to week; fitted to the longest gaps."""

    pull_request_share: float = 0.28
    """Sittings that are a person's pull request; .11-.44 of real builds are of one."""
    pull_request_pushes: float = 2.0
    """Mean pushes of one; github_actions 1.7 commits a branch."""
    pull_request_gap_hours: float = 1.0
    """Median working hours between them; github_actions has minutes and weeks."""
    merged_share: float = 0.8
    """Pull requests that end merged into main; assumed."""
    release_share: float = 0.05
    """Sittings on a release branch; assumed."""
    nightly_share: float = 0.06
    """Scheduled pushes, of main as it is; github_actions .22 of builds, Travis 0."""
    pipeline_shares: tuple[float, ...] = (0.5, 0.28, 0.13, 0.09)
    """Repositories with 1, 2, ... pipelines; Travis 1, github_actions mostly 2."""

    author_exponent: float = 1.2
    """Zipf's, of activity; travis_authors: the first 1, 3, 10 push .29 .53 .85."""
    newcomer_share: float = 0.06
    """Sittings of somebody never seen again; travis_authors: 33 authors (2-122)."""
    bot_share: float = 0.05
    """Sittings that are a bot's pull request; assumed."""
    author_risk_spread: float = 0.7
    """Of authors' log-odds to break something; travis_authors .71, noise included."""

    files_median: float = 2.2
    """Files a push changes; buildfast 3, the other three 2."""
    files_spread: float = 1.6
    """Of files; nine in ten change at most 30 (buildfast), 10, 19 or 10."""
    files_added_share: float = 0.25
    """Pushes that add files; buildfast .25, travis_timed .15, travis_authors .23."""
    files_deleted_share: float = 0.08
    """Pushes that delete files; buildfast .09, travis_timed .05, travis_authors .07."""
    lines_median: float = 9.0
    """Lines added a changed file; buildfast and github_actions."""
    lines_spread: float = 1.3
    """Of lines a file; three in four builds add under 142 (buildfast) or 41 lines."""
    path_risk_spread: float = 0.8
    """Of directories' log-odds; github_actions: .17 of django's docs, .02 of django."""

    break_share: float = 0.05
    """Healthy pushes that break, at the median; buildfast: .093 red after green."""
    repository_risk_spread: float = 0.7
    """Of repositories' log-odds to break; fitted to their red shares, .05-.61."""
    mood_spread: float = 0.9
    """Of these log-odds over a repository's seasons; fitted, real months 1.0-1.25."""
    size_risk: float = 0.28
    """Log-odds an e-fold of lines; buildfast, parent green: .043 to .179 over 6.5."""
    fix_exponent: float = 2.5
    """Of the chance u^(1/this) that a push mends; fitted to red streaks, 2.6-3.1."""
    neglect: float = 0.5
    """Log-odds of mending lost for each gained of breaking; fitted to red shares."""
    test_failure_share: float = 0.4
    """Breaks that tests see, others stop the build; buildfast .32 of red builds."""

    flaky_share: float = 0.01
    """Red by chance, a pipeline's median; reruns of one commit differ in .02-.10."""
    flaky_spread: float = 1.0
    """Of that over pipelines; assumed."""
    outages_per_month: float = 1.5
    """Outages of an organisation's infrastructure, about an hour each; assumed."""
    rerun_share: float = 0.1
    """Red builds tried again, noise oftener; travis_authors: .025 of commits rerun."""
    cancelled_share: float = 0.5
    """Running builds cancelled by their pull request's next push; assumed."""

    duration_median_seconds: float = 420.0
    """Of repositories' medians; buildfast 421 (124-2804), github_actions 49."""
    duration_spread: float = 0.9
    """Of those medians; buildfast's quartiles are 188 and 1170 seconds."""
    duration_noise: float = 0.35
    """Of builds around theirs; buildfast's quartiles are -.35 and .28."""
    failed_duration_ratio: float = 0.72
    """Red over green; buildfast .71, github_actions .99."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense, before anything is drawn."""
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name.endswith("_share") and not 0 <= value <= 1:
                raise BadInput(_refusal(name, value, "use a share from 0 to 1"))
            if isinstance(value, float) and not 0 <= value < inf:
                raise BadInput(_refusal(name, value, "use a finite number from 0 on"))
            if name in _ABOVE_ZERO and value == 0:
                raise BadInput(_refusal(name, value, "use a number above 0"))
        sizes = (self.organisations, self.repositories, self.builds)
        if not 1 <= sizes[0] <= sizes[1] <= sizes[2]:
            wanted = "use whole numbers from 1 on, none above the next"
            names = "organisations, repositories, builds"
            message = f"{names} are {sizes!r}; {wanted}"
            raise BadInput(message)
        shares = self.pipeline_shares
        if not (len(shares) <= MOST_PIPELINES and sum(shares) > 0 <= min(shares)):
            wanted = f"use 1 to {MOST_PIPELINES} shares from 0 on, not all 0"
            raise BadInput(_refusal("pipeline_shares", shares, wanted))
        if self.ends_at.tzinfo is None:
            wanted = "use a time with its time zone"
            raise BadInput(_refusal("ends_at", self.ends_at, wanted))

    @property
    def days(self) -> float:
        """How long the history is: at least a week."""
        return max(7.0, self.builds / (self.repositories * self.builds_per_day))


def _refusal(name: str, value: object, wanted: str) -> str:
    return f"{name} is {value!r}; {wanted}"
