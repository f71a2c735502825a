"""One round of one server: started, checked, put under load, weighed, ended."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.quality import note
from benchmarks.serving.clocks import family, memory_bytes
from benchmarks.serving.contenders import Contender
from benchmarks.serving.load import press
from benchmarks.serving.openloop import pace
from benchmarks.serving.questions import MANY_ROWS
from benchmarks.serving.server import Server, Unfit, check, serving


class Setting(NamedTuple):
    """How a server is asked: about so many rows, over so many connections at once."""

    rows: int
    connections: int


SETTINGS = (Setting(1, 1), Setting(1, 16), Setting(1, 64), Setting(MANY_ROWS, 16))


def visit(contender: Contender, folder: Path, seconds: int) -> dict[str, Any]:
    """
    Measure a server once in every setting that its doors know.

    Args:
        contender: The server.
        folder: Where it is to run; made anew.
        seconds: How long each load lasts.

    Returns:
        `start`, with its time and memory; `runs`; `paced`, for a server that has
        history.

    Raises:
        Unfit: If it does not start or an answer is not right.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if contender.home is not None:
        # What it writes into its journal must not be there the next time.
        shutil.copytree(contender.home, folder / ".breakcast")
    who = {"server": contender.key}
    with serving(contender, folder) as server:
        for door in contender.doors:
            check(door, server.port)
        runs = [who | run for run in _runs(contender, server, folder, seconds)]
        # An open loop is for what forecasts builds: there the target is a rate.
        paced = [who | pace(server, contender.doors[0])] if contender.home else []
        proportional, resident = memory_bytes(family(server.pid))
        for door in contender.doors:
            check(door, server.port)
        for run in (*runs, *paced):
            if run["errors"]:
                message = f"{run['errors']} of {run['requests']} requests failed"
                raise Unfit(message)
    start = who | {
        "cold_seconds": server.cold_seconds,
        "pss_bytes": proportional,
        "rss_bytes": resident,
    }
    return {"start": start, "runs": runs, "paced": paced}


def _runs(
    contender: Contender, server: Server, folder: Path, seconds: int
) -> Iterator[dict[str, Any]]:
    for door in contender.doors:
        for setting in SETTINGS:
            if setting.rows not in door.bodies:
                continue
            body = folder / "body.json"
            body.write_bytes(door.bodies[setting.rows])
            run = press(
                server,
                door.path,
                body,
                connections=setting.connections,
                seconds=seconds,
            )
            asked = f"{setting.rows} × {setting.connections}"
            note(f"  {door.name}, {asked}: {run['cpu_us']:,.0f} µs")
            yield {"door": door.name, **setting._asdict(), **run}
