"""What a comparison of inputs with a baseline found, as one record."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

DriftVerdict: TypeAlias = Literal["drift", "no drift", "insufficient"]

Calibration: TypeAlias = Literal["independent rows", "windows", "none"]
"""What chance is judged by: rows taken as independent, or how much the baseline's own
windows differ."""

FindingKind: TypeAlias = Literal[
    "missing",
    "unseen_category",
    "constant",
    "out_of_range",
    "absent_column",
    "new_column",
    "unreadable",
]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """
    One thing about the data that is wrong or strange, whatever chance says.

    Attributes:
        kind: Which kind of thing.
        column: Where.
        share: Of the rows; None where that means nothing.
        blocks: Whether a model must not be taught by such data.
        words: What it is, for people.
    """

    kind: FindingKind
    column: str
    share: float | None = None
    blocks: bool = False
    words: str


class FeatureDrift(msgspec.Struct, frozen=True, kw_only=True):
    """
    How one column differs from the baseline.

    Attributes:
        name: The column.
        family: Which of its statistics is the most unusual.
        score: How unusual, in standard deviations; None if it was not tested.
        p_value: The chance of something as unusual in this statistic alone.
        effect: How large, whatever the number of rows: the greatest gap between the
            distribution functions, or between shares of a category; in [0, 1].
        shift: Of the mean, in the baseline's standard deviations, where every value
            counts as its rank's normal score; None for a category.
        missing: Share of unknown values now.
        missing_before: Likewise in the baseline.
    """

    name: str
    family: str | None = None
    score: float | None = None
    p_value: float | None = None
    effect: float | None = None
    shift: float | None = None
    missing: float = 0.0
    missing_before: float = 0.0


class WindowDrift(msgspec.Struct, frozen=True, kw_only=True):
    """
    One window beside the baseline's.

    Attributes:
        starts_at: When it begins.
        rows: How many rows it has.
        p_value: Of this window alone; None if it was not tested.
        family: Which family of statistics is the most unusual.
        feature: Which column, or two of them.
        slow: The sum over windows that looks for slow drift, as a share of the one
            that alarms; None if it was not tested.
        slow_feature: Whose sum that is.
    """

    starts_at: datetime
    rows: int
    p_value: float | None = None
    family: str | None = None
    feature: str | None = None
    slow: float | None = None
    slow_feature: str | None = None


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a comparison found.

    Attributes:
        verdict: `insufficient` where nothing can be said.
        why: The reason of the verdict, for people.
        p_value: The chance of something as unusual anywhere, if nothing has changed;
            it is drift below `threshold`. None if nothing could be said.
        threshold: The family-wise level: of one comparison where rows are taken as
            independent, of 30 windows in a row otherwise.
        calibration: What chance is judged by.
        family: Which family of statistics is the most unusual.
        feature: Which column is, or two of them.
        baseline_rows: Rows of the baseline.
        current_rows: Rows compared with it.
        baseline_windows: Windows of the baseline that chance was judged by.
        features: Each column, the most unusual first.
        windows: Each window compared, in the order of time.
        findings: What is wrong or strange about the data, apart from drift.
    """

    verdict: DriftVerdict
    why: str
    p_value: float | None = None
    threshold: float
    calibration: Calibration
    family: str | None = None
    feature: str | None = None
    baseline_rows: int
    current_rows: int
    baseline_windows: int = 0
    features: tuple[FeatureDrift, ...] = ()
    windows: tuple[WindowDrift, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_drift(self) -> bool:
        """Whether the verdict is drift."""
        return self.verdict == "drift"
