"""All families in row order: the one place that says what a row consists of."""

from breakcast.features.catalog import HEADLINE_WIDTH, Catalog, features_of
from breakcast.features.change import CHANGE_FEATURES
from breakcast.features.closeness import NEIGHBOUR_FEATURES
from breakcast.features.lineage import LINEAGE_FEATURES
from breakcast.features.paths import PATH_FEATURES
from breakcast.features.surroundings import (
    COMMIT_FEATURES,
    LAST_HOUR_FEATURES,
    SIBLING_FEATURES,
)
from breakcast.features.track import KINDS, TRACK_FACTS, TRACK_FEATURES, TRACK_WIDTH

HEADLINE_FEATURES = features_of(
    "headline",
    (
        (
            "pipeline_red_ratio",
            "ratio",
            "Red share of the pipeline's last 10 or so known outcomes.",
        ),
        (
            "branch_red_ratio",
            "ratio",
            "Red share of the branch's last 10 or so known outcomes.",
        ),
        (
            "author_red_ratio",
            "ratio",
            "Red share of the author's last 10 or so known outcomes.",
        ),
        (
            "change_size",
            "ratio",
            "Share of the repository's last 256 changes smaller than this.",
        ),
    ),
)
CHANGE_AT = HEADLINE_WIDTH
TRACKS_AT = CHANGE_AT + len(CHANGE_FEATURES)
PATHS_AT = TRACKS_AT + len(TRACK_FEATURES)
"""Where the change, the track records and the paths begin in a row of any catalog."""


def track_column(kind: str, fact: str) -> int:
    """
    Where a fact of one kind of track record stands in a row.

    >>> catalog_of().names[track_column("branch", "last_failed")]
    'branch.last_failed'
    """
    facts = [name for name, _, _ in TRACK_FACTS]
    return TRACKS_AT + KINDS.index(kind) * TRACK_WIDTH + facts.index(fact)


def catalog_of(
    signals: tuple[str, ...] = (),
    results: tuple[str, ...] = (),
    code_state: tuple[str, ...] = (),
) -> Catalog:
    """
    The catalog of a history with these signals and results.

    >>> catalog_of().width
    210
    """
    return Catalog(
        features=(
            HEADLINE_FEATURES
            + CHANGE_FEATURES
            + TRACK_FEATURES
            + PATH_FEATURES
            + LINEAGE_FEATURES
            + COMMIT_FEATURES
            + SIBLING_FEATURES
            + LAST_HOUR_FEATURES
            + NEIGHBOUR_FEATURES
            + features_of(
                "previous",
                (
                    (name, "as given", f"result.{name} of the nearest known ancestor.")
                    for name in results
                ),
            )
            + features_of(
                "signal",
                (
                    (name, "as given", f"signal.{name}, known before the build.")
                    for name in signals
                ),
            )
        ),
        signals=signals,
        results=results,
        code_state=code_state,
    )
