"""The loop and the task that run, without asking the operating system."""

import asyncio
from typing import Any, NamedTuple, cast


class Running(NamedTuple):
    """What runs at this moment."""

    loop: asyncio.AbstractEventLoop
    task: "asyncio.Task[Any]"


class _Seen:
    """The loop that ran last time: in a server it is always the same one."""

    loop: asyncio.AbstractEventLoop | None = None


def running() -> Running:
    """
    Tell what runs; called by a task.

    asyncio's own way asks the system each time for the process's id, to find out
    about forks. That a task of the loop seen last runs here says as much.

    Raises:
        RuntimeError: If nothing runs.
    """
    loop = _Seen.loop
    task = None if loop is None else asyncio.current_task(loop)
    if loop is None or task is None:
        loop = _Seen.loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
    return Running(loop, cast("asyncio.Task[Any]", task))
