"""The tables of what was found about drift."""

from typing import Any

from benchmarks.quality import header, number, row


def markdown(found: dict[str, Any]) -> str:
    """Lay out what was found."""
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    return f"""# Drift: false alarms, and what is found

Made by: {made}. Everything made up is drawn from seeds that were not looked at while
the monitor was made; n is in each table.

## Independent rows

Thirty features, a baseline of 10,000 rows, level .05. Asked: .03 to .07.

{header("rows", "nulls", "false alarms")}
{_rows(found["independent"], ("rows", "nulls", "false_alarms"))}

## Months without drift

Thirty features, days as windows, a baseline of eight weeks; every day has something of
its own (.1 SD in each feature). Asked: at most .5 false alarms a month.

{header("rows a day", "week", "months", "false alarms a month", "months with any")}
{
        _rows(
            found["months"],
            (
                "rows_a_day",
                "cycle",
                "months",
                "false_alarms_a_month",
                "months_with_drift",
            ),
        )
    }

## What is found

The same days, changed from some day on. Asked: .3 SD in one feature within seven days
in .95 of the runs at least; the last three the same day, likewise.

{header("rows a day", "change", "runs", "same day", "within 3 days", "within 7 days")}
{
        _rows(
            found["shifts"],
            (
                "rows_a_day",
                "shift",
                "runs",
                "same_day",
                "within_3_days",
                "within_7_days",
            ),
        )
    }

## Inputs and outcomes

A forecaster that stays as it is. *Benign*: all inputs move that do not tell red from
green. *Concept*: in a fifth of the rows the opposite happens, inputs stay. Outcomes
page, inputs never do. Asked: no alarm of outcomes on benign change, one within 1,000
labels on the other.

{header("change", "runs", "inputs drift", "outcomes alarm", "labels, median", "most")}
{
        _rows(
            found["labels"],
            (
                "scenario",
                "runs",
                "inputs_drift",
                "outcomes_alarm",
                "labels_median",
                "labels_most",
            ),
        )
    }

## Errors that become more

Streams of errors, independent or in bursts (correlation of neighbours .5), followed by
the sums of errors and Brier scores together, against a reference of so many labels.
Asked, at .08 in bursts: four points more within 900 labels, none missed within 5,000,
at most .5 false alarms in 10,000 labels.

{
        header(
            "errors",
            "together",
            "reference",
            "streams",
            "false alarms in 10,000",
            "+2 points, labels (missed)",
            "+4 points",
            "+8 points",
        )
    }
{_streams(found["streams"])}

{_real(found["real"])}

## What a report costs

100,000 rows of 40 columns against as many, one thread, CPU time, each in a process of
its own with SciPy imported before, in turn; medians. Asked: at most .25 s and 300 MB.

{header("how", "rounds", "baseline, s", "report, s", "peak, MB", "report / SciPy's")}
{_speed(found["speed"])}

{_peers(found["peers"])}"""


def _rows(found: list[dict[str, Any]], names: tuple[str, ...]) -> str:
    return "\n".join(row(*(_shown(one[name]) for name in names)) for one in found)


def _shown(value: Any) -> str:  # noqa: ANN401 - what JSON holds
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 10 else number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _streams(found: list[dict[str, Any]]) -> str:
    lines = []
    for one in found:
        delays = [
            f"{_labels(one[name]['labels_median'])} ({one[name]['missed']:.2f})"
            for name in ("plus_0.02", "plus_0.04", "plus_0.08")
        ]
        lines.append(
            row(
                f"{one['error_rate']:.2f}",
                f"{one['together']:.1f}",
                f"{one['reference']:,}",
                str(one["streams"]),
                f"{one['false_alarms_in_10000']:.2f}",
                *delays,
            )
        )
    return "\n".join(lines)


def _labels(median: float | None) -> str:
    return "more than 5,000" if median is None or median > 5_000 else f"{median:,.0f}"


def _real(found: dict[str, Any]) -> str:
    if not found:
        return "## Real builds\n\nNo real history was at hand."
    ordered = found["in_order"]
    weeks = [one for one in ordered["weeks"] if one["p_value"] is not None]
    loud = [
        one for one in weeks if one["p_value"] < 1e-3 or (one["slow"] or 0.0) >= 1.0
    ]
    shown = "\n".join(
        row(
            str(one["week"]),
            f"{one['p_value']:.1e}",
            f"{one['family']}: {one['feature']}",
            number(one["slow"]),
            str(one["slow_feature"]),
        )
        for one in loud[:12]
    )
    return f"""## Real builds

`{found["history"]}`, all {found["features"]} features, weeks as windows, the first
{found["baseline_weeks"]} of {found["weeks"]} as the baseline.

In any order ({found["orders"]} orders, 30 weeks each): {found["weeks_alarmed"]:.3f} of
the weeks would have alarmed by themselves, {found["runs_with_drift"]:.2f} of the runs
of 30 weeks say drift. Weeks that are unlike any of the 84 before are part of this
history whatever their order; a reference of 84 weeks cannot know of what happens once
in 200.

In their order: {ordered["verdict"]} ({ordered["family"]}: {ordered["feature"]}, P =
{ordered["p_value"]:.2g}). {len(loud)} of {len(weeks)} weeks alarm, the first of them:

{header("week", "P of the week", "most unusual", "slow sum / alarm", "whose")}
{shown}
"""


def _speed(found: dict[str, Any]) -> str:
    names = {
        "rows": "DataDriftMonitor, independent rows",
        "windows": "DataDriftMonitor, days",
        "scipy": "SciPy's ks_2samp, column by column",
    }
    beside = found["scipy"]["report_seconds"]
    return "\n".join(
        row(
            names[how],
            str(one["rounds"]),
            number(one["baseline_seconds"]) if how != "scipy" else "–",
            number(one["report_seconds"]),
            f"{one['peak_mb']:.0f}",
            f"{one['report_seconds'] / beside:.2f}",
        )
        for how, one in found.items()
    )


def _peers(found: dict[str, Any]) -> str:
    if not found:
        return ""
    lines = [row(*(_shown(one[name]) for name in _PEER)) for one in found["rows"]]
    return f"""## Beside others

On data of the same kind, each with its defaults, in an environment of its own
(`python -m benchmarks.drift.peers`): {found["about"]}.

{header("tool", "data", "n", "alarms", "CPU, s", "peak, MB")}
{chr(10).join(lines)}
"""


_PEER = ("tool", "data", "n", "alarms", "seconds", "peak_mb")
