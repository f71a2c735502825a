"""
Work on many machines: the workers of a Dask cluster, as an executor.

Whoever reaches a Dask scheduler can run any code on its workers, and a worker is
told where the ledger is, with the password: keep both in a network of your own,
or use `tls://`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from breakcast.errors import BadInput, ClusterError
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerengine import ledger_url

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10
"""How long a scheduler may take to answer, and to have a worker."""

_LARGE_BYTES = 1_000_000
_R = TypeVar("_R")


@contextmanager
def dask_executor(address: str, ledger: Ledger) -> Iterator[Executor]:
    """
    Give an executor whose work is done by the workers of a Dask cluster.

    Args:
        address: The scheduler's, as tcp://HOST:PORT or tls://HOST:PORT.
        ledger: What they are to read; every worker has to see it.

    Raises:
        BadInput: If the address is none, or Dask is not installed here.
        ClusterError: If the scheduler does not answer or has no workers, if they do
            not see the ledger, or if they or the scheduler are lost on the way.
    """
    try:
        from distributed import Client, KilledWorker  # noqa: PLC0415 - takes a second
    except ImportError:
        message = "--dask needs Dask; `pip install 'breakcast[dask]'` brings it"
        raise BadInput(message) from None
    _refuse_malformed(address)
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        message = (
            f"no Dask scheduler answers at {address} within {CONNECT_SECONDS} seconds; "
            "`dask scheduler` starts one"
        )
        raise ClusterError(message) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            message = (
                f"the Dask scheduler at {address} has no worker; start some with "
                f"`dask worker {address} --nworkers auto --nthreads 1`"
            )
            raise ClusterError(message) from error
        try:
            asked = (_sees, ledger.url, ledger.position())
            _refuse_blind(address, client.run(*asked, on_error="return"))
            yield _Workers(client)
        except KilledWorker as error:
            message = f"workers of {address} died at their work, for want of memory?"
            raise ClusterError(message) from error
        except CancelledError as error:
            message = f"the Dask scheduler at {address} was lost; begin again"
            raise ClusterError(message) from error


class _Workers(Executor):
    """Dask's executor; its `map` takes `itertools.repeat`, as every other's does."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        # Not pure: a ledger that has grown answers the same question otherwise.
        self._inner = client.get_executor(pure=False)

    def submit(
        self, fn: Callable[..., _R], /, *args: object, **kwargs: object
    ) -> Future[_R]:
        """Begin a call on some worker; tables go there apart from the call."""
        sent = [
            self._client.scatter(one, hash=False)
            if getattr(one, "nbytes", 0) > _LARGE_BYTES
            else one
            for one in args
        ]
        begun: Future[_R] = self._inner.submit(fn, *sent, **kwargs)
        return begun


def _refuse_malformed(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_whole = parts.scheme in {"tcp", "tls"} and parts.hostname and parts.port
    except ValueError:
        is_whole = False
    if not is_whole:
        message = f"{address!r} is no scheduler's address; write tcp://HOST:PORT"
        raise BadInput(message)


def _refuse_blind(address: str, seen: dict[str, bool | Exception]) -> None:
    blind = [(worker, told) for worker, told in seen.items() if told is not True]
    if blind:
        worker, told = blind[0]
        reason = f" ({told})" if isinstance(told, Exception) else ""
        message = (
            f"{len(blind)} workers of {address} do not see the ledger, such as "
            f"{worker}{reason}; install this breakcast there, and keep the ledger in "
            "PostgreSQL, or in a file on their machine"
        )
        raise ClusterError(message)


def _sees(place: str, position: int) -> bool:
    """Say, on a worker, whether the ledger is there up to a position."""
    url = ledger_url(place)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return False
    with Ledger.open(place) as ledger:
        return ledger.position() >= position
