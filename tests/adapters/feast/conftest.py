"""Feast's server on Redis, once for all tests that ask it something."""

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from breakcast.adapters.feast.client import FeatureServer
from breakcast.adapters.feast.repository import Repository, SetUp
from breakcast.features.columns import catalog_of
from tests.adapters.feast.servers import FeastServer, apply, production
from tests.engines import Redis
from tests.peers import environment

# A machine that does other things besides may take its time.
PATIENT_SECONDS = 10.0


class Online(NamedTuple):
    """A production set-up that runs."""

    redis: Redis
    server: FeastServer
    repository: Repository
    variables: dict[str, str]


@pytest.fixture(scope="session")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Online]:
    """Give a production set-up; what a test leaves in it, the next one finds."""
    environment("feast")
    folder = tmp_path_factory.mktemp("feast")
    with Redis() as redis:
        variables = production(folder, redis.port)
        repository = apply(folder, catalog_of(), SetUp.PRODUCTION, variables)
        with FeastServer(repository, variables) as server:
            yield Online(redis, server, repository, variables)


@pytest.fixture
def client(online: Online) -> Iterator[FeatureServer]:
    """Give a client of the production set-up."""
    with closing(
        FeatureServer(online.server.url, read_seconds=PATIENT_SECONDS)
    ) as client:
        yield client
