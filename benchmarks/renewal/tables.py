"""The results as a page."""

from collections import Counter
from typing import Any

from benchmarks.quality import header, row

_SEEDS = "Simulated seeds are others than those the gate was made on."
_KINDS = (
    "*null*: taught by the same data as the champion, with another seed. *labels*: a "
    "fifth of the labels turned round. *column*: the column that most trees cut first, "
    "shuffled. *stale*: taught by the first third only. Ten histories, a champion each."
)
_COLUMNS = (
    "*lost*: accuracy behind the best of these, in points. *recovered*: days from each "
    "change of the rules until a model answered that got back half of what the change "
    "had cost. *false*: promotions after which the next four weeks were forecast worse "
    "than by the model before. *every third time*: to train each time takes hours. The "
    "year is gone through day by day, `travis_timed` in steps of four weeks."
)


def markdown(found: dict[str, Any]) -> str:
    """Lay the results out as a page."""
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    minutes = sum(found["minutes"].values())
    parts = [
        "# Renewal",
        f"Made by: {made}. It took {minutes:.0f} minutes. {_SEEDS}",
        _challengers(found["challengers"]),
        *(_world(journeys) for journeys in found["worlds"].values()),
    ]
    return "\n\n".join(parts) + "\n"


def _challengers(rows: list[dict[str, Any]]) -> str:
    lines = [
        "## Whom the gate lets through",
        "",
        _KINDS,
        "",
        header("challengers", "judged", "promoted", "share"),
    ]
    asked = Counter(one["kind"] for one in rows)
    promoted = Counter(one["kind"] for one in rows if one["is_promoted"])
    lines += [
        row(kind, str(count), str(promoted[kind]), f"{promoted[kind] / count:.3f}")
        for kind, count in asked.items()
    ]
    return "\n".join(lines)


def _world(journeys: list[dict[str, Any]]) -> str:
    best = max(one["accuracy"] for one in journeys)
    lines = [
        f"## {journeys[0]['world'].capitalize()}",
        "",
        f"{journeys[0]['builds']:,} labelled builds. {_COLUMNS}",
        "",
        header(
            *("strategy", "accuracy", "lost", "Brier", "retrains", "refused"),
            *("promoted", "false", "recovered, days"),
        ),
    ]
    for one in journeys:
        recovered = ", ".join(
            "–" if days is None else f"{days:.0f}" for days in one["recovered"]
        )
        lines.append(
            row(
                one["strategy"],
                f"{one['accuracy']:.4f}",
                f"{100 * (best - one['accuracy']):.2f}",
                f"{one['brier']:.4f}",
                str(one["retrains"]),
                str(one["refused"]),
                str(one["promoted"]),
                str(one["false"]),
                recovered or "–",
            )
        )
    return "\n".join([*lines, "", _figure(journeys)])


def _figure(journeys: list[dict[str, Any]]) -> str:
    """Draw accuracy over time, as a chart that Markdown viewers know."""
    days = journeys[0]["points_days"]
    points = len(journeys[0]["accuracy_by_point"])
    lines = [
        "```mermaid",
        "xychart-beta",
        f'  title "Accuracy, every {days} days; lines in the order of the table"',
        f'  x-axis "days" 0 --> {days * points}',
        '  y-axis "accuracy" 0.5 --> 1',
    ]
    for one in journeys:
        values = ", ".join(f"{value:.3f}" for value in one["accuracy_by_point"])
        lines.append(f"  line [{values}]")
    return "\n".join([*lines, "```"])
