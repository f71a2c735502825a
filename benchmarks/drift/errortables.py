"""The tables of what was found about errors that become more."""

from typing import Any

from benchmarks.quality import header, row

_KINDS = ("plus_0.02", "plus_0.04", "plus_0.08")


def markdown(found: dict[str, Any]) -> str:
    """Lay out what was found."""
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    return f"""# Errors that become more

Made by: {made}. All streams are drawn from seeds on which nothing was chosen. In
bursts: correlation of neighbours .5. After the slash: its standard error.

## The sums of errors and Brier scores, together

Against a reference of so many labels. Medians of labels until the first alarm, in
brackets the share that has none within 5,000. Asked, in bursts: at most .5 false alarms
in 10,000 labels; four points more within 900, none missed.

{_head("reference")}
{_lines(found["streams"], "reference")}

## River's detectors

{_peers(found["peers"])}

## The judge itself, asked every 250 labels

Errors in bursts that stay as they are, over 25,000 labels, of which it looks at the
newest 10,000; a reference of 6,000, a promise of .88. Alarms that begin, in 10,000
labels: the report's, and its sums' alone.

{header("errors", "streams", "alarms begun", "of sums alone")}
{
        _table(
            row(
                f"{one['error_rate']:.2f}",
                str(one["streams"]),
                f"{one['alarm']:.2f} / {one['standard_error']:.2f}",
                f"{one['sums']:.2f}",
            )
            for one in found["asked"]
        )
    }

## A concept that turns

Right in 88.8 % before, in 73.1 % after. Asked: always found within 1,000 labels.

{header("together", "streams", "labels, median (missed)", "most")}
{
        _table(
            row(
                f"{one['together']:.1f}",
                str(one["streams"]),
                _delay(one),
                str(one["labels_most"]),
            )
            for one in found["turned"]
        )
    }

## Harder builds, truly forecast

Losses as they are, or less what the forecasts themselves expect (surprises). *Harder*:
builds are less clear, and forecasts say so. *Turned*: in a tenth the opposite happens.
The first alarm within 5,000 labels; a reference of 6,000.

{header("change", "streams", "errors before, after", "losses", "surprises")}
{
        _table(
            row(
                one["change"],
                str(one["streams"]),
                f"{one['errors_before']:.3f}, {one['errors_after']:.3f}",
                _delay(one["losses"]),
                _delay(one["surprises"]),
            )
            for one in found["mix"]
        )
    }

## Bounds of the accuracy

Share of streams whose true accuracy lies below the lower 95 % bound, and above the
upper one; .05 is nominal.

{
        header(
            "errors",
            "together",
            "labels",
            "streams",
            "below",
            "above",
            "Wilson: below",
            "above",
        )
    }
{
        _table(
            row(
                f"{one['error_rate']:.2f}",
                f"{one['together']:.1f}",
                f"{one['labels']:,}",
                f"{one['streams']:,}",
                *(
                    f"{one[name]:.3f}"
                    for name in ("lower", "upper", "wilson_lower", "wilson_upper")
                ),
            )
            for one in found["bounds"]
        )
    }

A report on 10,000 labels takes {found["judge_ms"]:.1f} ms; all of this but River's part
took {found["cpu_seconds"]:.0f} s of CPU.
"""


def _head(who: str) -> str:
    return header(
        who,
        "errors",
        "together",
        "streams",
        "false alarms in 10,000",
        "+2 points, labels (missed)",
        "+4 points",
        "+8 points",
    )


def _lines(found: list[dict[str, Any]], who: str) -> str:
    return _table(
        row(
            f"{one[who]:,}" if isinstance(one[who], int) else one[who],
            f"{one['error_rate']:.2f}",
            f"{one['together']:.1f}",
            str(one["streams"]),
            f"{one['false_alarms_in_10000']:.2f} / {one['standard_error']:.2f}",
            *(_delay(one[kind]) for kind in _KINDS),
        )
        for one in found
    )


def _peers(found: dict[str, Any]) -> str:
    if not found:
        return "River was not at hand."
    return f"""River {found["version"]}, defaults, on the very same errors, after the
same reference of 6,000 labels. They are told of errors only.

{_head("detector")}
{_lines(found["rows"], "tool")}"""


def _table(lines: Any) -> str:  # noqa: ANN401 - any number of lines
    return "\n".join(lines)


def _delay(found: dict[str, Any]) -> str:
    middle = found["labels_median"]
    shown = "more" if middle is None else f"{middle:,.0f}"
    return f"{shown} ({found['missed']:.2f})"
