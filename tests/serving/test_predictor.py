"""The predictor: champion and challenger, the same row, one prediction each."""

from datetime import timedelta

import msgspec
import numpy as np
import pytest

from breakcast.errors import BundleError, NotReady
from breakcast.features.columns import catalog_of
from breakcast.history.events import Build, BuildKey
from breakcast.history.ledger import Ledger
from breakcast.model.calibration import Calibration, Platt
from breakcast.serving.journal import entry_of
from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Models, Predictor, Question, warm
from breakcast.serving.states import LedgerStates
from tests.features.timeline import GREEN, RED, Timeline, at
from tests.model.made_bundles import CATALOG
from tests.serving.made_servers import made_bundle, no_ledger

BUILD = Build(BuildKey("test", "acme/shop", "ci", "7"), branch="main", commit_sha="c0")


def bundle_called(version: str, **changed: object):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a bundle
    bundle = made_bundle()
    manifest = msgspec.structs.replace(bundle.manifest, version=version)
    fields = {name: getattr(bundle, name) for name in bundle.__slots__}
    return type(bundle)(**(fields | {"manifest": manifest} | changed))


CHAMPION = bundle_called("v1.0")
CHALLENGER = bundle_called("v1.1", calibration=Calibration(Platt(1.0, 2.0)))


def predicted(models: Models) -> tuple[Prediction, list[Prediction]]:
    told: list[Prediction] = []
    with Ledger.temporary() as ledger:
        ledger.append(
            Timeline().build("1", 0, 10, RED).build("2", 20, 30, GREEN).events
        )
        states = LedgerStates(lambda: ledger)
        states.follow([CATALOG])
        predictor = Predictor(states, [told.append])
        return predictor.predict(models, Question(BUILD, at(60))), told


def test_nothing_answers_before_models_are_there() -> None:
    with pytest.raises(NotReady, match="no model is loaded yet"):
        Predictor(LedgerStates(no_ledger)).models()


def test_a_build_is_scored_by_what_is_known_of_it() -> None:
    prediction, told = predicted(Models(CHAMPION))

    vector = np.frombuffer(prediction.features, "<f4")
    assert vector[0] > 0
    assert prediction.probability == CHAMPION.probability(vector[None], ["acme/shop"])
    assert prediction.model_version == "v1.0"
    assert prediction.as_of == at(60)
    assert not prediction.degraded
    assert told == [prediction]


def test_the_challenger_scores_the_same_row_and_is_not_seen() -> None:
    prediction, _ = predicted(Models(CHAMPION, CHALLENGER))

    assert prediction.champion is not None
    assert prediction.challenger is not None
    assert prediction.challenger.version == "v1.1"
    assert prediction.challenger.logit == prediction.champion.logit
    assert prediction.challenger.probability > prediction.probability
    assert prediction.answer == predicted(Models(CHAMPION))[0].answer
    assert entry_of(prediction).challenger == prediction.challenger


def test_a_challenger_of_other_columns_is_left_out_until_its_rows_are_there() -> None:
    other = bundle_called("v1.1", catalog=catalog_of())
    manifest = msgspec.structs.replace(other.manifest, catalog_hash=catalog_of().hash)
    stranger = bundle_called("v1.1", catalog=catalog_of(), manifest=manifest)

    prediction, _ = predicted(Models(CHAMPION, stranger))

    assert prediction.challenger is None
    assert not prediction.degraded


def test_without_features_the_prior_answers_and_says_so() -> None:
    told: list[Prediction] = []
    predictor = Predictor(LedgerStates(no_ledger), [told.append])

    prediction = predictor.predict(Models(CHAMPION), Question(BUILD, at(0)))

    assert prediction.probability == CHAMPION.prior.probability(BUILD)
    assert prediction.degraded
    assert (prediction.champion, prediction.features) == (None, b"")
    assert entry_of(prediction).flags == ("abstained", "degraded")
    assert told == [prediction]


@pytest.mark.parametrize(
    ("cut", "abstained"), [(0.5, False), (1.0, True), (None, True)]
)
def test_it_abstains_where_the_validated_cut_says_so(
    cut: float | None, *, abstained: bool
) -> None:
    manifest = msgspec.structs.replace(CHAMPION.manifest, confidence_cut=cut)

    prediction, _ = predicted(Models(bundle_called("v1.0", manifest=manifest)))

    assert prediction.abstained is abstained


def test_who_took_the_models_is_not_touched_by_a_swap() -> None:
    predictor = Predictor(LedgerStates(no_ledger))
    predictor.swap(Models(CHAMPION))
    taken = predictor.models()

    predictor.swap(Models(CHALLENGER))

    assert predictor.score(taken, np.full((1, 4), 0.5)).version == "v1.0"
    assert predictor.models().champion.version == "v1.1"


def test_a_bundle_that_does_not_answer_with_a_probability_is_found_out() -> None:
    broken = bundle_called("v1.2", calibration=Calibration(Platt(float("nan"), 0.0)))

    with pytest.raises(BundleError, match=r"v1\.2 answers nan"):
        warm(broken)
    warm(CHAMPION)


def test_a_start_a_moment_ago_is_the_as_of() -> None:
    with Ledger.temporary() as ledger:
        states = LedgerStates(lambda: ledger)
        states.follow([CATALOG])
        started = at(60) - timedelta(seconds=2)

        prediction = Predictor(states).predict(
            Models(CHAMPION), Question(BUILD, started)
        )

    assert prediction.as_of == started
