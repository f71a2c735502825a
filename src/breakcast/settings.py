"""What an operator may set: `breakcast.toml`, `BREAKCAST_*`, flags, in rising order."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from breakcast.errors import BadInput, BadSettings


class Settings(BaseSettings):
    """
    All settings, each with its default.

    >>> Settings(home=Path("/srv/breakcast")).ledger_place
    '/srv/breakcast/ledger.db'
    """

    model_config = SettingsConfigDict(
        env_prefix="BREAKCAST_", toml_file="breakcast.toml", extra="forbid", frozen=True
    )

    home: Path = Path(".breakcast")
    """Where state is kept: ledger, registry, the key that hashes authors."""

    ledger: str | None = None
    """The ledger: a file, or a database URL. By default `ledger.db` in the home."""

    registry: str | None = None
    """Where models are kept: a folder, or `s3://bucket`. By default `registry` in the
    home."""

    use_authors: bool = True
    """Whether authors count, by keyed hash; if not, they are dropped when read."""

    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """How many processes replay and train side by side."""

    target_accuracy: float = Field(default=0.88, gt=0, lt=1)
    """How often an answer given must be right; below that confidence we abstain."""

    missed_budget: float = Field(default=0.05, gt=0, lt=1)
    """The share of failures that skipping builds may miss."""

    price_a_minute: float = Field(default=0.006, ge=0, allow_inf_nan=False)
    """What one minute of CI costs; GitHub's list price of a 2-core Linux runner."""

    promotion_mode: Literal["direct", "shadow"] = "direct"
    """What becomes of a candidate that passes the gate: it answers at once, and the
    former champion shadows it for a while; or it shadows the champion first."""

    gate_builds: int = Field(default=1_000, ge=100)
    """Outcomes, new to all that are judged, that the gate takes to judge."""

    gate_days: float = Field(default=3.0, ge=0, allow_inf_nan=False)
    """How many days these outcomes have to reach back."""

    gate_level: float = Field(default=0.05, gt=0, lt=0.5)
    """The chance that a candidate which is no better is found better."""

    gate_gain: float = Field(default=0.03, ge=0, lt=1)
    """By what share it must surely be better in one of them, Brier score or PR-AUC."""

    gate_loss: float = Field(default=0.01, ge=0, lt=1)
    """The share by which it may be worse in either."""

    gate_slice_loss: float = Field(default=0.1, ge=0, lt=10)
    """The share by which its Brier score may surely be worse in one repository."""

    gate_calibration: float = Field(default=0.02, ge=0, lt=1)
    """How far its calibration error may lie above the champion's."""

    gate_milliseconds: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    """CPU time that one score of it may take."""

    gate_megabytes: float = Field(default=50.0, gt=0, allow_inf_nan=False)
    """How large its trees may be."""

    trial_outcomes: int = Field(default=5_000, ge=500)
    """After so many outcomes a challenger that is not proven better is discarded."""

    trial_days: float = Field(default=28.0, gt=0, allow_inf_nan=False)
    """After so many days, too."""

    drift_threshold: float = Field(default=0.05, gt=0, lt=1)
    """The chance of a false alarm about drift within 30 windows, of a day each."""

    watch_seconds: float = Field(default=300.0, ge=1, le=86_400)
    """How often a worker makes a health report."""

    canary_url: str | None = None
    """A server that a worker asks for a forecast now and then, to see whether it
    answers: its address, as http://127.0.0.1:8080."""

    canary_token: SecretStr | None = None
    """The token the canary shows, where the server wants one."""

    canary_seconds: float = Field(default=30.0, ge=1, le=3_600)
    """How often the canary asks."""

    host: str = "127.0.0.1"
    """The address `serve` listens on; 0.0.0.0 is all of them."""

    port: int = Field(default=8080, ge=0, le=65_535)
    """The port `serve` listens on; 0 takes one that is free."""

    name: str = Field(
        default="ci-failure-predictor-prod",
        pattern=r"^[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?$",
    )
    """What the served model is called: the <name> in /v1/models/<name>:predict."""

    model_dir: Path | None = None
    """A bundle's folder, served until a registry says otherwise."""

    server_workers: int = Field(default=1, ge=1, le=256)
    """How many processes serve side by side; one that dies is replaced."""

    roles: frozenset[Literal["predict", "ingest", "console"]] = frozenset(
        {"predict", "ingest", "console"}
    )
    """What `serve` answers: forecasts, webhooks, the pages for people."""

    tokens: tuple[str, ...] = ()
    """Who may come in, as `breakcast token` writes it; on loopback, everybody may."""

    poll_seconds: float = Field(default=2.0, ge=0.1, le=3_600)
    """How often a server looks for promotions; for facts it looks twice a second."""

    drain_seconds: float = Field(default=5.0, ge=0, le=600)
    """How long a server that was told to end answers on, not ready any more."""

    body_limit_bytes: int = Field(default=8 * 1024 * 1024, ge=1_024)
    """The most bytes of a request's body."""

    body_seconds: float = Field(default=30.0, gt=0, le=3_600)
    """How long a request's body may take to arrive."""

    row_limit: int = Field(default=10_000, ge=1)
    """How many rows one request may ask about."""

    access_log: bool = False
    """Whether every request is logged."""

    github_url: str = "https://api.github.com"
    """Where GitHub's API is; GitHub Enterprise Server's is https://<host>/api/v3."""

    github_token: SecretStr | None = None
    """A token that reads repositories; of a GitHub App, `github_app_id` instead."""

    github_app_id: int | None = Field(default=None, ge=1)
    """The id of the GitHub App to sign in as; needs `breakcast[github]`."""

    github_app_key: Path | None = None
    """The App's private key: the .pem file that GitHub made."""

    git_mirrors: Path | None = None
    """A folder of bare mirrors, OWNER/REPO.git each: what commits change, at hand."""

    store: str | None = None
    """Where workers publish records and servers read them: a SQLite file, or the URL
    of a Feast server. By default a server folds the ledger itself."""

    store_stale_seconds: float = Field(default=30.0, gt=0, le=86_400)
    """Records published longer ago make an answer degraded."""

    reconcile_seconds: float = Field(default=600.0, ge=1, le=86_400)
    """How often a worker that is signed in asks for what webhooks missed."""

    github_secrets: tuple[SecretStr, ...] = ()
    """What GitHub's webhooks are signed with; any of several will do. None: nothing
    is taken."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, the environment over the file."""
        del dotenv_settings, file_secret_settings
        try:
            file = TomlConfigSettingsSource(settings_cls)
        except (OSError, ValueError) as error:
            message = f"breakcast.toml cannot be read: {error}; write TOML, in UTF-8"
            raise BadInput(message) from error
        return init_settings, env_settings, file

    @property
    def ledger_place(self) -> str:
        """The ledger's file or URL."""
        return self.ledger or str(self.home / "ledger.db")

    @property
    def registry_place(self) -> str:
        """The registry's folder or URL."""
        return self.registry or str(self.home / "registry")


def read_settings(**flags: Any) -> Settings:  # noqa: ANN401 - pydantic checks them
    """
    Read the settings of this folder and environment.

    Args:
        flags: What the command line says; None where it says nothing.

    Raises:
        BadSettings: If one is unknown or out of range; all that are wrong are named.
    """
    try:
        return Settings(
            **{name: flag for name, flag in flags.items() if flag is not None}
        )
    except SettingsError as error:
        # Its cause would repeat the value.
        message = f'{error}: a setting of several values is a JSON list, as ["one"]'
        raise BadSettings(message) from None
    except ValidationError as error:
        wrong = "; ".join(
            f"setting {one['loc'][0]}{_shown(one)}: {one['msg']}"
            for one in error.errors()
        )
        # Its cause would repeat every value.
        raise BadSettings(wrong) from None


def _shown(wrong: Mapping[str, Any]) -> str:
    """Show what a setting was given, unless that may be a secret, if misspelt."""
    secret = [
        name
        for name, field in Settings.model_fields.items()
        if "Secret" in str(field.annotation)
    ]
    if get_close_matches(str(wrong["loc"][0]), secret):
        return ""
    return f" is {wrong['input']!r}"
