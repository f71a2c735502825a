"""
The catalog: every feature's name, dtype, unit, value when unknown and meaning.

A row is one build's features in catalog order. The first four columns are the
*headline*, each in [0, 1]. Features that follow from names in the history (its
signals and results) are added by name, so two histories may have different
catalogs; a catalog's hash says whether two rows speak the same language.
"""

import hashlib
from collections.abc import Iterable

import msgspec

HEADLINE_WIDTH = 4


class Feature(msgspec.Struct, frozen=True):
    """One column: `name` is `<family>.<fact>`; `unknown` is None where NaN."""

    name: str
    unit: str
    meaning: str
    unknown: float | None = None
    dtype: str = "float32"

    @property
    def family(self) -> str:
        """What the ablation switches off as one: the name up to the first dot."""
        return self.name.partition(".")[0]


class Catalog(msgspec.Struct, frozen=True):
    """
    The columns of a row, in order, with the names in the history they rest on.

    `signals` and `results` are the history's own names; `code_state` names
    those signals that describe the state of the code rather than the change
    (see `features.code_state`).

    >>> from breakcast.features.columns import catalog_of
    >>> catalog = catalog_of(signals=("sloc",), results=("tests_failed",))
    >>> [feature.name for feature in catalog.features[:2]]
    ['headline.pipeline_red_ratio', 'headline.branch_red_ratio']
    >>> catalog.names[-1]
    'signal.sloc'
    """

    features: tuple[Feature, ...]
    signals: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    code_state: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in row order."""
        return tuple(feature.name for feature in self.features)

    @property
    def width(self) -> int:
        """How many columns a row has."""
        return len(self.features)

    @property
    def hash(self) -> str:
        """SHA-256 of the whole catalog: equal exactly if every word is."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    def column(self, name: str) -> int:
        """Where a feature stands in the row; ValueError if it is not there."""
        return self.names.index(name)


def features_of(
    family: str, table: Iterable[tuple[str, str, str]]
) -> tuple[Feature, ...]:
    """Declare one family from (fact, unit, meaning) lines."""
    return tuple(
        Feature(f"{family}.{fact}", unit, meaning) for fact, unit, meaning in table
    )
