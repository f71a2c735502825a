"""
uvicorn: the process, or processes, around the application.

On SIGTERM a server says that it is not ready, goes on to answer for a while
(whoever sends it requests has to learn of it first), closes each connection after
its answer, and only then stops to listen: nobody meets a connection that was cut.
"""

import asyncio
import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from breakcast.errors import BadInput, BreakcastError
from breakcast.serving.gate import Lifecycle

KEEP_ALIVE_SECONDS = 75
"""Longer than a load balancer keeps an idle connection: then it closes, not we."""
BACKLOG = 2_048
GRACE_SECONDS = 30
"""How long requests that are being answered may take to end."""
LINGER_SECONDS = 0.5
"""How long connections made at the very end have to send their request."""
SWITCH_SECONDS = 0.0005
"""How long a thread at work keeps the loop waiting; Python's own 5 ms is too much."""

_LOG = logging.getLogger("breakcast.server")
# From linux/filter.h and asm-generic/socket.h: "return 0", which drops a packet.
_SO_ATTACH_FILTER = 26
_DROP = struct.pack("HBBI", 0x06, 0, 0, 0)


class Listening(socket.socket):
    """
    An address taken to listen on.

    Sent to another process, the address is taken there anew: the system then deals
    connections out evenly. Of one socket that several accept from, whoever wakes
    first takes all that wait.
    """

    def __reduce__(self) -> tuple[Callable[..., "Listening"], tuple[str, int]]:
        """Take the address where this arrives."""
        host, port = self.getsockname()[:2]
        return partial(_take, is_shared=True), (host, port)


def listen(host: str, port: int, *, is_shared: bool = False) -> Listening:
    """
    Take an address.

    Args:
        host: A name or a number.
        port: 0 takes any that is free.
        is_shared: Whether other processes of ours are to listen on it too.

    Raises:
        BadInput: If it cannot be had.
    """
    try:
        alone = _take(host, port, is_shared=False)
        if not is_shared:
            return alone
        # Only one that nobody else has is shared: the system would let two servers
        # share it that know nothing of each other.
        with alone:
            host, port = alone.getsockname()[:2]
        return _take(host, port, is_shared=True)
    except (OSError, OverflowError) as error:
        message = f"cannot listen on {host!r}, port {port}: {error}; choose others"
        raise BadInput(message) from error


def _take(host: str, port: int, *, is_shared: bool) -> Listening:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    taken = Listening(family, kind, protocol)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    taken.bind(address)
    return taken


def is_loopback(host: str) -> bool:
    """
    Tell whether only this machine can reach an address.

    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run(
    make_app: Callable[[], ASGIApp],
    listening: Listening,
    *,
    workers: int,
) -> None:
    """
    Serve until a signal says to end.

    Args:
        make_app: Makes the application; sent to other processes if there are several.
        listening: By `listen`, shared if there are several.
        workers: How many processes. One that dies is replaced.

    Raises:
        BreakcastError: If the application could not be started.
    """
    config = uvicorn.Config(
        make_app,
        factory=True,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        workers=workers,
    )
    # uvicorn raises the signal again that ended it, when it is done: the exit code
    # of an orderly end is 0.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    exit_codes: list[object] = []
    try:
        if workers == 1:
            uvicorn.Server(config).run([listening])
        else:
            supervisor = Multiprocess(config, [listening])
            supervisor.run()
            exit_codes = [process.exitcode for process in supervisor.processes]
    except KeyboardInterrupt:
        _LOG.info("ended by the keyboard")
    except SystemExit as end:
        exit_codes = [end.code]
    if STARTUP_FAILURE in exit_codes:
        message = "the server could not start; the log above says why"
        raise BreakcastError(message)


def drain_on_sigterm(
    lifecycle: Lifecycle, listening: Listening, drain_seconds: float
) -> None:
    """
    Let SIGTERM begin the drain; uvicorn's own way to end comes after it.

    Called on the loop, by a process's main thread, once uvicorn has its handlers.

    Args:
        lifecycle: Learns that the drain has begun.
        listening: What this process listens on: refuses connections when it is over.
        drain_seconds: How long it takes.
    """
    loop = asyncio.get_running_loop()
    end: Any = signal.getsignal(signal.SIGTERM)

    def drain() -> None:
        if lifecycle.is_draining:
            return
        lifecycle.is_draining = True
        _LOG.info("not ready any more; ending in %g s", drain_seconds)
        loop.call_later(drain_seconds, stop)

    def stop() -> None:
        refuse_new(listening)
        loop.call_later(LINGER_SECONDS, end, signal.SIGTERM, None)

    def begin(number: int, frame: FrameType | None) -> None:
        del number, frame
        loop.call_soon_threadsafe(drain)

    signal.signal(signal.SIGTERM, begin)


def end_with_parent() -> None:
    """
    Let this process, if another one started it, end when that one has died.

    Killed, a supervisor tells nobody; its workers would go on listening.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def refuse_new(listening: socket.socket) -> None:
    """
    Let no new connection come about; those that wait to be accepted stay.

    A listening socket that is closed cuts those off. On Linux a filter that drops
    every packet goes before: whoever connects then tries again, and by that time
    finds the port closed, or taken by a successor.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(_DROP)
    filtering = struct.pack("HL", 1, ctypes.addressof(program))
    try:
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)
    except OSError as error:
        _LOG.warning("connections made in the last instant may be cut: %s", error)
