"""The messages of KServe's V1 protocol, as it names them and as we fill them."""

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec

from breakcast.features.catalog import HEADLINE_WIDTH
from breakcast.history.question import QUESTION_COLUMNS
from breakcast.serving.prediction import Answer, Probability
from breakcast.serving.vectors import Number

Cell: TypeAlias = str | int | float | bool | list[str] | None
"""What may stand under a word of the builds file; paths also as a list."""

_WORDS = {name: {} for name in QUESTION_COLUMNS} | {
    "repo": {"type": "string"},
    "started_at": {"type": ["string", "null"], "format": "date-time"},
    "changed_paths": {"type": ["string", "array", "null"], "items": {"type": "string"}},
}
_SIGNAL = {"type": ["number", "null"]}

VectorInstance: TypeAlias = Annotated[
    list[Number | None],
    msgspec.Meta(
        description="The model's features in catalog order, or the 4 of the headline.",
        extra_json_schema={"minItems": HEADLINE_WIDTH},
    ),
]
BuildInstance: TypeAlias = Annotated[
    dict[str, Cell],
    msgspec.Meta(
        description="A build in the builds file's words; only `repo` is required.",
        extra_json_schema={
            "required": ["repo"],
            "properties": _WORDS,
            "patternProperties": {r"^signal\..+$": _SIGNAL, r"^result\..+$": _SIGNAL},
        },
    ),
]


class PredictRequest(msgspec.Struct, frozen=True):
    """Rows to forecast: all vectors, or all builds."""

    instances: Annotated[
        list[VectorInstance | BuildInstance],
        # In words of our own, it is refused later.
        msgspec.Meta(extra_json_schema={"minItems": 1}),
    ]


class VectorPredictions(msgspec.Struct, frozen=True):
    """P(red) of each vector, in the order asked."""

    predictions: list[Probability]


class BuildPredictions(msgspec.Struct, frozen=True):
    """The answer to each build, in the order asked."""

    predictions: list[Answer]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """
    How an answer came about.

    Attributes:
        probability: What is answered.
        uncalibrated_probability: What the trees made of the features; None if they
            were not asked.
        model_version: Which bundle answered.
        as_of: Up to when facts were used; None for a vector.
        abstained: As in the answer; None for a vector.
        degraded: As in the answer.
        features: Those that were known, by name.
        reasons: Why, in words, the weightiest first.
    """

    probability: Probability
    uncalibrated_probability: Probability | None
    model_version: str | None
    as_of: datetime | None = None
    abstained: bool | None = None
    degraded: bool = False
    features: dict[str, float]
    reasons: tuple[str, ...] = ()


class Explanations(msgspec.Struct, frozen=True):
    """How the answer to each instance came about, in the order asked."""

    explanations: list[Explanation]
