"""A Dask cluster does what this machine alone would have done, or says why not."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path

import dask
import numpy as np
import pytest
from distributed import LocalCluster

from breakcast.errors import BadInput, ClusterError
from breakcast.features.table import Table
from breakcast.history.buildsfile import read_builds
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, write_simulated
from breakcast.model.judge import read_table
from breakcast.wiring import machines
from breakcast.wiring.machines import dask_executor
from tests.cli.conftest import Command, breakcast, here
from tests.engines import Postgres

__all__ = ["breakcast", "here"]

NEVER = "tcp://127.0.0.1:1"
"""Where nobody listens."""


def local_cluster(workers: int, **options: object) -> LocalCluster:
    return LocalCluster(
        n_workers=workers,
        **options,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        # It has one, wanted or not; its usual port may be taken.
        dashboard_address="127.0.0.1:0",
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two workers, each a process of its own; their scheduler's address."""
    with local_cluster(2) as made:
        yield made.scheduler_address


def fill(ledger: Ledger, file: Path) -> None:
    import_builds(ledger, read_builds(file, now=datetime(2100, 1, 1, tzinfo=UTC)))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("simulated") / "builds.csv"
    simulation = Simulation(builds=900, repositories=6, organisations=3)
    write_simulated(file, simulation, seed=3)
    return file


def assert_equal(one: Table, other: Table) -> None:
    np.testing.assert_array_equal(one.rows, other.rows, strict=True)
    assert one.rows.tobytes() == other.rows.tobytes()
    for name in ("failed", "started_at", "known_at", "minutes", "repo", "build_ids"):
        np.testing.assert_array_equal(
            getattr(one, name), getattr(other, name), strict=True
        )
    assert one.repo_names == other.repo_names


def test_a_table_built_by_workers_is_the_same_row_by_row(
    cluster: str, shared_data: Path
) -> None:
    with Ledger.temporary() as ledger:
        fill(ledger, shared_data / "travis_authors.parquet")
        with dask_executor(cluster, ledger) as executor:
            theirs = read_table(ledger, executor=executor)
        assert len(theirs) > 19_000
        assert_equal(theirs, read_table(ledger))


def test_workers_read_a_ledger_in_postgresql(
    cluster: str, simulated: Path, postgres: Postgres
) -> None:
    with Ledger.open(postgres.new_database()) as ledger:
        fill(ledger, simulated)
        with dask_executor(cluster, ledger) as executor:
            theirs = read_table(ledger, executor=executor)
        assert_equal(theirs, read_table(ledger))


def test_a_model_trained_by_workers_is_the_same(
    breakcast: Command, cluster: str, simulated: Path
) -> None:
    """In this folder, which is not the workers': the ledger's path is told in full."""
    breakcast("import", simulated)

    ours = breakcast("train", "--json")
    theirs = breakcast("train", "--json", "--dask", cluster)

    assert (theirs.code, theirs.err) == (0, "")
    assert json.loads(theirs.out)["pooled"] == json.loads(ours.out)["pooled"]
    trees = [
        json.loads(breakcast("models", "show", version, "--json").out)["manifest"][
            "files"
        ]["model.treelite"]
        for version in ("v1.0", "v1.1")
    ]
    assert trees[0] == trees[1]


def test_a_backtest_by_workers_finds_the_same(
    breakcast: Command, cluster: str, simulated: Path, here: Path
) -> None:
    ours = breakcast("backtest", simulated, "--json", "ours.json")
    theirs = breakcast(
        "backtest", simulated, "--json", "theirs.json", "--dask", cluster
    )

    assert (ours.code, theirs.code) == (0, 0)
    found = [
        json.loads((here / name).read_bytes()) | {"seconds": 0}
        for name in ("ours.json", "theirs.json")
    ]
    assert found[0] == found[1]


def test_a_scheduler_that_does_not_answer_is_told(
    breakcast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "CONNECT_SECONDS", 0.3)

    ran = breakcast("train", "--dask", NEVER)

    assert ran.code == 1
    assert ran.err == (
        f"error: no Dask scheduler answers at {NEVER} within 0.3 seconds; "
        "`dask scheduler` starts one\n"
    )


@pytest.mark.parametrize(
    "address", ["", "nowhere", "http://host:1", "tcp://host", "tcp://host:x"]
)
def test_an_address_that_is_none_is_wrong_usage(
    breakcast: Command, address: str
) -> None:
    ran = breakcast("train", "--dask", address)

    assert ran.code == 2
    assert f"{address!r} is no scheduler's address" in ran.err
    assert "write tcp://HOST:PORT" in ran.err


def test_dask_that_is_not_installed_is_told_with_what_to_install(
    breakcast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    ran = breakcast("train", "--dask", NEVER)

    assert ran.code == 2
    assert "`pip install 'breakcast[dask]'` brings it" in ran.err


def test_a_cluster_without_workers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "CONNECT_SECONDS", 0.3)
    with (
        local_cluster(0) as empty,
        Ledger.temporary() as ledger,
        pytest.raises(ClusterError, match=r"has no worker; start some with `dask work"),
        dask_executor(empty.scheduler_address, ledger),
    ):
        pass


def test_workers_that_do_not_see_the_ledger_are_told_of(cluster: str) -> None:
    with Ledger.temporary() as ledger:
        # Open here, gone for everybody else.
        Path(str(ledger.engine.url.database)).unlink()
        with (
            pytest.raises(ClusterError, match=r"2 workers of .* do not see the ledger"),
            dask_executor(cluster, ledger),
        ):
            pass


def test_workers_without_breakcast_are_told_of() -> None:
    without = "import sys; sys.modules['breakcast'] = None"
    with (
        local_cluster(1, preload=[without]) as bare,
        Ledger.temporary() as ledger,
        pytest.raises(ClusterError, match=r"ModuleNotFoundError.*; install this"),
        dask_executor(bare.scheduler_address, ledger),
    ):
        pass


def test_workers_that_die_are_told_of() -> None:
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        local_cluster(1) as mortal,
        Ledger.temporary() as ledger,
        pytest.raises(ClusterError, match="died at their work, for want of memory"),
        dask_executor(mortal.scheduler_address, ledger) as executor,
    ):
        executor.submit(_die).result()


def test_a_scheduler_that_goes_away_is_told_of() -> None:
    with (
        local_cluster(1) as leaving,
        Ledger.temporary() as ledger,
        pytest.raises(ClusterError, match=r"was lost; begin again"),
        dask_executor(leaving.scheduler_address, ledger) as executor,
    ):
        _result_without(leaving, executor)


def test_what_fails_in_a_worker_fails_here(cluster: str) -> None:
    with (
        Ledger.temporary() as ledger,
        dask_executor(cluster, ledger) as executor,
        pytest.raises(BadInput, match="as it is"),
    ):
        executor.submit(_refuse).result()


def _result_without(cluster: LocalCluster, executor: Executor) -> None:
    asked = executor.submit(_wait_long)
    cluster.close()
    asked.result(timeout=60)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _wait_long() -> None:
    signal.pause()


def _refuse() -> None:
    message = "as it is"
    raise BadInput(message)
