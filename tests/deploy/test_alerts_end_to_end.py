"""A server breaks; Prometheus sees it, Alertmanager pages, somebody hears it."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import yaml

from deploy.prometheus.rules import groups
from tests.engines import Alertmanager, Prometheus
from tests.serving.made_servers import bundle_folder
from tests.serving.served import HEADLINE, PREDICT, Served, serving, wait_for

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"


class Ear:
    """Hears what Alertmanager tells, by the path it is told at."""

    def __init__(self) -> None:
        heard: dict[str, list[dict[str, Any]]] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                told = msgspec.json.decode(self.rfile.read(length))
                heard.setdefault(self.path, []).extend(told["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.heard = heard
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    def names(self, path: str) -> set[str]:
        return {one["labels"]["alertname"] for one in self.heard.get(path, [])}


@contextmanager
def listening() -> Iterator[Ear]:
    ear = Ear()
    thread = threading.Thread(target=ear.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        ear.server.shutdown()
        ear.server.server_close()
        thread.join()


def settings_for(ear: Ear) -> str:
    """The committed settings, told to this ear, without waiting to gather alerts."""
    settings = yaml.safe_load((DEPLOY / "alertmanager.yaml").read_text("utf-8"))
    routes = [settings["route"], *settings["route"]["routes"]]
    for route in routes:
        route |= {"group_wait": "0s", "group_interval": "1s"}
    for receiver in settings["receivers"]:
        for hook in receiver["webhook_configs"]:
            hook["url"] = hook["url"].replace(":9095", f":{ear.port}")
    return yaml.safe_dump(settings)


def rules_in(folder: Path) -> Path:
    """The committed rules, without the minutes that a trouble has to last."""
    at_once = [
        group
        | {
            "rules": [
                {key: value for key, value in rule.items() if key != "for"}
                for rule in group["rules"]
            ]
        }
        for group in groups()
    ]
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": at_once}), encoding="utf-8")
    return file


def is_live(served: Served) -> bool:
    try:
        return httpx.get(f"{served.url}/v2/health/live").is_success
    except httpx.TransportError:
        return False


def ask(served: Served, times: int) -> set[int]:
    with httpx.Client(base_url=served.url) as client:
        return {client.post(PREDICT, json=HEADLINE).status_code for _ in range(times)}


def test_a_server_that_breaks_pages_and_one_that_works_does_not(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(bundle_folder(), model)
    with (
        listening() as ear,
        Alertmanager(settings_for(ear)) as manager,
        serving("--model-dir", str(model), home=tmp_path / "home") as served,
    ):
        port = served.port
        target, told = f"127.0.0.1:{port}", f"127.0.0.1:{manager.port}"
        with Prometheus({"breakcast": target}, rules_in(tmp_path), told) as prometheus:
            wait_for(lambda: prometheus.query("ml_predictions_total"), "a first scrape")
            assert ask(served, 200) == {200}
            wait_for(lambda: "/heartbeat" in ear.heard, "the watchdog")
            wait_for(
                lambda: prometheus.query(
                    'slo:events:increase{slo="availability", window="5m"} > 100'
                ),
                "requests to be counted",
            )
            assert "/pages" not in ear.heard

            # Its model is lost, and the process with it; what starts again has none.
            served.process.kill()
            served.process.wait()
            again = ("--port", str(port), "--registry", str(tmp_path / "empty"))
            with serving(*again, home=tmp_path / "home", wait=False) as broken:
                wait_for(lambda: is_live(broken), "the server to be back")
                assert ask(broken, 200) == {503}
                wait_for(
                    lambda: (
                        ask(broken, 20)
                        and "BreakcastAvailabilityBudget1H" in ear.names("/pages")
                    ),
                    "the page",
                )

    assert "BreakcastWatchdog" in ear.names("/heartbeat")
    page = next(
        one
        for one in ear.heard["/pages"]
        if one["labels"]["alertname"] == "BreakcastAvailabilityBudget1H"
    )
    assert page["labels"]["model"] == "ci-failure-predictor-prod"
    assert page["annotations"]["runbook_url"] == "docs/runbook.md#availability"
