"""`breakcast serve` as a process: started, loaded, swapped, killed, ended."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from breakcast.history.journaltable import JournalTable
from breakcast.history.ledger import Ledger
from breakcast.serving.journal import read_journal
from breakcast.settings import Settings
from breakcast.wiring import now, open_registry
from tests.features.timeline import RED, Timeline
from tests.serving.hostile import bodies
from tests.serving.made_servers import bundle_folder
from tests.serving.served import (
    HEADLINE,
    INFER,
    NAME,
    PREDICT,
    Load,
    LoadClient,
    Served,
    serving,
    wait_for,
)

pytestmark = pytest.mark.slow

BODY = json.dumps(HEADLINE).encode()
TENSOR = json.dumps(
    {
        "inputs": [
            {
                "name": "features",
                "shape": [1, 4],
                "datatype": "FP64",
                "data": [0.5, 0.3, 0.8, 0.2],
            }
        ]
    }
).encode()
FLOOR = ("--model-dir", str(bundle_folder()))


def under_load(
    served: Served,
    deed: Callable[[], None],
    *,
    connections: int = 16,
    body: bytes = BODY,
    path: str = PREDICT,
    requests: int = 2_000,
) -> Load:
    """Do something while requests come in, and until so many were answered."""

    async def both() -> Load:
        client = LoadClient(served.port, body, path)
        running = asyncio.create_task(client.run(connections))
        await asyncio.to_thread(
            wait_for, lambda: sum(client.load.statuses.values()) > 500, "some answers"
        )
        await asyncio.to_thread(deed)
        if served.process.poll() is None:
            before = sum(client.load.statuses.values())
            await asyncio.to_thread(
                wait_for,
                lambda: (
                    served.process.poll() is not None
                    or sum(client.load.statuses.values()) > before + requests
                ),
                "more answers",
            )
        client.is_over.set()
        await running
        return client.load

    return asyncio.run(both())


def children(served: Served) -> set[int]:
    """The processes that serve, by their id."""
    every = Path("/proc").glob("[0-9]*/stat")
    found = set()
    for stat in every:
        try:
            fields = stat.read_text(encoding="utf-8").rsplit(") ", 1)[1].split()
            command = (stat.parent / "cmdline").read_text(encoding="utf-8")
        except OSError:
            continue
        if int(fields[1]) == served.process.pid and "spawn_main" in command:
            found.add(int(stat.parent.name))
    return found


def listeners(port: int) -> int:
    """How many sockets listen on a port of this machine."""
    lines = Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
    fields = [line.split() for line in lines]
    return sum(one[1].endswith(f":{port:04X}") and one[3] == "0A" for one in fields)


@pytest.mark.parametrize(
    "headers",
    [[], ["-H", "Content-Type: application/json"]],
    ids=["as curl sends it", "as JSON"],
)
def test_the_specification_s_own_request_is_answered(
    headers: list[str], tmp_path: Path
) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    with serving(*FLOOR, home=tmp_path) as served:
        url = f"{served.url}/v1/models/{NAME}:predict"
        body = '{"instances": [[0.5, 0.3, 0.8, 0.2]]}'
        said = subprocess.run(  # noqa: S603 - curl, at our own server
            [curl, "-sf", "-X", "POST", url, "-d", body, *headers],
            capture_output=True,
            check=True,
        )

    (probability,) = json.loads(said.stdout)["predictions"]
    assert 0 < probability < 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_end_under_load_cuts_nobody_off(workers: str, tmp_path: Path) -> None:
    with serving(*FLOOR, "--workers", workers, home=tmp_path) as served:
        load = under_load(
            served,
            lambda: served.process.send_signal(signal.SIGTERM),
            connections=32,
            requests=10**9,
        )
        code = served.process.wait(30)

    assert code == 0
    assert set(load.statuses) == {200}
    assert load.cuts == []
    assert load.refused > 0


def test_workers_replaced_one_by_one_fail_nobody(tmp_path: Path) -> None:
    with serving(*FLOOR, "--workers", "2", home=tmp_path) as served:
        wait_for(lambda: len(children(served)) == 2, "both workers")
        before = children(served)

        def replace() -> None:
            served.process.send_signal(signal.SIGHUP)
            wait_for(lambda: not before & children(served), "new workers")

        load = under_load(served, replace)

    assert set(load.statuses) == {200}
    assert load.cuts == []


def test_a_worker_that_is_killed_takes_only_what_it_was_answering_with_it(
    tmp_path: Path,
) -> None:
    with serving(*FLOOR, "--workers", "2", home=tmp_path) as served:
        wait_for(lambda: listeners(served.port) == 2, "both workers to listen")
        before = children(served)

        def kill() -> None:
            os.kill(min(before), signal.SIGKILL)
            wait_for(lambda: len(children(served) - before) == 1, "a new worker")

        load = under_load(served, kill, connections=16)
        counted = httpx.get(f"{served.url}/metrics").text

    assert set(load.statuses) == {200}
    # Only its connections broke; what broke was sent once more, and answered.
    assert len(load.cuts) <= 16
    assert load.cut_twice == []
    assert load.refused == 0
    total = f'ml_predictions_total{{model="{NAME}",status="success"}}'
    (line,) = [one for one in counted.splitlines() if one.startswith(total)]
    # What it had just answered when it was killed may not be counted yet.
    assert float(line.split()[-1]) >= load.statuses[200] - 16


def test_twenty_swaps_under_load_fail_nobody_and_mix_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    registry = open_registry(Settings(home=home))
    for _ in range(2):
        registry.publish(bundle_folder())

    def promote(version: str) -> None:
        registry.promote(version, actor="test", reason="a swap", at=now())

    promote("v1.0")
    with serving(home=home) as served:

        def swap() -> None:
            for turn in range(20):
                promote(("v1.1", "v1.0")[turn % 2])
                wait_for(lambda turn=turn: len(swaps()) == turn + 2, "the swap")

        def swaps() -> list[tuple[float, str]]:
            return [
                (_seconds(line["at"]), line["message"].split()[0])
                for line in served.log
                if line["message"].endswith(" answers")
            ]

        load = under_load(served, swap, body=TENSOR, path=INFER, requests=8_000)
        swapped = swaps()

    assert set(load.statuses) == {200}
    assert load.cuts == []
    assert load.statuses[200] >= 10_000
    assert len(swapped) == 21
    assert {version for *_, version in load.versions} == {"v1.0", "v1.1"}
    for began, ended, version in load.versions:
        assert version in _current(swapped, began, ended), (began, ended, version)


def _current(swaps: list[tuple[float, str]], began: float, ended: float) -> set[str]:
    """The versions that answered at some time between two moments."""
    # A swap is logged just after it was done.
    late = 0.05
    ends = [at for at, _ in swaps[1:]] + [float("inf")]
    return {
        version
        for (start, version), end in zip(swaps, ends, strict=True)
        if start - late <= ended and end >= began
    }


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def test_builds_are_answered_from_the_ledger_and_journalled(tmp_path: Path) -> None:
    home = tmp_path / "home"
    story = Timeline().build("1", 0, 10, RED).build("2", 20, 30, RED)
    with Ledger.open(home / "ledger.db") as ledger:
        ledger.append(story.events)
    build = {"repo": "acme/shop", "branch": "main", "commit_sha": "c0ffee"}

    with serving(*FLOOR, home=home) as served:
        answer = httpx.post(
            f"{served.url}{PREDICT}", json={"instances": [build, build]}
        ).json()
        told = httpx.post(
            f"{served.url}/v1/models/{NAME}:explain", json={"instances": [build]}
        ).json()
        assert served.end() == 0

    assert [one["degraded"] for one in answer["predictions"]] == [False, False]
    (explained,) = told["explanations"]
    assert explained["features"]["organisation.red_ratio_10"] > 0.5
    with Ledger.open(home / "ledger.db") as ledger:
        entries = list(read_journal(JournalTable(ledger)))
    assert [entry.is_first_shown for entry in entries] == [True, False, False]
    assert entries[0].commit_sha == "c0ffee"
    assert entries[0].probability == answer["predictions"][0]["probability"]


def test_a_hundred_thousand_hostile_bodies_are_refused_and_nothing_else_happens(
    tmp_path: Path,
) -> None:
    count = 100_000
    paths = (PREDICT, INFER, f"/v1/models/{NAME}:explain")

    async def send_all(port: int, seed: int) -> dict[int, int]:
        statuses: dict[int, int] = {}
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, body in enumerate(bodies(seed, count // 4)):
            path = paths[number % 3]
            head = f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            async with asyncio.timeout(30):
                answer = await reader.readuntil(b"\r\n\r\n")
                length = answer.lower().partition(b"content-length: ")[2]
                await reader.readexactly(int(length.partition(b"\r\n")[0]))
            status = int(answer.split(b" ", 2)[1])
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()
        return statuses

    async def both(port: int, seeds: range) -> list[dict[int, int]]:
        return await asyncio.gather(*(send_all(port, seed) for seed in seeds))

    with serving(*FLOOR, home=tmp_path) as served:
        first = asyncio.run(both(served.port, range(2)))
        before = served.memory_mb()
        second = asyncio.run(both(served.port, range(2, 4)))
        after = served.memory_mb()
        assert served.end() == 0
        troubles = [line for line in served.log if line.get("level") == "error"]

    statuses = {status for part in (*first, *second) for status in part}
    assert statuses <= {200, 400, 413, 415, 422}
    assert {200, 400, 422} <= statuses
    assert after - before < 5
    assert troubles == []


def test_a_body_that_comes_drop_by_drop_is_given_up(tmp_path: Path) -> None:
    async def drip(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST {PREDICT} HTTP/1.1\r\nContent-Length: 99\r\n\r\n{{".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return answer

    os.environ["BREAKCAST_BODY_SECONDS"] = "0.3"
    try:
        with serving(*FLOOR, home=tmp_path) as served:
            answer = asyncio.run(drip(served.port))
    finally:
        del os.environ["BREAKCAST_BODY_SECONDS"]

    assert answer.startswith(b"HTTP/1.1 408 ")


def run_serve(*arguments: str, home: Path, **settings: str) -> tuple[int, str]:
    """Run it to its end: the exit code, and what it said."""
    ended = subprocess.run(  # noqa: S603 - our own command
        [Path(sys.executable).with_name("breakcast"), "serve", *arguments],
        env=os.environ | {"BREAKCAST_HOME": str(home)} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_floor_that_is_not_sound_is_told_and_ends_it(
    workers: str, tmp_path: Path
) -> None:
    broken = tmp_path / "bundle"
    shutil.copytree(bundle_folder(), broken)
    (broken / "model.treelite").write_bytes(b"no trees")

    code, said = run_serve(
        *("--model-dir", str(broken), "--port", "0", "--workers", workers),
        home=tmp_path,
    )

    assert code == 1
    assert "model.treelite has 8 bytes" in said
    assert "the server could not start; the log above says why" in said


def test_an_address_in_use_is_told(tmp_path: Path) -> None:
    with serving(*FLOOR, home=tmp_path) as served:
        for workers in ("1", "2"):
            code, said = run_serve(
                *FLOOR, "--port", str(served.port), "--workers", workers, home=tmp_path
            )

            assert code == 2
            assert "Address already in use; choose others" in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("--roles", "predict,rule"), {}, "setting roles"),
        (("--name", "Not A Name"), {}, "setting name is 'Not A Name'"),
        (("--port", "70000"), {}, "setting port is 70000"),
        (("--host", "no such host"), {}, "cannot listen on 'no such host'"),
        (
            ("--host", "::"),
            {"BREAKCAST_TOKENS": '["hunter2"]'},
            "is not <name>:<role>+<role>:<sha256>",
        ),
    ],
)
def test_a_setting_that_will_not_do_is_told_before_anything_starts(
    arguments: tuple[str, ...], settings: dict[str, str], message: str, tmp_path: Path
) -> None:
    code, said = run_serve(*FLOOR, *arguments, home=tmp_path, **settings)

    assert code == 2
    assert message in " ".join(said.split())
    assert "hunter2" not in said
