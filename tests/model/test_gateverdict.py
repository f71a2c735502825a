"""A gate's verdict keeps what was measured, and fails where nothing was."""

from datetime import UTC, datetime
from math import inf, nan

import msgspec
import pytest

from breakcast.model.gateverdict import (
    GateCheck,
    GateVerdict,
    at_least,
    at_most,
    verdict_from,
)

GOOD, BAD = at_least("roc_auc", 0.9, 0.89), at_most("ece", 0.02, 0.012)


def test_one_failed_check_fails_it() -> None:
    assert not _verdict(GOOD).failed
    assert _verdict(GOOD, BAD).failed


def test_no_check_shows_nothing() -> None:
    assert _verdict().failed


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [(0.5, True, True), (0.4, False, True), (0.6, True, False)],
)
def test_a_bound_itself_is_within(value: float, *, least: bool, most: bool) -> None:
    assert at_least("x", value, 0.5).passed is least
    assert at_most("x", value, 0.5).passed is most


@pytest.mark.parametrize("value", [None, nan, inf, -inf])
def test_a_value_that_is_no_number_never_passes(value: float | None) -> None:
    for check in (at_least("x", value, 0.5), at_most("x", value, 0.5)):
        assert (check.value, check.passed) == (None, False)


def test_it_comes_back_from_json() -> None:
    verdict = _verdict(GOOD, BAD, at_least("mcc", None, 0.5))

    assert verdict_from(verdict.json()) == verdict


def test_its_json_fits_its_schema_in_names() -> None:
    schema = msgspec.json.schema(GateVerdict)["$defs"]["GateVerdict"]

    assert set(schema["properties"]) == set(msgspec.json.decode(_verdict().json()))


def test_an_undefined_value_and_a_bar_are_written_for_people() -> None:
    page = _verdict(at_least("a|b", None, 0.5)).markdown()

    assert r"| a\|b | undefined | at least 0.5 | **no** |" in page


def test_a_first_candidate_stands_against_nobody() -> None:
    verdict = msgspec.structs.replace(_verdict(GOOD), champion=None)

    assert verdict.markdown().startswith("### v1.1 against nobody: passed")


def _verdict(*checks: GateCheck) -> GateVerdict:
    return GateVerdict(
        candidate="v1.1",
        champion="v1.0",
        at=datetime(2026, 4, 1, tzinfo=UTC),
        checks=checks,
        reasons=("Because.",),
    )
