"""What we say and what we keep of it: the same after a trip through JSON."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from breakcast.history.events import BuildKey
from breakcast.model.promotions import Promotion
from breakcast.serving.journal import JournalEntry, packed
from breakcast.serving.prediction import Answer, Prediction, Scored

KEY = BuildKey("github", "acme/shop", "ci.yml", "8812", 2)
AS_OF = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
FLOAT32 = np.finfo(np.float32)
VECTOR = np.array(
    [0.1, -0.0, np.nan, np.inf, FLOAT32.max, FLOAT32.smallest_subnormal], np.float32
)
PREDICTION = Prediction(
    key=KEY,
    as_of=AS_OF,
    champion=Scored(version="v1.0", logit=-1.5, probability=0.2),
    probability=0.2,
    advice="run",
    abstained=False,
    reasons=("The branch was last green.",),
    model_version="v1.0",
    degraded=False,
)
ENTRY = JournalEntry(
    key=KEY,
    commit_sha="c0ffee",
    as_of=AS_OF,
    features=packed(VECTOR),
    catalog_hash="9f" * 32,
    probability=0.2,
    champion=Scored(version="v1.0", logit=-1.5, probability=0.2),
    challenger=Scored(version="v1.1", logit=-1.25, probability=0.25),
    flags=("abstained",),
    is_first_shown=False,
)
PROMOTION = Promotion(
    seq=1,
    at=AS_OF,
    action="promote",
    champion="v1.0",
    challenger=None,
    manifests={"v1.0": "0" * 64},
    actor="ada",
    reason="why",
)
RECORDS = [PREDICTION, PREDICTION.answer, ENTRY, PROMOTION]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_survives_json_and_fits_its_schema(record: msgspec.Struct) -> None:
    encoded = msgspec.json.encode(record)

    assert msgspec.json.decode(encoded, type=type(record)) == record
    schema = msgspec.json.schema(type(record))
    properties = schema["$defs"][type(record).__name__]["properties"]
    assert set(properties) == set(msgspec.json.decode(encoded))


def test_the_asker_sees_exactly_the_keys_that_were_promised() -> None:
    assert msgspec.json.decode(msgspec.json.encode(PREDICTION.answer)) == {
        "probability": 0.2,
        "advice": "run",
        "abstained": False,
        "reasons": ["The branch was last green."],
        "model_version": "v1.0",
        "degraded": False,
    }


@pytest.mark.parametrize("record", [PREDICTION.answer, PREDICTION, ENTRY])
@pytest.mark.parametrize("probability", [-0.1, 1.5])
def test_what_is_no_probability_is_not_read(
    record: Answer | Prediction | JournalEntry, probability: float
) -> None:
    wrong = msgspec.structs.replace(record, probability=probability)

    with pytest.raises(msgspec.ValidationError, match="probability"):
        msgspec.json.decode(msgspec.json.encode(wrong), type=type(record))


def test_a_vector_is_kept_bit_for_bit() -> None:
    again = msgspec.json.decode(msgspec.json.encode(ENTRY), type=JournalEntry).vector()

    assert again.dtype == np.float32
    assert again.tobytes() == VECTOR.tobytes()


def test_no_features_are_an_empty_vector() -> None:
    assert msgspec.structs.replace(ENTRY, features=b"").vector().shape == (0,)


def test_an_entry_is_joined_to_its_outcome_by_the_attempt_of_a_commit() -> None:
    assert ENTRY.join_key == ("github", "acme/shop", "ci.yml", "c0ffee", 2)
