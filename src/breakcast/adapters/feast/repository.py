"""
The Feast repository: a folder written from the catalog, always the same bytes.

`feature_store.yaml` says where Feast keeps things, `records.py` what they are,
`static_artifacts.py` what its server does first. The history of the records lies
beside them.
"""

import os
import re
import runpy
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from breakcast.adapters.feast.definitions import (
    AT_START,
    DEFINITIONS,
    DEVELOPMENT,
    PRODUCTION,
    REDIS_VARIABLE,
    REGISTRY_VARIABLE,
)
from breakcast.adapters.feast.history import HistoryFolder
from breakcast.adapters.feast.naming import HISTORY_FOLDER
from breakcast.errors import BadSettings, StoreError
from breakcast.features.catalog import Catalog
from breakcast.features.shelf import FORGET_AFTER_SECONDS
from breakcast.features.store import KINDS

CONFIGURATION_FILE = "feature_store.yaml"
DEFINITIONS_FILE = "records.py"
START_FILE = "static_artifacts.py"
"""The file whose `load_artifacts` Feast calls when a worker starts."""


class SetUp(StrEnum):
    """Where Feast keeps things: beside the repository, or in servers."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Repository:
    """The repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.history = HistoryFolder(self.folder / HISTORY_FOLDER)

    def write(self, catalog: Catalog, set_up: SetUp) -> list[Path]:
        """
        Write its files.

        Returns:
            Those that are new or have changed.

        Raises:
            StoreError: If they cannot be written.
        """
        texts = {
            self.folder / CONFIGURATION_FILE: configuration(set_up),
            self.folder / DEFINITIONS_FILE: definitions(catalog),
            self.folder / START_FILE: AT_START,
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            changed = [path for path, text in texts.items() if not _holds(path, text)]
            for path in changed:
                path.write_text(texts[path], encoding="utf-8")
        except OSError as error:
            message = f"the repository {self.folder} cannot be written: {error}"
            raise StoreError(message) from error
        self.history.create()
        return changed

    def register(self) -> None:
        """
        Tell Feast's registry what the repository holds; twice changes nothing.

        Raises:
            BadSettings: If Feast is not installed, or production's servers are not
                in the environment.
            StoreError: If Feast refuses.
        """
        store = self.open()
        defined = runpy.run_path(str(self.folder / DEFINITIONS_FILE))
        objects = [
            value
            for name, value in defined.items()
            if type(value).__module__.startswith("feast.") and name != "String"
        ]
        try:
            store.apply(objects)
        except Exception as error:
            raise self.refusal(error) from error

    def open(self) -> Any:  # noqa: ANN401 - Feast is not there where types are checked
        """
        Open it as Feast's `FeatureStore`.

        Raises:
            BadSettings: As `register` does.
            StoreError: If it was never written, or Feast refuses.
        """
        configured = self.folder / CONFIGURATION_FILE
        if not configured.exists():
            message = (
                f"{self.folder} holds no Feast repository; `breakcast features apply` "
                "writes it"
            )
            raise StoreError(message)
        text = Template(configured.read_text(encoding="utf-8"))
        absent = [name for name in text.get_identifiers() if name not in os.environ]
        if absent:
            message = (
                f"{' and '.join(absent)} must be in the environment: "
                f"{REDIS_VARIABLE} as redis:6379,db=0,password=…, {REGISTRY_VARIABLE} "
                "as postgresql+psycopg://user:password@host/name"
            )
            raise BadSettings(message)
        try:
            from feast import FeatureStore  # noqa: PLC0415 - an extra, and 3 s to import
        except ImportError as error:
            message = (
                f"Feast is not installed ({error}); pip install 'breakcast[feast]'"
            )
            raise BadSettings(message) from error
        try:
            return FeatureStore(repo_path=str(self.folder))
        except Exception as error:
            raise self.refusal(error) from error

    def refusal(self, error: Exception) -> StoreError:
        """Tell what Feast said, without the secrets that may be in it."""
        message = (
            f"Feast refuses the repository {self.folder}: {type(error).__name__} "
            f"{_without_secrets(str(error))}"
        )
        return StoreError(message)


def kinds_of(catalog: Catalog) -> tuple[str, ...]:
    """
    Name the kinds of records that rows of a catalog are read off.

    >>> from breakcast.features.columns import catalog_of
    >>> "neighbourhoods" in kinds_of(catalog_of())
    False
    """
    return tuple(
        kind for kind in KINDS if kind != "neighbourhoods" or catalog.code_state
    )


def configuration(set_up: SetUp) -> str:
    """Write `feature_store.yaml`."""
    match set_up:
        case SetUp.DEVELOPMENT:
            return DEVELOPMENT
        case SetUp.PRODUCTION:
            return PRODUCTION % FORGET_AFTER_SECONDS


def definitions(catalog: Catalog) -> str:
    """Write `records.py`; the tags say which catalog it is for."""
    return DEFINITIONS.substitute(
        version=version("breakcast"),
        catalog=catalog.hash,
        kinds=",".join(kinds_of(catalog)),
    )


def _without_secrets(text: str) -> str:
    """Hide what the environment's variables hold that nobody is to read."""
    redis = os.environ.get(REDIS_VARIABLE, "")
    registry = os.environ.get(REGISTRY_VARIABLE, "")
    passwords = re.findall("password=([^,]+)", redis)
    passwords += re.findall("://[^:/@]*:(.+)@", registry)
    for secret in (redis, registry, *passwords):
        if secret:
            text = text.replace(secret, "***")
    return text


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text
