"""
Reads a checkpoint from standard input, and fails if anything is wrong with it.

Run as a process of its own (`model.checkpoint.try_elsewhere`), because reading
a damaged checkpoint may end the process that does it.
"""

import resource
import sys
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from treelite.model import Model

Fields: TypeAlias = dict[str, NDArray[np.float64]]

MOST_BYTES = 4 << 30
MOST_SECONDS = 30

_LEAF, _TEST = 0, 1
_FIELDS = (
    "node_type",
    "cleft",
    "cright",
    "split_index",
    "leaf_value",
    "threshold",
    "cmp",
    "default_left",
    "leaf_vector_begin",
    "leaf_vector_end",
)


def main() -> None:
    """Read standard input; say on standard error what is wrong, and exit with 1."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Now that the limits hold.
    from treelite.model import Model  # noqa: PLC0415

    try:
        check(Model.deserialize_bytes(sys.stdin.buffer.read()))
    except Exception as error:  # noqa: BLE001 - any of them means: not this one
        sys.exit(f"{type(error).__name__}: {error}")


def check(model: "Model") -> None:
    """
    Check a whole model.

    Raises:
        ValueError: If a tree adds to anything but the one sum, or is not sound.
    """
    header, count = model.get_header_accessor(), model.num_tree
    for name in ("target_id", "class_id"):
        sums = np.asarray(header.get_field(name))
        if sums.shape != (count,) or sums.any():
            message = f"{name} is {sums.tolist()}; {count} trees are to add to one sum"
            raise ValueError(message)
    for number in range(count):
        tree = model.get_tree_accessor(number)
        fields = {name: np.asarray(tree.get_field(name)) for name in _FIELDS}
        if wrong := fault_of(fields, model.num_feature):
            message = f"tree {number} is damaged: {wrong}"
            raise ValueError(message)


def fault_of(fields: Fields, width: int) -> str | None:
    """
    Say what keeps a tree from being walked safely on every row; None if nothing.

    Args:
        fields: Treelite's arrays, one value a node; node 0 is the root.
        width: How many columns a row has.

    >>> leaf = {name: np.full(1, -1) for name in _FIELDS}
    >>> leaf["node_type"] = np.array([0])
    >>> fault_of(leaf, width=4)
    >>> fault_of(leaf | {"cleft": np.array([0])}, width=4)
    'a leaf has children'
    """
    nodes = len(fields["node_type"])
    if any(field.shape != (nodes,) for field in fields.values()) or not nodes:
        return f"its arrays are of lengths {sorted({len(f) for f in fields.values()})}"
    column, left, right = fields["split_index"], fields["cleft"], fields["cright"]
    is_test, is_leaf = fields["node_type"] == _TEST, fields["node_type"] == _LEAF
    # One parent each, and none for the root: then no path comes back to a node.
    children = np.sort(np.concatenate([left[is_test], right[is_test]]))
    sound = {
        "a node is neither a leaf nor the test of a number": is_test | is_leaf,
        f"a node tests a column that is not from 0 to {width - 1}": (
            is_leaf | ((column >= 0) & (column < width))
        ),
        "some node has not exactly one parent, or the root has one": np.array_equal(
            children, np.arange(1, nodes)
        ),
        "a leaf has children": is_test | ((left == -1) & (right == -1)),
        "a leaf's value is no finite number": np.isfinite(fields["leaf_value"]),
        "a leaf holds more than one number": (
            fields["leaf_vector_begin"] == fields["leaf_vector_end"]
        ),
    }
    return next((fault for fault, holds in sound.items() if not np.all(holds)), None)


if __name__ == "__main__":
    main()
