"""The page about health says what the report says, and runs nothing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from breakcast.console.health import render_health
from breakcast.history.ledger import Ledger
from breakcast.monitoring.driftreport import Finding
from breakcast.monitoring.health import Canary
from breakcast.monitoring.quality import LiveQuality, RepoQuality, judge_quality
from breakcast.monitoring.watch import Watch
from breakcast.retraining.trigger import decide
from breakcast.serving.predictor import Models
from tests.monitoring.made_days import (
    MONDAY,
    TAUGHT_DAYS,
    answer,
    bundle_at,
    made_days,
    said_of,
)
from tests.retraining.test_trigger import DRIFT, report
from tests.serving.served import serving

HOSTILE = "<script>alert(1)</script>"


def test_before_there_is_a_report_the_page_says_how_to_make_one() -> None:
    page = render_health(None, None)

    assert "No health report yet" in page
    assert "breakcast health" in page


def test_the_page_says_what_is_to_be_done_and_why() -> None:
    drifted = report(inputs=DRIFT)

    page = render_health(drifted, decide(drifted, []))

    assert "<h2>Retrain</h2>" in page
    assert "minutes are longer" in page
    assert "Inputs: drift" in page


def test_whatever_a_name_is_it_stays_a_name() -> None:
    (quality, *_) = judge_quality([], datetime(2026, 1, 1, tzinfo=UTC))
    worst = RepoQuality(repo=HOSTILE, outcomes=40, accuracy=0.5, upper95=0.6)
    month: LiveQuality = msgspec.structs.replace(quality, window="28d", worst=(worst,))
    found = Finding(kind="missing", column=HOSTILE, words=f"{HOSTILE} is gone")
    broken = report(
        quality=(month,),
        inputs=msgspec.structs.replace(DRIFT, why=HOSTILE, findings=(found,)),
        canary=Canary(
            asked_at=datetime(2026, 1, 1, tzinfo=UTC),
            is_answered=False,
            trouble=HOSTILE,
        ),
    )

    page = render_health(broken, decide(broken, []))

    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4
    assert "default-src 'none'" in page


def test_a_server_shows_the_last_report_to_people_and_machines(
    tmp_path: Path,
) -> None:
    home, model = tmp_path / "home", tmp_path / "model"
    home.mkdir()
    bundle = bundle_at(model)
    table = made_days(TAUGHT_DAYS, 10, seed=2)
    with Ledger.open(home / "ledger.db") as ledger:
        answer(ledger, bundle, table, said_of(table, 2))
        watch = Watch(ledger, threshold=0.05, objective=0.88)
        at = MONDAY + timedelta(days=TAUGHT_DAYS + 10, hours=1)
        watch.keep(watch.look(Models(bundle), at))

    with serving("--model-dir", str(model), home=home) as served:
        page = httpx.get(f"{served.url}/health")
        record = httpx.get(f"{served.url}/health.json")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "v0.0 answers" in page.text
    said = json.loads(record.text)
    assert said["health"]["inputs"]["verdict"] == "no drift"
    # It is ten days old.
    assert said["decision"]["triggers"] == ["age"]
    assert f"Inputs: {said['health']['inputs']['verdict']}" in page.text
