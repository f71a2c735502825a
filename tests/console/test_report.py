"""The page: nothing from outside, hostile names inert, every number of the record."""

import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest

from breakcast.console.report import MOST_REPOS, render_report
from breakcast.model.evaluation import DataFacts, Evaluation, evaluate
from tests.model.made_up import make_forecasts

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(2)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "a/\u202eevil' onmouseover='alert(3)",
)


class Page(HTMLParser):
    """What a browser would make of the page: elements, scripts, visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.ids: set[str] = set()
        self._text: list[str] = []
        self._raw: str | None = None
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self._text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if name := dict(attrs).get("id"):
            self.ids.add(name)
        if tag in self.inside:
            self._raw = tag
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._raw:
            self._raw = None

    def handle_data(self, data: str) -> None:
        if self._raw:
            self.inside[self._raw][-1] += data
        else:
            self._text.append(data)


@cache
def judged() -> Evaluation:
    data = DataFacts(
        builds=12_345,
        labelled=12_321,
        test_builds=2_000,
        repos=5,
        failure_rate=0.1234,
        refused_rows=17,
        assumed_finish=29,
        first_at=datetime(2025, 1, 2, tzinfo=UTC),
        last_at=datetime(2026, 3, 4, tzinfo=UTC),
        outcomes={"passed": 10_801, "failed": 1_520, "none": 24},
        notes=("Line 3 was <b>odd</b>.",),
    )
    return evaluate(
        make_forecasts(seed=2, repo_names=HOSTILE, noise=0.3),
        make_forecasts(seed=1),
        data=data,
        protocol="walk-forward",
        seconds=41.3,
    )


@cache
def page() -> Page:
    made_at = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    return Page(render_report(judged(), source="builds <1>.csv", made_at=made_at))


def test_the_page_is_one_file_of_less_than_six_megabytes() -> None:
    assert len(render_report(judged()).encode()) < 6_000_000


def test_nothing_is_loaded_from_anywhere() -> None:
    loading = {"link", "img", "iframe", "object", "embed", "base", "form", "a", "image"}
    assert not loading & {tag for tag, _ in page().elements}
    for tag, attributes in page().elements:
        outside = {"src", "href", "action", "data", "srcset", "poster", "background"}
        assert not outside & attributes.keys(), tag
    assert "url(" not in page().inside["style"][0]
    assert "@import" not in page().inside["style"][0]
    ours = page().inside["script"][-1]
    assert not re.search(r"fetch|XMLHttpRequest|import\(|https?:|//cdn", ours)


def test_plotly_is_inlined_once() -> None:
    kinds = [len(script) > 1_000_000 for script in page().inside["script"]]
    assert kinds == [False, True, False]


def test_the_policy_allows_the_pages_two_scripts_and_nothing_else() -> None:
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in page().elements
        if tag == "meta" and attributes.get("http-equiv")
    ]
    assert policy.startswith("default-src 'none';")
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    data, *scripts = page().inside["script"]
    assert json.loads(data).keys() >= {"savings", "roc"}
    assert allowed == [
        b64encode(sha256(script.encode()).digest()).decode() for script in scripts
    ]
    script_rule = policy.split("script-src")[1].split(";")[0]
    assert "unsafe" not in script_rule


def test_hostile_names_stay_names() -> None:
    assert len(page().inside["script"]) == 3
    handlers = {name for _, at in page().elements for name in at if name[:2] == "on"}
    assert not handlers
    for name in HOSTILE:
        assert name in page().text
    assert "Line 3 was <b>odd</b>." in page().text
    assert "builds <1>.csv" in page().text
    assert ("b", {}) not in page().elements


def test_the_sections_come_in_the_promised_order() -> None:
    sections = [at["id"] for tag, at in page().elements if tag == "section"]
    assert sections == [
        "verdict",
        "headline",
        "savings",
        "ranking",
        "calibration",
        "first-failures",
        "selective",
        "repositories",
        "outcomes",
        "assumptions",
        "method",
    ]


def test_every_chart_has_its_place() -> None:
    figures = json.loads(page().inside["script"][0])
    assert {f"chart-{name}" for name in figures} <= page().ids


def test_the_verdict_stands_with_all_its_checks() -> None:
    assert "Turn it on" in page().text
    text = page().text.replace("\u00a0", " ")
    assert all(check.text in text for check in judged().checks)


def test_every_score_of_the_record_is_on_the_page() -> None:
    for forecaster in (judged().model, judged().parrot, judged().majority):
        for scores in (forecaster.pooled, forecaster.macro):
            for metric in scores.__struct_fields__:
                assert f"{getattr(scores, metric):.3f}" in page().text, metric
        for found in forecaster.intervals.values():
            if found is not None:
                assert f"{found.lower:.3f} to {found.upper:.3f}" in page().text
    for ahead in judged().difference.values():
        assert f"{ahead.value:+.3f}".replace("-", "−") in page().text


def test_every_other_number_of_the_record_is_on_the_page() -> None:
    found = judged()
    savings, selective, first = found.savings, found.selective, found.first_failure
    assert savings.point is not None
    assert savings.oracle is not None
    assert savings.missed_interval is not None
    shares = [
        found.data.failure_rate,
        savings.point.skipped_share,
        savings.point.missed_share,
        savings.point.minutes_share,
        savings.point.worst_repo_missed,
        savings.missed_interval.lower,
        savings.missed_interval.upper,
        savings.validation_missed_share,
        savings.oracle.skipped_share,
        savings.oracle.missed_share,
        savings.minutes_known,
        savings.budget,
        selective.target,
        selective.coverage,
        selective.accuracy,
        selective.lower95,
        selective.validation_accuracy,
        selective.validation_coverage,
        first.share_of_failures,
        first.recall_at_20,
    ]
    scores = [
        savings.point.threshold,
        savings.oracle.threshold,
        selective.threshold,
        first.roc_auc,
        first.pr_auc,
        found.calibration.ece,
        found.calibration.chance_ece,
        found.calibration.worst_excess,
    ]
    counts = [
        savings.point.skipped,
        savings.point.minutes,
        savings.point.missed,
        savings.total_minutes,
        savings.days,
        selective.answered,
        first.builds,
        first.failures,
        found.method.blocks,
        found.method.resamples,
        found.method.validation_builds,
        *found.data.outcomes.values(),
        found.data.builds,
        found.data.labelled,
        found.data.test_builds,
        found.data.refused_rows,
        found.data.assumed_finish,
    ]
    expected = [f"{100 * (share or 0):.1f}\u00a0%" for share in shares]
    expected += [f"{score:.3f}" for score in scores]
    expected += [f"{count:,.0f}" for count in counts]
    expected += [f"${savings.point.money:,.2f}", f"${savings.price_a_minute}", "41.3"]
    expected += ["2025-01-02 to 2026-03-04", "2026-11-23 09:30 UTC", "walk-forward"]
    expected += list(found.method.definitions.values())
    # Before \s+ is folded, a no-break space is a space like any other to a reader.
    text = page().text.replace("\u00a0", " ")
    missing = [one for one in expected if one.replace("\u00a0", " ") not in text]
    assert missing == []


def test_every_repository_has_its_row() -> None:
    values = [at["data-value"] for tag, at in page().elements if "data-value" in at]
    for repo in judged().per_repo:
        for value in (repo.repo, repo.builds, repo.roc_auc, repo.missed_share):
            assert str(value) in values


def test_many_repositories_are_capped_and_the_page_says_so() -> None:
    many = MOST_REPOS + 7
    names = tuple(f"acme/repo-{number}" for number in range(many))
    test = make_forecasts(3 * many, repos=many, repo_names=names)
    html = render_report(evaluate(test, make_forecasts(seed=1), resamples=20))
    text = Page(html).text
    assert "The 200 repositories with most test builds, of 207; the JSON holds" in text
    assert html.count("<td data-value=") == 12 * MOST_REPOS


@pytest.mark.parametrize("builds", [0, 1, 9, 30])
@pytest.mark.parametrize("outcome", [False, True])
def test_hardly_any_builds_of_one_outcome_make_a_page_too(
    builds: int,
    outcome: bool,  # noqa: FBT001 - the outcome is what the test is about
) -> None:
    made = make_forecasts(40, failed=np.full(40, outcome))
    some = made.take(np.arange(40) < builds)
    text = Page(render_report(evaluate(some, some.take(some.failed)))).text
    assert "Not yet" in text
    assert "No chart: it takes builds of both outcomes." in text
    assert not re.search(r"\b(None|nan|inf)\b(?! of the)", text)


def test_another_price_is_not_called_the_list_price() -> None:
    made = make_forecasts(300)
    evaluation = evaluate(made, made, price_a_minute=0.25, resamples=20)
    text = Page(render_report(evaluation)).text
    assert "A minute is taken at $0.25." in text
    assert "list price" not in text
    assert "list price" in page().text


def test_a_budget_that_was_not_kept_is_said_to_be_overrun() -> None:
    validation = make_forecasts(300, seed=1)
    blind = make_forecasts(300, probability=np.zeros(300))
    text = Page(render_report(evaluate(blind, validation, resamples=20))).text
    assert "was overrun." in text
    kept = evaluate(blind, blind, resamples=20)
    assert "was overrun." not in Page(render_report(kept)).text


def test_money_is_not_called_nought_when_no_duration_is_known() -> None:
    timeless = make_forecasts(300, minutes=np.full(300, np.nan))
    text = Page(render_report(evaluate(timeless, timeless, resamples=20))).text
    assert "no test build has a known duration" in text
    assert "$0.00 " not in text


def test_an_unknown_protocol_is_named_all_the_same() -> None:
    made = make_forecasts(50)
    evaluation = evaluate(made, made, protocol="<rolling>", resamples=20)
    assert "<rolling>" in Page(render_report(evaluation)).text
