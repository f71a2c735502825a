"""The results as a page."""

from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import Any

from benchmarks.quality import header, row
from benchmarks.serving.questions import CHECKED_ROWS, MANY_ROWS, TOLERANCE
from benchmarks.serving.targets import counted, standings
from benchmarks.serving.visit import SETTINGS

Found = dict[str, Any]

_FOREIGN = "others, cores"


def markdown(found: Found) -> str:
    """Lay the results out."""
    fit = _without_unfit(found)
    lines = [*_preface(found), *_targets(fit)]
    for rows, connections in SETTINGS:
        case = [
            run
            for run in fit["runs"]
            if (run["rows"], run["connections"]) == (rows, connections)
        ]
        if case:
            asked = f"{counted(rows, 'row')}, {counted(connections, 'connection')}"
            lines += ["", f"## {asked}", "", *_loads(fit, case)]
    return "\n".join([*lines, *_starts(fit), *_paced(fit)]) + "\n"


def _without_unfit(found: Found) -> Found:
    kept = {
        name: [one for one in found[name] if one["server"] not in found["unfit"]]
        for name in ("starts", "runs", "paced")
    }
    return found | kept


def _preface(found: Found) -> Iterator[str]:
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    yield from (
        "# Serving",
        "",
        f"Made by: {made}. The quality benchmark's model for `buildfast`, in",
        "every server: what differs is the server, and what it scores with. Each runs",
        "alone on core 0, with one worker and OMP_NUM_THREADS=1 and otherwise with its",
        "default settings (MLServer: no parallel workers); wrk asks it from core 1,",
        "after a second to warm up. Figures are medians over rounds in which all take",
        "turns, the least and the greatest in parentheses. *CPU* is the time of all",
        "of a server's processes, user and system, by answered requests. *Others* is",
        "the time of all else that ran meanwhile, in cores, interrupts included: much",
        "above .1, latencies are not to be trusted and CPU times are too high.",
        "Requests hold all of the model's numbers, unless marked. Before and after the",
        f"load each server was asked about 1, {CHECKED_ROWS} and {MANY_ROWS} rows; one",
        f"whose P(red) is not within {TOLERANCE:g} of scikit-learn's (calibrated: of",
        "the bundle's, read in this process), or that fails one request, is out.",
        "",
        header("server", "versions"),
    )
    for one in found["servers"].values():
        yield row(one["name"], one["versions"])
    yield ""
    for key, reason in found["unfit"].items():
        yield f"Out: {found['servers'][key]['name']}: {reason}."
    if not found["unfit"]:
        yield "None is out."


def _targets(found: Found) -> Iterator[str]:
    told = "Medians; by which of our doors is in parentheses."
    yield from ("", "## What was to be reached", "", told, "")
    yield header("what", "ours", "against", "reached", "target", "")
    for one in standings(found):
        *cells, is_met = one
        yield row(*cells, "met" if is_met else "**not met**")


def _loads(found: Found, runs: list[Found]) -> Iterator[str]:
    yield header(
        "server", "n", "CPU, µs a request", "requests/s", "p50, ms", "p99, ms", _FOREIGN
    )
    for server, door in dict.fromkeys((run["server"], run["door"]) for run in runs):
        its = [run for run in runs if (run["server"], run["door"]) == (server, door)]
        yield row(
            f"{found['servers'][server]['name']} ({door})",
            str(len(its)),
            _spread(its, "cpu_us", "{:,.0f}".format),
            _spread(its, "requests_a_second", "{:,.0f}".format),
            _spread(its, "p50_ms", "{:.2f}".format),
            _spread(its, "p99_ms", "{:.2f}".format),
            _spread(its, "foreign_cores", "{:.2f}".format),
        )


def _starts(found: Found) -> Iterator[str]:
    yield from (
        "",
        "## Start and memory",
        "",
        "*Cold start*: from the process's start to its first right answer, files in",
        "the page cache. *Memory*: after the load; a page that n processes of this",
        "machine share counts an nth to each (PSS), or whole to each (RSS).",
        "",
        header("server", "n", "cold start, s", "memory, PSS, MB", "memory, RSS, MB"),
    )
    for server in dict.fromkeys(one["server"] for one in found["starts"]):
        its = [one for one in found["starts"] if one["server"] == server]
        yield row(
            found["servers"][server]["name"],
            str(len(its)),
            _spread(its, "cold_seconds", "{:.2f}".format),
            _spread(its, "pss_bytes", _megabytes),
            _spread(its, "rss_bytes", _megabytes),
        )


def _paced(found: Found) -> Iterator[str]:
    if not found["paced"]:
        return
    yield from (
        "",
        "## Builds at a given rate",
        "",
        "Requests come at random moments, whether or not those before are answered;",
        "latency counts from the moment a request is due. Each asks about a build of",
        "the repository that has most of them, and is journalled.",
        "",
        header(
            "requests/s",
            "n",
            "CPU, µs a request",
            "p50, ms",
            "p99, ms",
            "max, ms",
            _FOREIGN,
        ),
    )
    its = found["paced"]
    yield row(
        str(its[0]["rate"]),
        str(len(its)),
        _spread(its, "cpu_us", "{:,.0f}".format),
        _spread(its, "p50_ms", "{:.2f}".format),
        _spread(its, "p99_ms", "{:.2f}".format),
        _spread(its, "max_ms", "{:.2f}".format),
        _spread(its, "foreign_cores", "{:.2f}".format),
    )


def _spread(runs: Iterable[Found], figure: str, tell: Callable[[float], str]) -> str:
    """Tell the median of a figure and its extremes."""
    figures = [run[figure] for run in runs]
    if len(figures) == 1:
        return tell(figures[0])
    return f"{tell(median(figures))} ({tell(min(figures))}–{tell(max(figures))})"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.0f}"
