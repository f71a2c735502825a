"""
The trees as Treelite keeps them: written from an estimator, scored exactly.

A checkpoint is data, not code, but Treelite reads it without suspicion: one in
ten random changes of a byte ends the process or keeps it busy for ever. Bytes
nobody vouches for are therefore tried in another process first.
"""

import os
import subprocess
import sys
from ctypes import CDLL, byref, c_byte, c_char_p, c_int, c_uint64, c_void_p
from typing import Protocol

import numpy as np
import treelite
from numpy.typing import NDArray
from treelite.gtil.gtil import GTILConfig
from treelite.libpath import find_lib_path
from treelite.model import Model

from breakcast.errors import BundleError
from breakcast.model.forecasts import Floats, Ints

TRIAL_SECONDS = 60.0

# Treelite's own Python function takes three times as long for one row as the trees
# do: it writes and reads a configuration as JSON on every call. This is the C
# function that it calls, as treelite/c_api.h declares it.
_PREDICT = CDLL(str(find_lib_path()[0])).TreeliteGTILPredict
_PREDICT.restype = c_int
_PREDICT.argtypes = (
    c_void_p,  # the model
    c_void_p,  # rows, one after the other
    c_char_p,  # their type
    c_uint64,  # how many
    c_void_p,  # where the sums go
    c_void_p,  # the configuration
)
_FLOAT64 = b"float64"
# Where an array begins, in a fifth of the time that `array.ctypes.data` takes.
_ANY = c_byte


class Estimator(Protocol):
    """What is asked of a fitted scikit-learn gradient-boosting classifier."""

    n_features_in_: int
    classes_: Ints

    def decision_function(self, X: NDArray[np.floating]) -> Floats:  # noqa: N803 - scikit-learn's name
        """Score rows: the log-odds of the second class, shape (n,)."""
        ...


class Trees:
    """
    A forest read from a checkpoint.

    Args:
        checkpoint: The bytes; reading can end the process if they are not those
            `checkpoint_of` wrote, see `try_elsewhere`.

    Raises:
        BundleError: If Treelite refuses them, or they are not the trees of a
            binary classifier on the log-odds scale.
    """

    __slots__ = ("_config", "_handle", "_model", "_settings", "count", "width")

    def __init__(self, checkpoint: bytes) -> None:
        try:
            model = Model.deserialize_bytes(checkpoint)
        except treelite.TreeliteError as error:
            message = f"Treelite {treelite.__version__} cannot read the trees: {error}"
            raise BundleError(message) from error
        header = model.get_header_accessor()
        form = {name: np.asarray(header.get_field(name)).tolist() for name in _HEADER}
        form["input_type"] = model.input_type
        if form != _FORM:
            message = f"the trees are {form}; a bundle's are {_FORM}"
            raise BundleError(message)
        self._model = model
        self._config = GTILConfig(predict_type="raw", nthread=1)
        self._handle = model.handle
        self._settings = self._config.handle
        self.width: int = model.num_feature
        """How many columns a row has."""
        self.count: int = model.num_tree
        """How many trees there are."""

    def logit(self, rows: NDArray[np.floating]) -> Floats:
        """
        Score rows in double precision: the log-odds of red, shape (n,).

        Args:
            rows: Shape (n, width), NaN where unknown; not checked.
        """
        count = len(rows)
        sums = np.zeros(count)
        if not count:
            return sums
        # A copy always: what is handed over has to be ours to write to.
        rows = np.array(rows, np.float64, order="C")
        failed = _PREDICT(
            self._handle,
            byref(_ANY.from_buffer(rows.data)),
            _FLOAT64,
            count,
            byref(_ANY.from_buffer(sums.data)),
            self._settings,
        )
        if failed:
            message = f"Treelite {treelite.__version__} cannot score {count} rows"
            raise BundleError(message)
        return sums


_HEADER: dict[str, object] = {
    "postprocessor": "sigmoid",
    "num_target": [1],
    "num_class": [1],
    "leaf_vector_shape": [1, 1],
    "average_tree_output": [0],
}
"""How Treelite describes one sum of trees, in log-odds."""
_FORM = _HEADER | {"input_type": "float64"}


def checkpoint_of(estimator: Estimator) -> bytes:
    """
    Write a fitted scikit-learn gradient-boosting classifier as a checkpoint.

    Raises:
        BundleError: If Treelite knows no such estimator, or the second class is
            not *red* (True, or 1).
    """
    kind = type(estimator).__name__
    classes = np.asarray(getattr(estimator, "classes_", ())).tolist()
    if classes != [0, 1] or not hasattr(estimator, "decision_function"):
        message = (
            f"a {kind} with classes {classes} gives no log-odds of red; fit a "
            "gradient-boosting classifier on outcomes False (green) and True (red)"
        )
        raise BundleError(message)
    try:
        model: Model = treelite.sklearn.import_model(estimator)
    except (treelite.TreeliteError, NotImplementedError, ValueError) as error:
        message = (
            f"Treelite {treelite.__version__} cannot take a {kind}: {error}; use "
            "HistGradientBoostingClassifier or GradientBoostingClassifier"
        )
        raise BundleError(message) from error
    checkpoint: bytes = model.serialize_bytes()
    return checkpoint


def try_elsewhere(checkpoint: bytes) -> None:
    """
    Read a checkpoint in a process of its own, and look at every node there.

    It takes about a quarter of a second. Afterwards the bytes are safe to read
    here: each path ends in a leaf and no node names a column out of range.

    Raises:
        BundleError: If they are not, or that process ends in any other way.
    """
    command = [sys.executable, "-P", "-m", "breakcast.model.checkpointtrial"]
    try:
        trial = subprocess.run(  # noqa: S603 - our own module, no shell
            command,
            input=checkpoint,
            capture_output=True,
            # A thread's stack and arena count as memory, of which it is given little.
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            timeout=TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = (
            f"the trees were not read within {TRIAL_SECONDS:.0f} s; they are damaged"
        )
        raise BundleError(message) from error
    if trial.returncode:
        said = trial.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"exit code {trial.returncode}"
        message = f"the trees cannot be read, tried in a process of its own: {reason}"
        raise BundleError(message)
