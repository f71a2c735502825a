"""The model that all servers answer by, and the history it was taught by."""

import shutil
from pathlib import Path
from typing import NamedTuple

import joblib

from benchmarks.quality import DATA, note
from breakcast import wiring
from breakcast.errors import BreakcastError
from breakcast.history.ledger import Ledger
from breakcast.model.bundle import Bundle
from breakcast.model.checkpoint import Estimator
from breakcast.model.manifest import PICKLE
from breakcast.settings import Settings
from breakcast.wiring.histories import import_file
from breakcast.wiring.training import train_model

HISTORY = DATA / "buildfast.parquet"


class Taught(NamedTuple):
    """A model, in each of its forms, and where both it and its history lie."""

    home: Path
    folder: Path
    bundle: Bundle
    estimator: Estimator


def taught(home: Path) -> Taught:
    """
    Train the quality benchmark's model, unless it is in this home already.

    Raises:
        BreakcastError: If the history cannot be imported, or not be learnt from.
    """
    settings = Settings(home=home)
    registry = wiring.open_registry(settings)
    try:
        bundle = registry.load_champion()
        Ledger.open(settings.ledger_place).close()
    except BreakcastError as error:
        # By an older state of this code.
        note(f"made anew: {error}")
        bundle = None
    if bundle is None:
        note(f"importing {HISTORY.name} and training, about a minute ...")
        shutil.rmtree(home, ignore_errors=True)
        import_file(HISTORY, settings)
        version = train_model(settings)
        # Last: a home that was left half made has no champion.
        registry.promote(
            version, actor="benchmark", reason="the only one", at=wiring.now()
        )
        bundle = registry.load(version)
    folder = home / "registry" / "predictor" / "prod" / bundle.version
    # Our own, made above.
    estimator: Estimator = joblib.load(folder / PICKLE)
    return Taught(home, folder, bundle, estimator)
