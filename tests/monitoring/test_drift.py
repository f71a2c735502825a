"""Has data drifted? Asked of arrays and frames, with and without times, odd or not."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from breakcast import DataDriftMonitor
from breakcast.errors import BadInput
from breakcast.monitoring.driftreport import DriftReport

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def rows(seed: int, n: int, columns: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, columns))


def days(
    seed: int, first: int, count: int, a_day: int = 200, shift: float = 0.0
) -> tuple[np.ndarray, list[datetime]]:
    """Rows of some days: each day, and each weekend, has something of its own."""
    rng = np.random.default_rng(seed)
    values, times = [], []
    for day in range(first, first + count):
        own = 0.2 * rng.normal(size=4) + (day % 7 >= 5)
        own[2] += shift
        values.append(rng.normal(size=(a_day, 4)) + own)
        times += [MONDAY + timedelta(days=day, minutes=at) for at in range(a_day)]
    return np.concatenate(values), times


def test_independent_rows_alarm_about_as_often_as_promised() -> None:
    alarms = sum(
        DataDriftMonitor(rows(2 * seed, 1_000)).detect_drift(rows(2 * seed + 1, 200))
        for seed in range(300)
    )

    assert 0.02 <= alarms / 300 <= 0.08


def test_a_shifted_column_is_found_and_named() -> None:
    shifted = rows(1, 500)
    shifted[:, 2] += 0.5

    report = DataDriftMonitor(rows(0, 1_000)).report(shifted)

    assert report.verdict == "drift"
    assert report.feature == report.features[0].name == "2"
    assert report.family == "distribution"
    assert report.calibration == "independent rows"
    assert report.p_value is not None
    assert report.p_value < report.threshold == 0.05
    assert report.features[0].shift == pytest.approx(0.5, abs=0.1)


def test_what_detect_drift_says_is_a_plain_bool() -> None:
    monitor = DataDriftMonitor(rows(0, 200))

    assert type(monitor.detect_drift(rows(1, 200))) is bool
    assert type(monitor.detect_drift([])) is bool


def test_missing_values_are_drift_though_those_known_are_the_same() -> None:
    some_missing = rows(1, 1_000)
    some_missing[::10, 1] = np.nan

    report = DataDriftMonitor(rows(0, 1_000)).report(some_missing)

    assert (report.verdict, report.feature, report.family) == ("drift", "1", "missing")
    assert [one.kind for one in report.findings] == ["missing"]


def test_days_that_differ_by_themselves_are_no_drift_where_days_are_known() -> None:
    baseline, when = days(0, 0, 70)
    current, now = days(1, 70, 7)

    monitor = DataDriftMonitor(baseline, baseline_timestamps=when)

    assert DataDriftMonitor(baseline).detect_drift(current)
    report = monitor.report(current, timestamps=now)
    assert report.verdict == "no drift"
    assert (report.calibration, report.baseline_windows) == ("windows", 70)
    assert len(report.windows) == 7


def test_a_column_that_moves_away_from_its_days_is_drift() -> None:
    baseline, when = days(0, 0, 70)
    current, now = days(1, 70, 7, shift=0.8)

    report = DataDriftMonitor(baseline, baseline_timestamps=when).report(current, now)

    assert (report.verdict, report.feature) == ("drift", "2")


def test_the_baselines_times_may_be_told_with_the_question() -> None:
    baseline, when = days(0, 0, 70)
    current, now = days(1, 70, 7, shift=0.8)
    told_first = DataDriftMonitor(baseline, baseline_timestamps=when)

    told_late = DataDriftMonitor(baseline)

    assert told_late.detect_drift(current, now, when)
    assert told_late.report(current, now, when) == told_first.report(current, now)


def test_weeks_have_no_day_of_the_week() -> None:
    baseline, when = days(0, 0, 7 * 60, a_day=20)
    current, now = days(1, 7 * 60, 7, a_day=20)
    monitor = DataDriftMonitor(baseline, baseline_timestamps=when, window="week")

    report = monitor.report(current, now)

    assert (report.verdict, report.baseline_windows) == ("no drift", 60)


def test_too_few_windows_say_nothing() -> None:
    baseline, when = days(0, 0, 55)

    report = DataDriftMonitor(baseline).report(*days(1, 55, 1), when)

    assert report.verdict == "insufficient"
    assert "55 windows" in report.why
    assert not report.is_drift


def test_times_without_those_of_the_baseline_say_nothing() -> None:
    report = DataDriftMonitor(rows(0, 500)).report(*days(1, 0, 1))

    assert report.verdict == "insufficient"
    assert "baseline_timestamps" in report.why


def test_words_are_compared_by_their_shares() -> None:
    rng = np.random.default_rng(0)
    baseline = {"event": rng.choice(["push", "pull_request", "schedule"], 900)}
    monitor = DataDriftMonitor(baseline)

    assert not monitor.detect_drift({"event": rng.choice(baseline["event"], 300)})
    report = monitor.report({"event": ["push"] * 250 + ["tag"] * 50})

    assert (report.verdict, report.family) == ("drift", "category")
    assert "unseen_category" in [one.kind for one in report.findings]


@pytest.mark.parametrize(
    "times",
    [
        "datetimes",
        "numpy",
        "seconds",
        "text",
    ],
)
def test_times_come_in_any_shape(times: str) -> None:
    baseline, when = days(0, 0, 60, a_day=100)
    shaped: dict[str, Any] = {
        "datetimes": when,
        "numpy": np.array([one.replace(tzinfo=None) for one in when], "M8[ns]"),
        "seconds": [one.timestamp() for one in when],
        "text": [one.isoformat() for one in when],
    }

    report = DataDriftMonitor(baseline, baseline_timestamps=shaped[times]).report(
        *days(1, 60, 1)
    )

    assert report.baseline_windows == 60


def test_data_frames_are_read_column_by_column() -> None:
    pandas = pytest.importorskip("pandas")
    baseline = pandas.DataFrame(
        {
            "minutes": pandas.array([1, 2, None, 4] * 50, dtype="Int64"),
            "event": pandas.Series(["push", "tag", None, "push"] * 50),
            "at": pandas.to_datetime(["2026-01-01", None] * 100),
        }
    )
    monitor = DataDriftMonitor(baseline)

    report = monitor.report(baseline)

    assert report.verdict == "no drift"
    assert {one.name for one in report.features} == {"minutes", "event", "at"}
    assert not report.findings
    assert monitor.detect_drift(baseline.assign(event="tag"))


ODD: dict[str, Any] = {
    "nothing": [],
    "no rows": np.empty((0, 3)),
    "one row": np.zeros((1, 3)),
    "all unknown": np.full((200, 3), np.nan),
    "constant": np.zeros((200, 3)),
    "infinite": np.full((200, 3), np.inf),
    "one column": np.zeros(200),
    "more columns": np.zeros((200, 5)),
    "words": np.full((200, 3), "x"),
    "three dimensions": np.zeros((4, 5, 6)),
    "a scalar": 3,
    "None": None,
    "uneven columns": {"0": [1, 2, 3], "1": [1]},
    "mixed": {"0": [1, "x", None, 3.5, b"y", object()]},
    "huge": np.full((200, 3), 1e308),
    "complex": np.full((200, 3), 1j),
}


@pytest.mark.parametrize("baseline", ODD)
@pytest.mark.parametrize("current", ODD)
def test_odd_data_gets_a_verdict(baseline: str, current: str) -> None:
    monitor = DataDriftMonitor(ODD[baseline])

    report = monitor.report(ODD[current])

    assert monitor.detect_drift(ODD[current]) is report.is_drift
    decoded = msgspec.json.decode(msgspec.json.encode(report), type=DriftReport)
    assert decoded == report


@pytest.mark.parametrize("odd", ODD)
def test_odd_data_beside_sound_data_gets_a_verdict(odd: str) -> None:
    sound = rows(0, 300, 3)

    assert DataDriftMonitor(sound).report(ODD[odd]).threshold == 0.05
    assert DataDriftMonitor(ODD[odd]).report(sound).threshold == 0.05


@pytest.mark.parametrize(
    "odd", ["no rows", "one row", "all unknown", "constant", "more columns", "words"]
)
def test_odd_data_beside_sound_windows_gets_a_verdict(odd: str) -> None:
    baseline, when = days(0, 0, 60, a_day=100)
    monitor = DataDriftMonitor(baseline, baseline_timestamps=when)
    current = ODD[odd]

    report = monitor.report(current, [MONDAY + timedelta(days=63)] * len(current))

    assert msgspec.json.decode(msgspec.json.encode(report), type=DriftReport) == report


COLUMNS = arrays(
    np.float64,
    st.tuples(st.integers(0, 60), st.integers(1, 3)),
    elements=st.floats(allow_nan=True, allow_infinity=True),
)


@given(COLUMNS, COLUMNS)
def test_any_numbers_get_a_verdict(baseline: np.ndarray, current: np.ndarray) -> None:
    report = DataDriftMonitor(baseline).report(current)

    assert report.verdict in {"drift", "no drift", "insufficient"}
    assert report.p_value is None or 0.0 <= report.p_value <= 1.0


def test_one_row_or_none_is_not_enough() -> None:
    monitor = DataDriftMonitor(rows(0, 500))

    for few in (rows(1, 1), rows(1, 0), []):
        assert monitor.report(few).verdict == "insufficient"
        assert monitor.detect_drift(few) is False


def test_the_same_data_is_no_drift() -> None:
    data = rows(0, 500)

    assert DataDriftMonitor(data).report(data).verdict == "no drift"


def test_a_column_that_is_gone_or_new_is_found_but_is_no_drift() -> None:
    data = rows(0, 500)
    monitor = DataDriftMonitor({"a": data[:, 0], "b": data[:, 1]})

    report = monitor.report({"a": data[:, 0], "c": data[:, 2]})

    assert report.verdict == "no drift"
    assert {(one.kind, one.column, one.blocks) for one in report.findings} == {
        ("absent_column", "b", True),
        ("new_column", "c", False),
    }


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (np.full(300, np.nan), "missing"),
        (np.zeros(300), "constant"),
        (["x"] * 300, "unreadable"),
    ],
)
def test_a_broken_column_blocks(column: Any, kind: str) -> None:  # noqa: ANN401 - any column
    monitor = DataDriftMonitor({"minutes": rows(0, 1_000)[:, 0]})

    found = {one.kind: one for one in monitor.report({"minutes": column}).findings}

    assert found[kind].blocks  # type: ignore[index]


def test_a_count_that_grows_beyond_what_was_taught_blocks_nothing() -> None:
    """Else a young history would never be learnt from again."""
    monitor = DataDriftMonitor({"known_ever": np.arange(1_000.0)})

    report = monitor.report({"known_ever": np.arange(5_000.0, 5_300.0)})

    assert [(one.kind, one.blocks) for one in report.findings] == [
        ("out_of_range", False)
    ]


@pytest.mark.parametrize("threshold", [0, 1, -0.1, 2, math.nan])
def test_a_threshold_that_is_no_chance_is_refused(threshold: float) -> None:
    with pytest.raises(BadInput, match="a chance between 0 and 1"):
        DataDriftMonitor(rows(0, 10), threshold)


def test_times_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="got 1 times for 10 rows"):
        DataDriftMonitor(rows(0, 10), baseline_timestamps=[MONDAY])
    with pytest.raises(BadInput, match="got no times for 10 rows"):
        DataDriftMonitor(rows(0, 10), baseline_timestamps=["noon"] * 10)


def test_what_is_kept_of_the_baseline_are_figures() -> None:
    data = rows(0, 500)
    data[::2, 1] = np.nan

    stats = DataDriftMonitor(data).baseline_stats

    assert stats["names"].tolist() == ["0", "1", "2", "3"]
    assert stats["mean"] == pytest.approx(np.nanmean(data, axis=0))
    assert stats["missing"].tolist() == [0, 0.5, 0, 0]
