"""`breakcast features`, run where Feast is: applied, pushed, verified."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest

from breakcast.adapters.feast.client import FeatureServer
from breakcast.features.records import all_records, shard_key
from breakcast.features.state import FeatureState
from breakcast.features.store import MARKS, PULSES, SHARDS, Named
from breakcast.features.survey import catalog_for
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, write_simulated
from tests.adapters.feast.conftest import Online
from tests.adapters.feast.servers import run_feast

BUILDS = 300
MAIN = "from breakcast.cli import main; main()"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose ledger holds a made-up history of two organisations."""
    folder = tmp_path_factory.mktemp("home")
    simulation = Simulation(repositories=4, organisations=2, builds=BUILDS)
    write_simulated(folder / "builds.csv", simulation, seed=3)
    ended = run(folder, "import", "builds.csv")
    assert ended.returncode == 0, ended.stderr
    return folder


def run(
    home: Path, *words: str, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    own = {"BREAKCAST_HOME": str(home), "BREAKCAST_WORKERS": "1"}
    return run_feast(
        "-c", MAIN, *words, folder=home, variables={**own, **(variables or {})}
    )


def in_production(
    home: Path, online: Online, *words: str, url: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of the commands on the production set-up."""
    folder = str(online.repository.folder)
    server = url or online.server.url
    return run(
        *(home, "features", *words, "--folder", folder, "--url", server),
        variables=online.variables,
    )


def bare(named: Named) -> dict[str, dict[str, bytes]]:
    """Records without their stamps: a push is newer than what workers published."""
    return {
        kind: {name: stored.record for name, stored in of.items()}
        for kind, of in named.items()
    }


def test_a_repository_is_applied_and_then_has_not_changed(home: Path) -> None:
    first = run(home, "features", "apply", "--json")
    second = run(home, "features", "apply")

    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout.splitlines()[-1])
    assert told["folder"] == str(home / "feast")
    assert "feature_store.yaml" in told["changed"]
    assert "tracks" in told["kinds"]
    assert "is registered (nothing had changed)" in second.stdout, second.stderr


def test_what_is_pushed_is_what_the_state_holds(
    home: Path, online: Online, client: FeatureServer
) -> None:
    ended = in_production(home, online, "push", "--json")

    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    records = 0
    with Ledger.open(home / "ledger.db") as ledger:
        catalog = catalog_for(ledger)
        for organisation in ledger.organisations():
            state = FeatureState(catalog)
            state.memory.watch()
            events = list(ledger.events(organisation))
            for event in events:
                state.observe(event)
            state.settle(events[-1].known_at.replace(year=2100))
            held = all_records(state, organisation)
            records += sum(map(len, held.values()))
            read = client.read({kind: list(of) for kind, of in held.items()})
            assert bare(read) == bare({kind: of for kind, of in held.items() if of})
    assert (told["organisations"], told["records"]) == (2, records)
    names = [shard_key(shard, catalog) for shard in range(SHARDS)]
    of_shards = client.read({PULSES: names, MARKS: names})
    assert [len(of_shards[kind]) for kind in (PULSES, MARKS)] == [SHARDS, SHARDS]
    history = duckdb.read_parquet(f"{online.repository.history.path}/*.parquet")
    assert len(history) == told["versions"] > records


def test_one_organisation_is_pushed_alone_and_a_stranger_is_refused(
    home: Path, online: Online
) -> None:
    with Ledger.open(home / "ledger.db") as ledger:
        first, _ = ledger.organisations()
    words = ("push", "--history-only", "--json", "--organisation")

    alone = in_production(home, online, *words, first)
    stranger = in_production(home, online, *words, "nobody")

    assert json.loads(alone.stdout)["organisations"] == 1, alone.stderr
    assert json.loads(alone.stdout)["records"] == 0
    assert stranger.returncode == 2
    assert f"knows no organisation 'nobody'; it knows {first}" in stranger.stderr


@pytest.mark.slow
def test_all_builds_are_verified(home: Path, online: Online) -> None:
    ended = in_production(home, online, "verify", "--all", "--json")

    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    for way in ("offline", "online"):
        assert told[way]["builds"] == BUILDS
        assert told[way]["cells"] > BUILDS * 200
        assert told[way]["differing"] == 0


@pytest.mark.slow
def test_a_server_that_keeps_nothing_is_found_out(home: Path, online: Online) -> None:
    with forgetful() as url:
        ended = in_production(home, online, "verify", "--builds", "20", url=url)

    assert ended.returncode == 1, ended.stderr
    offline, online_said, example = ended.stdout.splitlines()[:3]
    assert offline.endswith(" cells, 0 differ.")
    assert online_said.startswith("Online")
    assert not online_said.endswith(" 0 differ.")
    assert "the replay says" in example


def test_without_a_repository_it_is_told_how_to_make_one(
    tmp_path: Path, online: Online
) -> None:
    ended = run(
        *(tmp_path, "features", "verify", "--url", online.server.url),
        variables=online.variables,
    )

    assert ended.returncode == 1
    assert (
        "holds no Feast repository; `breakcast features apply` writes" in ended.stderr
    )


@contextmanager
def forgetful() -> Iterator[str]:
    """Serve as Feast does, but keep nothing."""

    class Forgetful(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            keys = body.get("entities", {}).get("record_key", [])
            never = ["1970-01-01T00:00:00Z"] * len(keys)
            columns = [
                {"values": values, "event_timestamps": never}
                for values in (keys, [None] * len(keys))
            ]
            names = {"feature_names": ["record_key", "record"]}
            answer = json.dumps({"metadata": names, "results": columns}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Forgetful) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)
