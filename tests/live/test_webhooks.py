"""Deliveries are verified, on disk once, counted; nothing else leaves a trace."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import select

from breakcast.adapters.github.webhooks import GitHubWebhooks
from breakcast.errors import LedgerError
from breakcast.history.events import (
    Build,
    BuildFinished,
    BuildKey,
    BuildStarted,
    Outcome,
)
from breakcast.history.inbox import Inbox
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerschema import DELIVERIES, EVENTS, NOTES
from breakcast.live.inboxwriting import InboxWriter
from breakcast.live.notes import attempt_of, cause_of, head_of
from breakcast.live.webhooks import BODY_LIMIT_BYTES, UNREAD_BYTES, Webhook
from breakcast.serving.observing import DELIVERED_EVENTS, ServingMetrics
from tests.live.deliveries import SECRET, run_payload, signed
from tests.serving.made_servers import NOW, MadeServer

START = BuildStarted(
    Build(
        BuildKey("github", "acme/shop", "ci.yml", "8812"),
        branch="main",
        event="push",
        commit_sha="c0ffee",
    ),
    occurred_at=datetime(2026, 2, 28, 12, tzinfo=UTC),
)
PATH = "/webhooks/github"
FINISH = BuildFinished(
    START.key, Outcome.FAILED, occurred_at=datetime(2026, 2, 28, 12, 20, tzinfo=UTC)
)


class Hooked:
    """A server that takes GitHub's deliveries into a ledger."""

    def __init__(self, ledger: Ledger, open_ledger: Callable[[], Ledger]) -> None:
        self.ledger = ledger
        self.inbox = InboxWriter(open_ledger)
        self.server = MadeServer(webhooks=self._webhooks)

    def deliver(
        self, body: bytes, event: str = "workflow_run", **how: str
    ) -> httpx.Response:
        """Deliver a body as GitHub does."""
        return self.post(body, list(signed(body, event, **how).items()))

    def post(
        self, body: bytes, headers: Sequence[tuple[str, str | bytes]]
    ) -> httpx.Response:
        """Send a body as it is."""

        async def send() -> httpx.Response:
            async with self.server.client() as client:
                return await client.post(PATH, content=body, headers=list(headers))

        return asyncio.run(send())

    def counted(self, event: str, result: str) -> float:
        """How many deliveries came to this."""
        name = f'breakcast_deliveries_total{{event="{event}",result="{result}"}}'
        return self.server.counted()[name]

    def is_untouched(self) -> bool:
        """Whether nothing at all is kept."""
        with self.ledger.engine.connect() as connection:
            kept = [
                connection.execute(select(table)).all()
                for table in (EVENTS, DELIVERIES, NOTES)
            ]
        return not any(kept)

    def _webhooks(self, metrics: ServingMetrics) -> dict[str, Webhook]:
        reader = GitHubWebhooks(["older", SECRET], None)
        return {PATH: Webhook(reader, self.inbox, metrics, lambda: NOW)}


@pytest.fixture
def hooked(place: str) -> Iterator[Hooked]:
    with Ledger.open(place) as ledger:
        made = Hooked(ledger, lambda: Ledger.open(place))
        yield made
        made.inbox.close()


@pytest.fixture
def fixtures(shared_data: Path) -> Path:
    return shared_data.parent / "fixtures" / "github"


def test_a_run_is_a_fact_with_the_time_it_came_in(hooked: Hooked) -> None:
    answer = hooked.deliver(run_payload(START))

    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    assert list(hooked.ledger) == [
        msgspec.structs.replace(START, received_at=NOW),
    ]
    assert hooked.counted("workflow_run", "accepted") == 1


def test_its_end_comes_after_its_start_though_both_came_at_once(
    hooked: Hooked,
) -> None:
    hooked.deliver(run_payload(START, FINISH))

    start, finish = hooked.ledger
    assert isinstance(finish, BuildFinished)
    assert start.known_at < finish.known_at
    assert finish.outcome is Outcome.FAILED


def test_a_delivery_that_comes_again_has_no_effect(hooked: Hooked) -> None:
    body = run_payload(START)
    hooked.deliver(body, delivery="again")
    other = msgspec.structs.replace(FINISH, outcome=Outcome.PASSED)

    answer = hooked.deliver(run_payload(START, other), delivery="again")

    assert (answer.status_code, answer.json()) == (202, {"status": "repeated"})
    assert len(list(hooked.ledger)) == 1
    assert hooked.counted("workflow_run", "repeated") == 1


def test_a_run_told_of_twice_is_one_fact(hooked: Hooked) -> None:
    for _ in range(3):
        assert hooked.deliver(run_payload(START)).status_code == 202

    assert len(list(hooked.ledger)) == 1


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "sha256=" + "é" * 64],
)
def test_what_is_not_signed_is_refused(hooked: Hooked, signature: str) -> None:
    body = run_payload(START)
    headers = {**signed(body, "workflow_run"), "x-hub-signature-256": signature}

    answer = hooked.post(
        body, [(name, value.encode()) for name, value in headers.items()]
    )

    assert answer.status_code == 401
    assert "set the same secret" in answer.json()["error"]
    assert SECRET not in answer.text
    assert hooked.is_untouched()
    assert hooked.counted("other", "forged") == 1


def test_who_does_not_sign_is_refused_before_the_body_is_read(hooked: Hooked) -> None:
    """A body of 25 MB would be kept in memory until its signature is looked at."""
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b" " * 65_536

    async def send() -> int:
        async with hooked.server.client() as client:
            headers = {"x-github-event": "push", "x-github-delivery": "1"}
            answer = await client.post(PATH, content=body(), headers=headers)
            return answer.status_code

    assert asyncio.run(send()) == 401
    assert read <= 2


def test_bodies_nobody_vouches_for_take_little_memory_together(hooked: Hooked) -> None:
    """They count as long as they are on their way, by what they announce."""
    body = run_payload(START)
    headers = {**signed(body, "workflow_run"), "content-length": str(20 * 2**20)}
    arrived = asyncio.Event()
    all_begun = asyncio.Event()
    count = UNREAD_BYTES // (20 * 2**20)
    begun = 0

    async def slow() -> AsyncIterator[bytes]:
        nonlocal begun
        begun += 1
        if begun == count:
            all_begun.set()
        yield body
        await arrived.wait()

    async def send() -> list[int]:
        async with hooked.server.client() as client:
            held = [
                asyncio.create_task(client.post(PATH, content=slow(), headers=headers))
                for _ in range(count)
            ]
            await all_begun.wait()
            one_more = await client.post(PATH, content=slow(), headers=headers)
            arrived.set()
            return [one_more.status_code, *[(await one).status_code for one in held]]

    first, *others = asyncio.run(send())

    assert first == 503
    assert set(others) == {202}


def test_a_body_changed_after_signing_is_refused(hooked: Hooked) -> None:
    body = run_payload(START)
    headers = signed(body, "workflow_run")

    answer = hooked.post(body.replace(b"acme", b"evil"), list(headers.items()))

    assert answer.status_code == 401
    assert hooked.is_untouched()


def test_any_secret_of_several_will_do(hooked: Hooked) -> None:
    answer = hooked.deliver(run_payload(START), secret="older")  # noqa: S106 - made up

    assert answer.status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        run_payload(START)[:-9],
        b"",
        b"[]",
        b'{"action": "requested"}',
        run_payload(START, id=-1),
        run_payload(START, run_attempt=2**40),
        run_payload(START, head_branch="a\x00b"),
        run_payload(START, head_branch="b" * 2_000),
        run_payload(START, head_sha="c" * 65),
        run_payload(START, run_started_at="0001-01-01T00:00:00+14:00"),
        run_payload(START, path="€" * 1_000),
        run_payload(START, run_started_at="yesterday"),
    ],
)
def test_what_is_no_run_is_malformed(hooked: Hooked, body: bytes) -> None:
    answer = hooked.deliver(body)

    assert answer.status_code == 400
    assert "workflow_run" in answer.json()["error"]
    assert hooked.is_untouched()
    assert hooked.counted("other", "malformed") == 1


@pytest.mark.parametrize("delivery", ["", "a b", "x" * 101, "../../etc"])
def test_a_delivery_without_a_name_is_malformed(hooked: Hooked, delivery: str) -> None:
    body = run_payload(START)
    headers = {**signed(body, "workflow_run"), "x-github-delivery": delivery}

    answer = hooked.post(body, list(headers.items()))

    assert answer.status_code == 400
    assert "x-github-delivery" in answer.json()["error"]
    assert hooked.is_untouched()


def test_what_is_too_large_is_refused(hooked: Hooked) -> None:
    answer = hooked.deliver(b" " * (BODY_LIMIT_BYTES + 1))

    assert answer.status_code == 413
    assert hooked.is_untouched()
    assert hooked.counted("other", "too_large") == 1


def test_an_event_we_do_not_read_is_counted_and_not_kept(
    hooked: Hooked, fixtures: Path
) -> None:
    for name in ("check_run", "check_suite"):
        body = (fixtures / f"{name}_completed.json").read_bytes()
        answer = hooked.deliver(body, name)
        assert (answer.status_code, answer.json()) == (202, {"status": "ignored"})

    assert hooked.counted("other", "ignored") == 2
    assert hooked.is_untouched()


def test_real_payloads_are_taken(hooked: Hooked, fixtures: Path) -> None:
    taken = 0
    for path in sorted(fixtures.glob("*.json")):
        event = next((e for e in DELIVERED_EVENTS if path.name.startswith(e)), "")
        if event:
            answer = hooked.deliver(path.read_bytes(), event)
            assert answer.json() == {"status": "accepted"}, path.name
            taken += 1

    assert taken == 9
    start, finish = hooked.ledger
    assert start.key == BuildKey(
        "github", "octo-org/octo-repo", "test.yml", "289782451"
    )
    assert isinstance(finish, BuildFinished)
    assert finish.outcome is Outcome.PASSED


def test_what_a_commit_is_based_on_is_noted(hooked: Hooked, fixtures: Path) -> None:
    body = (fixtures / "pull_request_synchronize.json").read_bytes()
    said = msgspec.json.decode(body)["pull_request"]
    hooked.deliver(body, "pull_request")

    notes = Inbox(hooked.ledger).notes(
        "github", "Codertocat/Hello-World", said["head"]["sha"]
    )

    head = head_of(notes, is_pull=True)
    assert (head.pull, head.base_sha) == (2, said["base"]["sha"])
    assert head_of(notes, is_pull=False).pull is None


def test_a_push_names_its_files(hooked: Hooked) -> None:
    commits = [
        {"added": ["new.py", "gone.py"], "modified": ["a.py"], "removed": []},
        {"added": [], "modified": ["new.py"], "removed": ["gone.py", "old.py"]},
    ]
    body = msgspec.json.encode(
        {
            "before": "ba5e",
            "after": "c0ffee",
            "commits": commits,
            "repository": {"full_name": "acme/shop"},
        }
    )
    hooked.deliver(body, "push")

    notes = Inbox(hooked.ledger).notes("github", "acme/shop", "c0ffee")

    head = head_of(notes, is_pull=False)
    assert head.base_sha == "ba5e"
    assert head.change is not None
    assert sorted(head.change.paths) == ["a.py", "new.py", "old.py"]
    assert (head.change.files_added, head.change.files_deleted) == (1, 1)


@pytest.mark.parametrize(
    ("steps", "is_infra"),
    [
        ([{"name": "Set up job", "conclusion": "failure"}], True),
        ([], True),
        ([{"name": "Run make test", "conclusion": "failure"}], False),
    ],
)
def test_how_a_job_ended_is_noted(
    hooked: Hooked, steps: list[object], *, is_infra: bool
) -> None:
    job = {"id": 5, "run_id": 8812, "conclusion": "failure", "steps": steps}
    body = msgspec.json.encode(
        {
            "action": "completed",
            "workflow_job": job,
            "repository": {"full_name": "acme/shop"},
        }
    )
    hooked.deliver(body, "workflow_job")

    notes = Inbox(hooked.ledger).notes("github", "acme/shop", attempt_of(START.key))

    assert (cause_of(notes) is not None) == is_infra


def test_a_ledger_out_of_reach_is_no_acknowledgement(tmp_path: Path) -> None:
    def fails() -> Ledger:
        message = "no database"
        raise LedgerError(message)

    with Ledger.open(tmp_path / "ledger.db") as ledger:
        hooked = Hooked(ledger, fails)
        answer = hooked.deliver(run_payload(START))
        hooked.inbox.close()

    assert answer.status_code == 503
    assert "deliver it again" in answer.json()["error"]
    assert hooked.counted("workflow_run", "failed") == 1


def test_a_form_is_read_as_github_fills_it(hooked: Hooked) -> None:
    body = str(httpx.QueryParams({"payload": run_payload(START).decode()})).encode()
    headers = {
        **signed(body, "workflow_run"),
        "content-type": "application/x-www-form-urlencoded",
    }

    assert hooked.post(body, list(headers.items())).json() == {"status": "accepted"}
