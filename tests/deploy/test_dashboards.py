"""Every panel of every dashboard finds data on a Prometheus that scrapes a server."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from breakcast.history.ledger import Ledger
from breakcast.monitoring.health import Canary
from breakcast.monitoring.watch import Watch
from breakcast.serving.predictor import Models
from deploy.grafana.dashboards import file_of, written
from deploy.grafana.panels import DASHBOARDS, Dashboard
from deploy.prometheus.rules import RULES
from tests.engines import Prometheus
from tests.monitoring.made_days import (
    MONDAY,
    TAUGHT_DAYS,
    answer,
    bundle_at,
    made_days,
    said_of,
)
from tests.serving.served import NAME, PREDICT, serving, wait_for

BUILD = {"repo": "acme/shop", "pipeline": "ci.yml", "branch": "main"}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_the_committed_dashboards_are_those_of_the_table(dashboard: Dashboard) -> None:
    assert file_of(dashboard).read_text(encoding="utf-8") == written(dashboard)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_panels_do_not_overlap(dashboard: Dashboard) -> None:
    taken = set()
    for panel in json.loads(written(dashboard))["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        taken |= cells


def test_every_panel_finds_data_of_a_real_run(tmp_path: Path) -> None:
    home, model = tmp_path / "home", tmp_path / "model"
    home.mkdir()
    bundle = bundle_at(model)
    table = made_days(TAUGHT_DAYS, 10, seed=2)
    with Ledger.open(home / "ledger.db") as ledger:
        answer(ledger, bundle, table, said_of(table, 2))
        watch = Watch(ledger, threshold=0.05, objective=0.88)
        watch.keep_canary(Canary(asked_at=datetime.now(UTC), is_answered=True))
        at = MONDAY + timedelta(days=TAUGHT_DAYS + 10, hours=1)
        watch.keep(watch.look(Models(bundle), at))
    panels = {
        f"{dashboard.name}: {panel.title}: {query.legend}": query.expression.replace(
            "$model", NAME
        )
        for dashboard in DASHBOARDS
        for row in dashboard.rows
        for panel in row.panels
        for query in panel.queries
    }
    with (
        serving("--model-dir", str(model), home=home) as served,
        Prometheus({"breakcast": f"127.0.0.1:{served.port}"}, RULES) as prometheus,
        httpx.Client(base_url=served.url) as client,
    ):

        def empty() -> list[str]:
            reply = client.post(PREDICT, json={"instances": [BUILD]})
            assert reply.status_code == 200
            return [
                name
                for name, expression in panels.items()
                if not [
                    one
                    for one in prometheus.query(expression)
                    if one["value"][1] != "NaN"
                ]
            ]

        wait_for(lambda: not empty(), f"data in {empty()}", seconds=40)
