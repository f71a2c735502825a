"""
One history, four ways: are the vectors the same.

`python -m benchmarks.parity [--history travis_authors github_actions]` turns a real
history into GitHub's deliveries and sends them one by one to a live server, while a
worker follows. Of the ledger that comes of it four vectors are compared for each
build: (a) replayed with the times of receipt, (b) what the worker answered from,
(c) records joined by Feast's historical retrieval, (d) records read off a Feast
server. Results: `benchmarks/results/parity.json` and `.md`. It needs
`make build/peers/feast/.ready` and Debian's `redis-server`.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.published import wait_until_published
from benchmarks.quality import RESULTS, about, header, note, row
from benchmarks.serving.__main__ import WORK
from breakcast import wiring
from breakcast.adapters.feast.repository import SetUp
from breakcast.features.table import build_table
from breakcast.history.buildsfile import read_builds
from breakcast.history.events import Event
from breakcast.history.importing import import_builds
from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger
from breakcast.serving.journal import read_journal
from breakcast.settings import Settings
from tests.adapters.feast.servers import FeastServer, apply, production, run_feast
from tests.engines import Redis
from tests.live.deliveries import SECRET, as_if_now, signed
from tests.serving.made_servers import bundle_folder, made_bundle
from tests.serving.served import serving

DATA = Path("../shared/data")
HISTORIES = ("github_actions", "travis_authors")
_VERIFY = "from breakcast.cli import main; main()"


def main() -> None:
    """Deliver, follow, compare; write what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity")
    parser.add_argument("--history", nargs="+", default=HISTORIES, choices=HISTORIES)
    found = {
        "about": {**about(), "command": "python -m benchmarks.parity"},
        "histories": {
            name: _compared(name, WORK.absolute() / "parity" / name)
            for name in parser.parse_args().history
        },
    }
    packed = msgspec.json.format(msgspec.json.encode(found))
    (RESULTS / "parity.json").write_bytes(packed + b"\n")
    page = markdown(found)
    (RESULTS / "parity.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)


def _compared(name: str, home: Path) -> dict[str, Any]:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    settings = Settings(home=home)
    registry = wiring.open_registry(settings)
    version = registry.publish(bundle_folder())
    registry.promote(version, actor="parity", reason="parity", at=wiring.now())
    note(f"{name}: delivering")
    began = time.monotonic()
    count = _deliver(name, home)
    delivered = time.monotonic() - began
    note(f"{name}: {count:,} deliveries; comparing")
    result = {
        "deliveries": count,
        "seconds": delivered,
        "answered": _answers_unlike_replay(settings),
        "feast": _verified(home),
    }
    note(f"{name}: {result}")
    return result


def _deliver(name: str, home: Path) -> int:
    """Send a history to a server, one by one; wait until the worker has all of it."""
    os.environ["BREAKCAST_GITHUB_SECRETS"] = msgspec.json.encode([SECRET]).decode()
    with ExitStack() as stack:
        server = stack.enter_context(serving("--roles", "ingest", home=home))
        store = home / "records.db"
        worker = subprocess.Popen(  # noqa: S603 - our own command
            [
                *(Path(sys.executable).with_name("breakcast"), "worker"),
                *("--store", str(store)),
            ],
            env={**os.environ, "BREAKCAST_HOME": str(home), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
        )
        stack.callback(worker.wait)
        stack.callback(worker.send_signal, signal.SIGTERM)
        client = stack.enter_context(httpx.Client(base_url=server.url))
        count = 0
        for event, body in as_if_now(_facts(name)):
            answer = client.post(
                "/webhooks/github", content=body, headers=signed(body, event)
            )
            if answer.json() != {"status": "accepted"}:
                message = f"delivery {count} was answered {answer.text}"
                raise RuntimeError(message)
            count += 1
        wait_until_published(store, made_bundle().catalog)
    return count


def _facts(name: str) -> list[Event]:
    with Ledger.temporary() as ledger:
        import_builds(ledger, read_builds(DATA / f"{name}.parquet"))
        return list(ledger)


def _answers_unlike_replay(settings: Settings) -> dict[str, int]:
    """Compare what the worker answered from with the table of a replay."""
    with wiring.open_ledger(settings) as ledger:
        table = build_table(ledger, made_bundle().catalog)
        entries = list(read_journal(JournalTable(ledger)))
    last = {entry.key.build_id: entry.features for entry in entries}
    unlike = sum(
        last.get(str(build_id)) != row.tobytes()
        for build_id, row in zip(table.build_ids, table.rows, strict=True)
    )
    return {
        "builds": len(table),
        "refined": len(entries) - len(last),
        "unlike_replay": unlike,
    }


def _verified(home: Path) -> dict[str, Any]:
    """Let Feast's two stores be compared, build by build, in Feast's environment."""
    with Redis() as redis:
        variables = production(home, redis.port)
        repository = apply(
            home, made_bundle().catalog, SetUp.PRODUCTION, variables=variables
        )
        with FeastServer(repository, variables) as server:
            began = time.monotonic()
            ended = run_feast(
                *("-c", _VERIFY, "features", "verify", "--all", "--json"),
                *("--folder", str(repository.folder), "--url", server.url),
                folder=home,
                variables={**variables, "BREAKCAST_HOME": str(home)},
            )
    if ended.returncode not in {0, 1} or not ended.stdout:
        raise RuntimeError(ended.stderr)
    told: dict[str, Any] = msgspec.json.decode(ended.stdout.splitlines()[-1])
    return {**told, "seconds": time.monotonic() - began}


def markdown(found: dict[str, Any]) -> str:
    """Lay out what was found."""
    made = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    rows = [
        row(
            name,
            f"{one['answered']['builds']:,}",
            f"{one['answered']['unlike_replay']} ({one['answered']['refined']:,})",
            *(
                f"{one['feast'][side]['builds']:,} / {one['feast'][side]['differing']}"
                for side in ("offline", "online")
            ),
        )
        for name, one in found["histories"].items()
    ]
    columns = (
        "history",
        "builds",
        "answers unlike the replay (refined)",
        "Feast's history: builds / differing cells",
        "Feast's server: builds / differing cells",
    )
    return f"""# One history, four ways

Made by: {made}.

Real histories as GitHub's deliveries, sent one by one to a live server while a worker
follows. Vectors are compared bit for bit with those of a replay with the times of
receipt: what the worker answered from (the last answer to each build), records joined
by Feast's historical retrieval just before each start, and records read off a Feast
server on Redis at each start.

{header(*columns)}
{chr(10).join(rows)}
"""


if __name__ == "__main__":
    main()
