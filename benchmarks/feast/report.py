"""What was measured of a Feast server, laid out."""

from typing import Any

from benchmarks.feast.alternatives import READS
from benchmarks.feast.builds import PATHS
from benchmarks.quality import header, row
from breakcast.adapters.feast.client import READ_SECONDS

GOAL_P99_MS = 100.0
LARGE_BYTES = 200_000


def markdown(found: dict[str, Any]) -> str:
    """Lay out what was measured."""
    paced, ways = found["paced"], found["ways"]
    is_met = paced["p99_ms"] < GOAL_P99_MS and not paced["failed"]
    said = "met" if is_met else "**not met**"
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    columns = ("p50_ms", "p99_ms", "server_cpu_ms")
    first, last = paced["p50_ms_first_third"], paced["p50_ms_last_third"]
    lines = [
        "# Records read off a Feast server",
        "",
        f"Made by: {made}. The server, Redis and what asks share the cores.",
        "",
        "Feast 0.67, two workers, on Redis, its registry in SQL. Each build has",
        f"{PATHS} paths and a parent: {found['keys']:.0f} keys in",
        f"{found['requests']:.1f} requests.",
        "",
        "## At a given rate",
        "",
        f"{paced['rate']} builds a second at random moments for {paced['seconds']} s;",
        "each is read whole and made a row. Latency counts from when it was due.",
        "",
        header("rows", "failed", "p50, ms", "p99, ms", "max, ms", "server CPU, ms"),
        row(
            f"{paced['reads']:,}",
            str(paced["failed"]),
            *(
                f"{paced[name]:.1f}"
                for name in ("p50_ms", "p99_ms", "max_ms", "server_cpu_ms")
            ),
        ),
        "",
        f"p99 below {GOAL_P99_MS:.0f} ms and none failed (a request is given up after",
        f"{READ_SECONDS * 1e3:.0f} ms): {said}. p50 was {first:.1f} ms in the first",
        f"third of the time, {last:.1f} ms in the last. Meanwhile Redis and what else",
        f"runs here kept {paced['foreign_cores']:.1f} cores busy.",
        "",
        "## Ways to lay records out",
        "",
        f"The first request of a build, one after the other, n = {READS} a way.",
        "",
        header("layout", "p50, ms", "p99, ms", "server CPU, ms"),
        *(
            row(name, *(f"{way[column]:.1f}" for column in columns))
            for name, way in ways.items()
        ),
        "",
        f"A record of {LARGE_BYTES // 1000} kB, as large as a neighbourhood gets, read",
        f"alone: p50 {found['large_ms']:.1f} ms.",
    ]
    return "\n".join(lines) + "\n"
