"""
Track records: what outcomes a thing (a branch, an author, …) has lately had.

A record learns an outcome when it becomes known and ages when it is *read*:
its counts are brought forward to the reader's as-of, so a record that nobody
updates still forgets. Counts decay by time (half-lives of a day and of a
month); ratios also decay by outcome (about the last 3, 10 and 40).
"""

from bisect import bisect_left, bisect_right
from math import exp2, nan

import msgspec

from breakcast.features.catalog import features_of

HOUR = 3600.0
LOST_AFTER_SECONDS = 86_400.0
"""A build that has not finished a day after its start no longer counts as in flight."""
FLYING_REMEMBERED = 512
"""More builds than so many are not told apart in flight."""
_PER_HOUR = -1.0 / HOUR
_PER_DAY = _PER_HOUR / 24
_PER_MONTH = _PER_DAY / 30

TRACK_FACTS = (
    ("red_ratio_3", "ratio", "Red share of about the last 3 known outcomes."),
    ("red_ratio_10", "ratio", "Red share of about the last 10 known outcomes."),
    ("red_ratio_40", "ratio", "Red share of about the last 40 known outcomes."),
    ("red_ratio_day", "ratio", "Red share, outcomes halving in weight each day."),
    ("red_ratio_month", "ratio", "Red share, outcomes halving in weight each month."),
    ("red_ratio_ever", "ratio", "Red share of all known outcomes."),
    ("known_day", "builds", "Known outcomes, halving in weight each day."),
    ("known_month", "builds", "Known outcomes, halving in weight each month."),
    ("known_ever", "builds", "All known outcomes."),
    (
        "flip_ratio",
        "ratio",
        "Share of about the last 20 outcomes unlike the one before.",
    ),
    ("last_failed", "flag", "Whether the last known outcome was red."),
    ("streak", "builds", "Equal outcomes in a row up to the last: red > 0 > green."),
    ("since_known_hours", "hours", "Since an outcome last became known."),
    ("since_red_hours", "hours", "Since a red outcome last became known."),
    ("since_green_hours", "hours", "Since a green outcome last became known."),
    ("duration_minutes", "minutes", "Mean duration of about the last 10 builds."),
    ("in_flight", "builds", "Builds started and not yet finished."),
    ("since_start_hours", "hours", "Since a build last started."),
    ("known_share", "ratio", "Known outcomes of builds started, halving each month."),
)
# Over how many outcomes a ratio averages once so many are known.
_MOST_COUNTED = 40
_COUNTED = [
    tuple(min(known, most) for most in (3, 10, 20, _MOST_COUNTED))
    for known in range(_MOST_COUNTED + 1)
]
TRACK_WIDTH = len(TRACK_FACTS)
UNKNOWN_TRACK = (nan,) * TRACK_WIDTH
_NEVER_KNOWN = (nan,) * 6 + (0.0, 0.0, 0.0) + (nan,) * 7

_KINDS = {
    "organisation": "the organisation",
    "repository": "the repository",
    "pipeline": "the pipeline in its repository",
    "branch": "the pipeline on this branch",
    "event": "the pipeline for this kind of event",
    "author": "the author in the organisation",
    "trunk": "the pipeline on the repository's main branch",
}
KINDS = tuple(_KINDS)
"""What is tracked, in row order."""

TRACK_FEATURES = tuple(
    feature
    for kind, thing in _KINDS.items()
    for feature in features_of(
        kind,
        ((fact, unit, f"Of {thing}: {meaning}") for fact, unit, meaning in TRACK_FACTS),
    )
)


class TrackRecord(msgspec.Struct, array_like=True):
    """
    Decayed counts and last facts of one thing; times in seconds since 1970.

    `flying` says when the builds started that have not finished, oldest first.

    >>> record = TrackRecord()
    >>> record.start(0.0)
    >>> record.start(30.0)
    >>> record.learn(failed=1.0, now=60.0, minutes=1.0)
    >>> record.learn(failed=0.0, now=90.0, minutes=1.0)
    >>> record.known, record.streak, record.red_ratio_3
    (2, -1, 0.5)
    """

    touched_at: float = 0.0
    started: float = 0.0
    flying: list[float] = []
    known: int = 0
    red: int = 0
    red_ratio_3: float = nan
    red_ratio_10: float = nan
    red_ratio_40: float = nan
    flip_ratio: float = 0.0
    last_failed: float = nan
    streak: int = 0
    minutes: float = nan
    known_at: float = nan
    red_at: float = nan
    green_at: float = nan
    known_day: float = 0.0
    red_day: float = 0.0
    known_month: float = 0.0
    red_month: float = 0.0

    def start(self, now: float) -> None:
        """Count a build that starts now and whose outcome is still unknown."""
        self.started = self.started * exp2((now - self.touched_at) * _PER_MONTH) + 1.0
        self.touched_at = now
        flying = self.flying
        if flying and flying[0] <= now - LOST_AFTER_SECONDS:
            del flying[: bisect_right(flying, now - LOST_AFTER_SECONDS)]
        elif len(flying) == FLYING_REMEMBERED:
            del flying[0]
        flying.append(now)

    def leave(self, started_at: float) -> None:
        """Count out a build that started then and is no longer in flight."""
        flying = self.flying
        at = bisect_left(flying, started_at)
        # A record dropped and made anew may be left by builds it never saw start.
        if at < len(flying) and flying[at] == started_at:
            del flying[at]

    def in_flight(self, now: float) -> int:
        """How many builds have started within a day and not finished."""
        flying = self.flying
        return len(flying) - bisect_right(flying, now - LOST_AFTER_SECONDS)

    def learn(self, failed: float, now: float, minutes: float) -> None:
        """Learn an outcome (1.0 red, 0.0 green); minutes may be NaN."""
        known = self.known = self.known + 1
        of_3, of_10, of_20, of_40 = _COUNTED[known if known < _MOST_COUNTED else -1]
        if known == 1:
            self.red_ratio_3 = self.red_ratio_10 = self.red_ratio_40 = failed
            self.streak = 1 if failed else -1
        else:
            self.red_ratio_3 += (failed - self.red_ratio_3) / of_3
            self.red_ratio_10 += (failed - self.red_ratio_10) / of_10
            self.red_ratio_40 += (failed - self.red_ratio_40) / of_40
            if failed == self.last_failed:
                self.flip_ratio -= self.flip_ratio / of_20
                self.streak += 1 if failed else -1
            else:
                self.flip_ratio += (1.0 - self.flip_ratio) / of_20
                self.streak = 1 if failed else -1
            gap = now - self.known_at
            fading = exp2(gap * _PER_DAY)
            self.known_day *= fading
            self.red_day *= fading
            fading = exp2(gap * _PER_MONTH)
            self.known_month *= fading
            self.red_month *= fading
        if minutes == minutes:
            mean = self.minutes
            self.minutes = minutes if mean != mean else mean + (minutes - mean) / of_10
        self.last_failed = failed
        self.known_at = now
        self.known_day += 1.0
        self.known_month += 1.0
        if failed:
            self.red += 1
            self.red_day += 1.0
            self.red_month += 1.0
            self.red_at = now
        else:
            self.green_at = now

    def features(self, now: float) -> tuple[float, ...]:
        """What the record says at `now`, in the order of `TRACK_FACTS`."""
        since_touched = now - self.touched_at
        known = self.known
        if not known:
            in_flight = self.in_flight(now)
            return (*_NEVER_KNOWN, in_flight, since_touched / HOUR, 0.0)
        gap = now - self.known_at
        known_month = self.known_month * exp2(gap * _PER_MONTH)
        return (
            self.red_ratio_3,
            self.red_ratio_10,
            self.red_ratio_40,
            self.red_day / self.known_day,
            self.red_month / self.known_month,
            self.red / known,
            self.known_day * exp2(gap * _PER_DAY),
            known_month,
            known,
            self.flip_ratio,
            self.last_failed,
            self.streak,
            gap / HOUR,
            (now - self.red_at) / HOUR,
            (now - self.green_at) / HOUR,
            self.minutes,
            self.in_flight(now),
            since_touched / HOUR,
            known_month / (self.started * exp2(since_touched * _PER_MONTH)),
        )


class Tally(msgspec.Struct, array_like=True):
    """
    Known outcomes and reds of one thing, decayed over a half-life in seconds.

    >>> tally = Tally()
    >>> tally.learn(1.0, now=0.0, half_life=HOUR)
    >>> tally.known_at(HOUR, half_life=HOUR)
    0.5
    """

    touched_at: float = 0.0
    known: float = 0.0
    red: float = 0.0
    last_failed: float = nan

    def learn(self, failed: float, now: float, half_life: float) -> None:
        """Learn an outcome that became known now."""
        fading = exp2((self.touched_at - now) / half_life)
        self.known = self.known * fading + 1.0
        self.red = self.red * fading + failed
        self.touched_at = now
        self.last_failed = failed

    def known_at(self, now: float, half_life: float) -> float:
        """The weight of known outcomes as seen at `now`."""
        return self.known * exp2((self.touched_at - now) / half_life)
