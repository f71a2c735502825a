"""
The five facts a CI history consists of.

A fact has two times: when it happened (`occurred_at`) and when it reached us
(`received_at`, none if it was imported). It is *known* from `known_at` on:
receipt where there was one, occurrence otherwise. All times are UTC-aware.
"""

from datetime import datetime
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """How an attempt ended; `NONE` (cancelled, skipped, …) is no label."""

    PASSED = "passed"
    FAILED = "failed"
    NONE = "none"


class Cause(StrEnum):
    """Why an attempt was red; settles later than the outcome itself."""

    GENUINE = "genuine"
    FLAKY = "flaky"
    INFRA = "infra"


class BuildKey(msgspec.Struct, frozen=True, order=True):
    """
    What names one attempt of one build, everywhere and for good.

    >>> BuildKey("github", "acme/shop", "ci.yml", "8812", 2).organisation
    'acme'
    """

    source: str
    repo: str
    pipeline: str
    build_id: str
    attempt: int = 1

    @property
    def organisation(self) -> str:
        """The first segment of the repository's name: the unit of tenancy."""
        return self.repo.partition("/")[0]


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a commit changed; a count that is not known is None, never 0."""

    files_added: float | None = None
    files_modified: float | None = None
    files_deleted: float | None = None
    lines_added: float | None = None
    lines_deleted: float | None = None
    paths: tuple[str, ...] = ()


class Build(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    The question: all that is known of an attempt when it starts.

    `author` is a keyed hash, never a name (see `history.identity`). `signals`
    holds numbers known before the build, by name without the `signal.` prefix.
    """

    key: BuildKey
    branch: str | None = None
    event: str | None = None
    commit_sha: str | None = None
    parent_build_id: str | None = None
    author: str | None = None
    is_bot: bool | None = None
    change: Change | None = None
    signals: dict[str, float] = {}


class _Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    occurred_at: datetime
    received_at: datetime | None = None

    @property
    def known_at(self) -> datetime:
        """From when on the fact may be used: `received_at or occurred_at`."""
        return self.received_at or self.occurred_at


class BuildStarted(_Fact, frozen=True, omit_defaults=True, tag="started"):
    """An attempt started: the moment a forecast is asked for."""

    build: Build

    @property
    def key(self) -> BuildKey:
        """The attempt this fact is about."""
        return self.build.key


class ChangeSeen(_Fact, frozen=True, omit_defaults=True, tag="change"):
    """What an attempt's commit changed, learnt after the attempt had started."""

    key: BuildKey
    change: Change


class PredictionShown(_Fact, frozen=True, omit_defaults=True, tag="prediction"):
    """What we answered for an attempt, as its readers saw it."""

    key: BuildKey
    probability: float
    model_version: str


class BuildFinished(_Fact, frozen=True, omit_defaults=True, tag="finished"):
    """
    An attempt ended; its outcome is final for that attempt.

    `results` holds numbers the build produced, by name without the `result.`
    prefix. `is_assumed` says that the finish time is a guess (no finish time
    and no duration were in the history).
    """

    key: BuildKey
    outcome: Outcome
    results: dict[str, float] = {}
    is_assumed: bool = False


class CauseSettled(_Fact, frozen=True, omit_defaults=True, tag="cause"):
    """Why a red attempt was red, once that is settled."""

    key: BuildKey
    cause: Cause


Event = BuildStarted | ChangeSeen | PredictionShown | BuildFinished | CauseSettled

KIND_ORDER: dict[type[Event], int] = {
    BuildStarted: 0,
    ChangeSeen: 1,
    PredictionShown: 2,
    BuildFinished: 3,
    CauseSettled: 4,
}
"""Rank of each kind among facts known at one instant: questions before answers."""
