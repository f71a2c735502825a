"""
A circuit breaker: what keeps failing is not asked for a while.

Without it every answer would wait for the time-out of a server that is away.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from breakcast.errors import StoreError


class CircuitBreaker:
    """
    Lets calls through until several in a row have failed; then one, now and again.

    Safe to share between threads.

    Args:
        failures: After how many failures in a row no more calls are let through.
        cool_down_seconds: For how long; then a single call may try. If it succeeds
            all are let through again, if it fails none is for as long again.
        clock: Tells the time in seconds, from any zero, never backwards.

    >>> breaker = CircuitBreaker(failures=1, cool_down_seconds=3, clock=lambda: 0.0)
    >>> with breaker.call():
    ...     raise StoreError("it did not answer")
    Traceback (most recent call last):
    breakcast.errors.StoreError: it did not answer
    >>> breaker.is_open
    True
    """

    def __init__(
        self, *, failures: int, cool_down_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._allowed = failures
        self._cool_down = cool_down_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._is_probed = False

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for the one that tries."""
        return self._opened_at is not None

    @contextmanager
    def call(self) -> Iterator[None]:
        """
        Make a call in this block; it has failed if the block raises.

        Raises:
            StoreError: If the call is not let through.
        """
        is_probe = self._enter()
        try:
            yield
        except BaseException as error:
            self._leave(
                is_probe=is_probe,
                # Who gives up waiting has learnt nothing about the other side.
                has_failed=isinstance(error, Exception),
            )
            raise
        self._succeeded()

    def _enter(self) -> bool:
        """Let a call through, or refuse it; tell whether it is the one that tries."""
        with self._lock:
            if self._opened_at is None:
                return False
            left = self._opened_at + self._cool_down - self._clock()
            if left <= 0 and not self._is_probed:
                self._is_probed = True
                return True
        when = f"in {left:.1f} s" if left > 0 else "once a call under way has ended"
        message = (
            f"it is not asked: {self._failures} calls in a row have failed; "
            f"it is tried again {when}"
        )
        raise StoreError(message)

    def _leave(self, *, is_probe: bool, has_failed: bool) -> None:
        with self._lock:
            if is_probe:
                self._is_probed = False
            if not has_failed:
                return
            self._failures += 1
            # Calls begun before it opened may end after; they do not prolong it.
            if is_probe or (
                self._opened_at is None and self._failures >= self._allowed
            ):
                self._opened_at = self._clock()

    def _succeeded(self) -> None:
        with self._lock:
            self._failures = 0
            self._opened_at = None
            self._is_probed = False
