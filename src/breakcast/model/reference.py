"""
What the features and forecasts looked like in training: drift's other half.

Kept as counts between cut points, never as rows: enough to say how far a day's
builds are from those the model was taught by, too little to tell what any
build was.
"""

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from breakcast.errors import BadInput
from breakcast.model.forecasts import Floats

if TYPE_CHECKING:
    from breakcast.features.table import Table

BINS = 64
"""How many parts of equal count a column is cut into, as far as its ties allow."""


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """
    One column: how many values lie in each bin, and how many are unknown.

    Bin i holds the values x with `edges[i - 1] < x <= edges[i]`, in float32;
    the first goes down to minus infinity, and one more, the last, holds what
    lies above all edges (infinity, in the reference itself).

    >>> column = np.array([0, 0, 1, np.nan], np.float32)
    >>> flags = sketch_of(column)
    >>> flags
    Sketch(builds=4, missing=1, edges=(0.0, 1.0), counts=(2, 1, 0))
    >>> flags.count(np.array([1, 1, 7], np.float32)).tolist()
    [0, 2, 1]
    """

    builds: int
    missing: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def missing_share(self) -> float:
        """Share of the builds whose value is unknown; 0 without builds."""
        return self.missing / self.builds if self.builds else 0.0

    def count(self, values: NDArray[np.float32]) -> NDArray[np.int64]:
        """Count other values in these bins, shape (edges + 1,); NaN is left out."""
        return _counted(values, np.array(self.edges, np.float32))


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Each feature's sketch by name, and that of the calibrated probability."""

    builds: int
    features: dict[str, Sketch]
    score: Sketch


def reference_of(table: "Table", probability: Floats) -> Reference:
    """
    Sketch every feature of a table, and the forecasts for its builds.

    Args:
        table: The builds a model is compared with later on.
        probability: Calibrated forecasts, shape (n,); NaN where there is none.

    Raises:
        BadInput: If there is not one forecast a build.
    """
    if probability.shape != (len(table),):
        message = (
            f"the table has {len(table)} builds, the forecasts have shape "
            f"{probability.shape}; give one a build, NaN where there is none"
        )
        raise BadInput(message)
    return Reference(
        builds=len(table),
        features={
            name: sketch_of(table.rows[:, at])
            for at, name in enumerate(table.catalog.names)
        },
        score=sketch_of(probability.astype(np.float32)),
    )


def sketch_of(values: NDArray[np.float32]) -> Sketch:
    """
    Cut values into at most 64 bins of about equal count.

    Args:
        values: One column, shape (n,); NaN is unknown.

    Returns:
        The sketch. Its edges are values that occur, the smallest and the
        greatest finite ones among them; infinities are counted, not edges.
    """
    finite = np.sort(values[np.isfinite(values)])
    ranks = np.ceil(np.arange(BINS + 1) / BINS * len(finite)).astype(np.int64)
    edges = np.unique(finite[np.maximum(ranks - 1, 0)]) if len(finite) else finite
    return Sketch(
        builds=len(values),
        missing=int(np.isnan(values).sum()),
        # The shortest decimal of the float32: read back, it is the same float32.
        edges=tuple(float(str(edge)) for edge in edges),
        counts=tuple(_counted(values, edges).tolist()),
    )


def _counted(
    values: NDArray[np.float32], edges: NDArray[np.float32]
) -> NDArray[np.int64]:
    known = values[~np.isnan(values)].astype(np.float32)
    bins = np.searchsorted(edges, known, side="left")
    return np.bincount(bins, minlength=len(edges) + 1)
