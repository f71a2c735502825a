"""Settings become the parts that run: which key, which ledger, how many processes."""

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC
from pathlib import Path

import pytest

from breakcast import wiring
from breakcast.history.events import BuildStarted
from breakcast.model.judge import Terms
from breakcast.serving.access import make_token
from breakcast.settings import Settings
from breakcast.wiring import histories, training
from breakcast.wiring.serving import access_of
from tests.history.made_builds import HEADER, PLAIN, write_csv


def test_the_time_is_told_in_utc() -> None:
    assert wiring.now().tzinfo is UTC


def test_small_histories_and_single_workers_need_no_pool() -> None:
    for workers, builds in ((8, training.WORTH_A_POOL - 1), (1, 1_000_000)):
        with training.workers(Settings(workers=workers), builds) as pool:
            assert pool is None


@pytest.mark.slow
def test_large_histories_are_worked_on_in_other_processes() -> None:
    with training.workers(Settings(workers=2), training.WORTH_A_POOL) as pool:
        assert isinstance(pool, ProcessPoolExecutor)
        assert pool.submit(os.getpid).result() != os.getpid()


def test_the_terms_are_those_of_the_settings() -> None:
    settings = Settings(target_accuracy=0.7, missed_budget=0.2, price_a_minute=3.0)

    terms = training.terms_of(settings, protocol="walk-forward", test_fraction=0.4)

    assert terms == Terms(
        protocol="walk-forward",
        test_fraction=0.4,
        target_accuracy=0.7,
        missed_budget=0.2,
        price_a_minute=3.0,
    )


def test_an_author_asked_about_is_the_one_in_the_ledger(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    row = f"{PLAIN},Ada Lovelace"
    histories.import_file(write_csv(tmp_path, row, header=HEADER + ",author"), settings)

    asked = wiring.author_of("Ada Lovelace", settings)

    assert asked is not None
    assert _authors(settings) == [asked]
    assert wiring.author_of("Charles Babbage", settings) != asked
    assert wiring.author_of(None, settings) is None


def test_authors_that_do_not_count_are_dropped_when_read(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", use_authors=False)
    row = f"{PLAIN},Ada Lovelace"

    histories.import_file(write_csv(tmp_path, row, header=HEADER + ",author"), settings)

    assert _authors(settings) == [None]
    assert wiring.author_of("Ada Lovelace", settings) is None


def test_a_key_is_made_only_where_something_is_kept(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    history = write_csv(tmp_path, PLAIN)

    histories.open_builds(history, settings, assume_minutes=30, is_kept=False)
    assert not settings.home.exists()

    histories.open_builds(history, settings, assume_minutes=30)
    assert (settings.home / "author.key").exists()


def test_an_import_says_where_the_ledger_stands_after_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    history = write_csv(tmp_path, PLAIN)

    positions = [histories.import_file(history, settings)[1] for _ in range(2)]

    assert positions == [2, 2]


def test_tokens_count_where_others_can_reach_the_server_and_nowhere_else() -> None:
    _, kept = make_token("ci", ["read"])

    assert access_of(Settings(host="127.0.0.1", tokens=(kept,))).is_open
    assert access_of(Settings(host="localhost", tokens=(kept,))).is_open
    assert not access_of(Settings(host="::", tokens=(kept,))).is_open
    assert access_of(Settings(host="::")).is_open


def _authors(settings: Settings) -> list[str | None]:
    with wiring.open_ledger(settings) as ledger:
        return [
            event.build.author for event in ledger if isinstance(event, BuildStarted)
        ]
