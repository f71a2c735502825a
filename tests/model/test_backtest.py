"""Both protocols forecast the same builds from what was known before each."""

import multiprocessing
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from breakcast.errors import BadInput
from breakcast.features.table import Table
from breakcast.model.backtest import RETRAINS, Backtest, Protocol, backtest
from breakcast.model.estimator import Bools, Floats
from breakcast.model.selective import choose_cut
from breakcast.model.split import is_labelled, is_last_fraction
from tests.model.made_history import SMALL, Row, simulated_rows, simulated_table
from tests.model.made_table import NEVER, make_table

PROTOCOLS: tuple[Protocol, ...] = ("split", "walk-forward")

both = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.fixture(scope="module")
def backtests() -> dict[Protocol, Backtest]:
    return {name: _backtest(simulated_table(), name) for name in PROTOCOLS}


@both
def test_the_same_history_gives_the_same_forecasts(
    protocol: Protocol, backtests: dict[Protocol, Backtest]
) -> None:
    assert _said(_backtest(simulated_table(), protocol)) == _said(backtests[protocol])


@pytest.mark.slow
def test_two_processes_say_what_one_thread_says(
    backtests: dict[Protocol, Backtest],
) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        for protocol in PROTOCOLS:
            elsewhere = backtest(
                simulated_table(),
                protocol,
                recipe=SMALL,
                target_accuracy=0.8,
                executor=pool,
            )
            assert _said(elsewhere) == _said(backtests[protocol])


def test_both_protocols_judge_the_newest_labelled_fifth(
    backtests: dict[Protocol, Backtest],
) -> None:
    table = simulated_table()
    judged = is_last_fraction(table, np.ones(len(table), bool), 0.2)
    judged &= is_labelled(table)

    for done in backtests.values():
        test = done.test
        assert test.started_at.tolist() == table.started_at[judged].tolist()
        assert test.repo.tolist() == table.repo[judged].tolist()
        assert test.failed.tolist() == (table.failed[judged] > 0).tolist()


def test_validation_lies_before_the_test(backtests: dict[Protocol, Backtest]) -> None:
    """By repository in a split, by the calendar when walking forward."""
    walked, split = backtests["walk-forward"], backtests["split"]
    assert walked.validation.started_at.max() < walked.test.started_at.min()
    assert len(walked.validation) > 100
    assert len(split.validation) > 100
    for repo in range(len(split.test.repo_names)):
        last = split.validation.started_at[split.validation.repo == repo].max()
        assert last < split.test.started_at[split.test.repo == repo].min()


@both
def test_the_model_knows_more_than_the_majority(
    protocol: Protocol, backtests: dict[Protocol, Backtest]
) -> None:
    test = backtests[protocol].test

    model, majority = (
        float(np.mean((said - test.failed) ** 2))
        for said in (test.probability, test.majority)
    )

    assert model < majority


@both
def test_logits_are_kept_of_builds_the_forests_had_not_seen_and_no_others(
    protocol: Protocol, backtests: dict[Protocol, Backtest]
) -> None:
    table, done = simulated_table(), backtests[protocol]
    unseen = ~np.isnan(done.unseen_logit)

    assert unseen.sum() == len(done.validation) + len(done.test)
    assert table.started_at[unseen].tolist() == sorted(
        [*done.validation.started_at, *done.test.started_at]
    )


def test_one_cut_chosen_on_validation_serves_a_whole_split(
    backtests: dict[Protocol, Backtest],
) -> None:
    done = backtest(simulated_table(), recipe=SMALL, target_accuracy=0.8)
    validation = done.validation

    chosen = choose_cut(validation.probability, validation.failed, 0.8)

    assert chosen is not None
    assert set(done.cut.tolist()) == {chosen}
    assert len(set(backtests["walk-forward"].cut.tolist())) > 1


@both
def test_the_parrot_repeats_the_last_outcome_known_on_pipeline_and_branch(
    protocol: Protocol, backtests: dict[Protocol, Backtest]
) -> None:
    """On a branch where nothing is known yet, the last one of the pipeline."""
    table, test = simulated_table(), backtests[protocol].test
    judged = is_last_fraction(table, np.ones(len(table), bool), 0.2)

    expected = _parrot_by_hand(table, judged & is_labelled(table))

    assert np.array_equal(test.parrot, expected, equal_nan=True)
    assert test.is_first.tolist() == (expected == 0).tolist()


def test_the_majority_of_a_split_counts_the_builds_it_was_taught(
    backtests: dict[Protocol, Backtest],
) -> None:
    table, test = simulated_table(), backtests["split"].test
    is_test = is_last_fraction(table, np.ones(len(table), bool), 0.2)
    taught = np.zeros(len(table), bool)
    for repo in range(len(table.repo_names)):
        own = table.repo == repo
        since = table.started_at[own & is_test].min()
        taught |= own & ~is_test & (table.known_at < since)

    rates = _rates_by_hand(table, taught)

    assert test.majority == pytest.approx([rates[repo] for repo in test.repo])


def test_the_majority_that_walks_forward_counts_what_was_known_by_then(
    backtests: dict[Protocol, Backtest],
) -> None:
    table, test = simulated_table(), backtests["walk-forward"].test
    starts = sorted(test.started_at.tolist())
    turns = sorted({starts[turn * len(starts) // RETRAINS] for turn in range(RETRAINS)})
    rates = {since: _rates_by_hand(table, table.known_at < since) for since in turns}

    expected = [
        rates[max(since for since in turns if since <= at)][repo]
        for at, repo in zip(test.started_at, test.repo, strict=True)
    ]

    assert test.majority == pytest.approx(expected)


@pytest.mark.parametrize("delay_days", [0, 4])
def test_walking_forward_no_forecast_knows_an_outcome_known_later(
    delay_days: float,
) -> None:
    """
    Rows stay as they are: this asks the model alone, not the features.

    With a delay, many a build forecast by one forest is known only after the
    next has taken over; the slope and the cut of that one must wait for it.
    """
    table = simulated_table()
    table = replace(table, known_at=table.known_at + delay_days * 86_400)
    before = _backtest(table)
    as_of = float(np.quantile(before.test.started_at, 0.7))

    after = _backtest(_with_other_outcomes(table, table.known_at >= as_of))

    assert _said(after, until=as_of) == _said(before, until=as_of)
    assert _said(after) != _said(before)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_in_a_split_no_forecast_knows_a_test_outcome_known_later(
    quantile: float, backtests: dict[Protocol, Backtest]
) -> None:
    """Training may end later in one repository than the test begins in another."""
    table, before = simulated_table(), backtests["split"]
    as_of = float(np.quantile(before.test.started_at, quantile))
    is_test = is_last_fraction(table, np.ones(len(table), bool), 0.2)

    after = _backtest(
        _with_other_outcomes(table, is_test & (table.known_at >= as_of)), "split"
    )

    assert _said(after, until=as_of) == _said(before, until=as_of)
    assert _said(after) != _said(before)


def test_an_answer_put_into_a_feature_is_noticed(
    backtests: dict[Protocol, Backtest],
) -> None:
    """A leak in the features would show: here is one, made on purpose."""
    table = simulated_table()
    rows = table.rows.copy()
    rows[:, 0] = table.failed

    done = backtest(replace(table, rows=rows), recipe=SMALL)

    wrong = (done.test.probability > 0.5) != done.test.failed
    assert wrong.mean() < 0.05
    honest = backtests["split"].test
    assert ((honest.probability > 0.5) != honest.failed).mean() > 0.1


@both
def test_progress_counts_the_forests(protocol: Protocol) -> None:
    told: list[tuple[int, int]] = []

    backtest(
        make_table([0] * 100),
        protocol,
        progress=lambda done, total: told.append((done, total)),
    )

    forests = 2 if protocol == "split" else 1 + RETRAINS
    assert told == [(done, forests) for done in range(1, forests + 1)]


@both
def test_a_fraction_out_of_range_is_refused(protocol: Protocol) -> None:
    with pytest.raises(BadInput, match=r"the fraction is 1\.5; it must lie between"):
        backtest(make_table([0, 0]), protocol, test_fraction=1.5)


@both
@pytest.mark.parametrize(
    ("repo", "failed", "tests"),
    [
        ([], [], 0),
        ([0], [1], 1),
        ([0, 0], [0, 1], 1),
        ([0] * 20, [NEVER] * 20, 0),
        ([0] * 20, [0, 1] * 8 + [NEVER] * 4, 0),
        ([0] * 300, [0] * 300, 60),
        ([0] * 300, [1] * 300, 60),
        ([0] * 300, [0, 1] * 120 + [1] * 60, 60),
        (list(range(300)), [0, 1] * 150, 300),
    ],
    ids=[
        "empty",
        "one build",
        "two builds",
        "all none",
        "no label in the test",
        "all green",
        "all red",
        "all red in the test",
        "one build a repository",
    ],
)
def test_however_little_there_is_forecasts_are_probabilities(
    protocol: Protocol, repo: list[int], failed: list[float], tests: int
) -> None:
    done = _backtest(make_table(repo, failed=failed), protocol)

    assert len(done.test) == len(done.cut) == tests
    assert np.isfinite(done.test.probability).all()


@both
def test_builds_that_all_start_at_once_are_forecast(protocol: Protocol) -> None:
    count = 400
    table = make_table(
        [0] * count,
        started_at=[5.0] * count,
        known_at=[6.0] * count,
        failed=[0, 1] * (count // 2),
    )

    done = _backtest(table, protocol)

    # Nothing was known before them.
    assert set(done.test.probability.tolist()) == {0.25}


def _backtest(table: Table, protocol: Protocol = "walk-forward") -> Backtest:
    return backtest(table, protocol, recipe=SMALL, target_accuracy=0.8)


def _with_other_outcomes(table: Table, which: Bools) -> Table:
    """The same rows; some builds' outcomes are the opposite, and known later."""
    return replace(
        table,
        failed=np.where(which, 1 - table.failed, table.failed),
        known_at=np.where(which, table.known_at + 7_200, table.known_at),
    )


def _said(done: Backtest, until: float = np.inf) -> list[bytes]:
    """All that was said about builds up to an as-of, bit for bit."""
    test, validation = done.test, done.validation
    now = test.started_at <= until
    columns = [done.cut, test.probability, test.majority, test.parrot]
    said = [column[now].tobytes() for column in columns]
    return [*said, validation.probability[validation.started_at <= until].tobytes()]


def _parrot_by_hand(table: Table, builds: Bools) -> Floats:
    rows = {
        (row["repo"], row["build_id"], _seconds(row["started_at"])): row
        for row in simulated_rows()
    }
    assert len(rows) == len(simulated_rows())
    known: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    for row in rows.values():
        if row["outcome"] != "none":
            fact = (_seconds(row["finished_at"]), float(row["outcome"] == "failed"))
            known[row["repo"], row["pipeline"]].append(fact)
            known[row["repo"], row["pipeline"], row["branch"]].append(fact)
    for facts in known.values():
        facts.sort(key=lambda fact: fact[0])
    said = []
    for build in np.flatnonzero(builds):
        repo, at = table.repo_names[table.repo[build]], float(table.started_at[build])
        said.append(_last(known, rows[repo, str(table.build_ids[build]), at], at))
    return np.array(said)


def _last(
    known: dict[tuple[str, ...], list[tuple[float, float]]], row: Row, as_of: float
) -> float:
    pipeline = (row["repo"], row["pipeline"])
    for key in ((*pipeline, row["branch"]), pipeline):
        before = [failed for end, failed in known[key] if end < as_of]
        if before:
            return before[-1]
    return NEVER


def _seconds(text: str) -> float:
    return float(np.datetime64(text.removesuffix("Z"), "s").astype(np.int64))


def _rates_by_hand(table: Table, taught: Bools) -> list[float]:
    labels: dict[int, list[float]] = defaultdict(list)
    for build in np.flatnonzero(taught & is_labelled(table)):
        labels[int(table.repo[build])].append(float(table.failed[build]))
    everyone = [failed for own in labels.values() for failed in own]
    base = (sum(everyone) + 1) / (len(everyone) + 4)
    return [
        (sum(labels[repo]) + base) / (len(labels[repo]) + 1)
        for repo in range(len(table.repo_names))
    ]
