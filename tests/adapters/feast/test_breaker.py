"""The circuit breaker: what keeps failing is left alone, then tried again."""

import threading
from contextlib import ExitStack

import pytest

from breakcast.adapters.feast.breaker import CircuitBreaker
from breakcast.errors import StoreError

NO_ANSWER = StoreError("no answer")


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, cool_down_seconds=2.0, clock=clock)


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(StoreError, match="no answer"), breaker.call():
            raise NO_ANSWER


def succeed(breaker: CircuitBreaker) -> None:
    with breaker.call():
        pass


def test_it_opens_after_so_many_failures_in_a_row(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    assert not breaker.is_open
    fail(breaker)

    assert breaker.is_open
    with (
        pytest.raises(StoreError, match=r"3 calls in a row have failed; .* in 2\.0 s"),
        breaker.call(),
    ):
        pytest.fail("it was let through")


def test_a_success_between_failures_starts_the_count_anew(
    breaker: CircuitBreaker,
) -> None:
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 2)

    assert not breaker.is_open


def test_after_the_cool_down_one_call_tries_and_its_success_closes(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now += 2.0

    with breaker.call(), pytest.raises(StoreError, match="under way"), breaker.call():
        pytest.fail("a second one was let through")
    assert not breaker.is_open
    succeed(breaker)


def test_a_try_that_fails_opens_it_for_as_long_again(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now += 2.0
    fail(breaker)

    clock.now += 1.9
    with pytest.raises(StoreError, match=r"in 0\.1 s"), breaker.call():
        pytest.fail("it was let through")
    clock.now += 0.2
    succeed(breaker)
    assert not breaker.is_open


def test_a_try_that_is_given_up_says_nothing_and_lets_another_try(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now += 2.0
    with pytest.raises(KeyboardInterrupt), breaker.call():
        raise KeyboardInterrupt

    assert breaker.is_open
    succeed(breaker)
    assert not breaker.is_open


def test_what_began_before_it_opened_does_not_prolong_it(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    with ExitStack() as slow:
        slow.enter_context(pytest.raises(StoreError))
        slow.enter_context(breaker.call())
        fail(breaker, 3)
        clock.now += 1.5
        raise NO_ANSWER

    clock.now += 0.5
    succeed(breaker)


def test_of_many_threads_one_tries(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 2.0
    let_through, refused = [], []
    together = threading.Barrier(8)
    all_asked = threading.Barrier(8)

    def ask() -> None:
        together.wait(10)
        try:
            with breaker.call():
                let_through.append(1)
                all_asked.wait(10)
        except StoreError:
            refused.append(1)
            all_asked.wait(10)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert (len(let_through), len(refused)) == (1, 7)
