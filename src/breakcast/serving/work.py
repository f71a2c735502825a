"""
What is left of a request once it is read and checked, and how it is answered.

Requests that wait at the same moment are scored together, which takes a third
of the time a request: what a call costs is paid once, and the trees are in the
cache. Nobody waits for a batch to fill.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import numpy as np

from breakcast.serving.predictor import Models, Predictor, VectorScores
from breakcast.serving.reading import Body
from breakcast.serving.running import running
from breakcast.serving.vectors import Vectors

if TYPE_CHECKING:
    import asyncio

LIGHT_VISITS = 12_800
"""Trees visited in about three quarters of a millisecond."""
LIGHT_BUILDS = 2
"""Builds whose features are read in about that time."""


class VectorWork(NamedTuple):
    """
    Vectors to score.

    Attributes:
        vectors: At least one, all of one width that the models take.
        answer: Makes the response's body of their scores.
    """

    vectors: Vectors
    answer: Callable[[VectorScores], bytes]

    @property
    def rows(self) -> int:
        """How many rows are asked about."""
        return len(self.vectors)


class BuildWork(NamedTuple):
    """
    Builds to forecast.

    Attributes:
        rows: How many.
        answer: Forecasts them, once, in any thread, and makes the response's body.
    """

    rows: int
    answer: Callable[[], bytes]


Work: TypeAlias = VectorWork | BuildWork
Ask: TypeAlias = Callable[[Models, Body], Work]
"""Reads and checks a body."""

_Made = TypeVar("_Made")
_Waiting: TypeAlias = list[tuple[Vectors, "asyncio.Future[VectorScores]"]]


class Workshop:
    """
    Does the work: small pieces on the loop, large ones in threads.

    Args:
        predictor: What answers.
        threads: Where large pieces are done.
    """

    def __init__(self, predictor: Predictor, threads: Executor) -> None:
        self._predictor = predictor
        self._threads = threads
        self._waiting: dict[tuple[int, int], tuple[Models, _Waiting]] = {}

    async def do(self, models: Models, work: Work) -> bytes:
        """Do a piece of work, large or small: the response's body."""
        if isinstance(work, BuildWork):
            if work.rows <= LIGHT_BUILDS and not self._predictor.waits:
                return work.answer()
        elif work.rows * models.champion.trees.count <= LIGHT_VISITS:
            return work.answer(await self._together(models, work.vectors))
        return await self.in_thread(lambda: self.do_here(models, work))

    def do_here(self, models: Models, work: Work) -> bytes:
        """Do a piece of work at once, in whatever thread this is."""
        if isinstance(work, BuildWork):
            return work.answer()
        return work.answer(self._predictor.score(models, work.vectors))

    async def in_thread(self, call: Callable[[], _Made]) -> _Made:
        """Do something that takes long."""
        return await running().loop.run_in_executor(self._threads, call)

    def _together(
        self, models: Models, vectors: Vectors
    ) -> "asyncio.Future[VectorScores]":
        loop = running().loop
        if not self._waiting:
            # It comes after all that are about to ask: they are in the queue by now.
            loop.call_soon(self._score_waiting)
        scores: asyncio.Future[VectorScores] = loop.create_future()
        _, waiting = self._waiting.setdefault(
            (id(models), vectors.shape[1]), (models, [])
        )
        waiting.append((vectors, scores))
        return scores

    def _score_waiting(self) -> None:
        groups, self._waiting = self._waiting.values(), {}
        for models, waiting in groups:
            try:
                together = self._predictor.score(
                    models, np.concatenate([vectors for vectors, _ in waiting])
                )
            except Exception as error:  # noqa: BLE001 - each who waits has to be told
                for _, scores in waiting:
                    if not scores.done():
                        scores.set_exception(error)
                continue
            start = 0
            for vectors, scores in waiting:
                end = start + len(vectors)
                if not scores.done():
                    scores.set_result(together.part(start, end))
                start = end
