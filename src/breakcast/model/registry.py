"""
The registry: bundles by version, and the log that says which of them answers.

::

    <prefix>/v1.0/manifest.json …      immutable; the manifest is put last
    <prefix>/promotions/00000042.json  the state after the 42nd decision
    <prefix>/verdicts/v1.1/…           what the gate found

A version is what it was when it was promoted, or it does not answer: the log
keeps the hash of its manifest, and the manifest those of its files.
"""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from breakcast.blobs import BlobStore
from breakcast.errors import RegistryError
from breakcast.model.bundle import Bundle
from breakcast.model.gateverdict import GateVerdict
from breakcast.model.keptverdicts import put_verdict, verdict_at, verdicts_on
from breakcast.model.manifest import utc
from breakcast.model.promotions import Action, Promotion, PromotionLog
from breakcast.model.versions import (
    find_version,
    load_version,
    put_version,
    require_version,
    whole_versions,
)

DEFAULT_PREFIX = "predictor/prod"
"""So that version 1.0 lies at s3://ci-failure-models/predictor/prod/v1.0."""


class _Told(NamedTuple):
    actor: str
    reason: str
    at: datetime
    verdict: GateVerdict | None = None
    decided_on: int | None = None


class Registry:
    """
    Versions and promotions below a prefix of a store.

    Every method raises OSError if the store cannot be reached. Those that decide
    something (`promote`, `shadow`, `discard`, `rollback`) take who decides
    (`actor`), why (`reason`) and when (`at`; without an offset it is read as UTC),
    and raise RegistryError if somebody else decided something meanwhile, see
    `PromotionLog.append`. What is so already is not written again. Who has judged
    a bundle gives its `manifest_sha256`: then that very bundle is promoted, or none.
    Who has compared it gives the number of the promotion it was compared under
    (`decided_on`): if there is a newer one, nothing is decided.

    Args:
        blobs: The store.
        prefix: Where, without a slash at its end.

    >>> from tempfile import TemporaryDirectory
    >>> from breakcast.blobs import blob_store
    >>> with TemporaryDirectory() as folder:
    ...     registry = Registry(blob_store(folder))
    ...     registry.versions(), registry.current()
    ([], None)
    """

    def __init__(self, blobs: BlobStore, prefix: str = DEFAULT_PREFIX) -> None:
        self.blobs = blobs
        """The store."""
        self._prefix = prefix
        self.log = PromotionLog(blobs, f"{prefix}/promotions")
        """What was decided so far."""

    def publish(self, folder: Path, major: int = 1) -> str:
        """
        Give a bundle the next version, and keep it for good; nothing answers by it.

        Args:
            folder: Where `write_bundle` wrote it.
            major: Raised by whoever breaks what a bundle promises its users.

        Returns:
            The version: `v<major>.0`, or one more than the highest begun so far.

        Raises:
            BundleError: If the bundle is not sound.
            RegistryError: If a file of the version was put by somebody else.
        """
        return put_version(self.blobs, self._prefix, folder, major)

    def published_as(self, folder: Path) -> str | None:
        """
        Say which version is the very bundle that lies in a folder; None if none is.

        Only the newest few are looked at: this is for whoever was killed while
        publishing, and begins again.
        """
        return find_version(self.blobs, self._prefix, folder)

    def keep_verdict(self, verdict: GateVerdict) -> GateVerdict:
        """
        Keep what the gate found, for good; of one version at one time, the first.

        Returns:
            The verdict that is kept.

        Raises:
            RegistryError: If the one that is there cannot be read.
        """
        return put_verdict(self.blobs, self._prefix, verdict)

    def verdict(self, version: str, at: datetime) -> GateVerdict | None:
        """
        Read what the gate found about a version at a time; None if nothing.

        Raises:
            RegistryError: If it cannot be read.
        """
        return verdict_at(self.blobs, self._prefix, version, at)

    def verdicts(self, version: str) -> list[GateVerdict]:
        """
        Read all that the gate found about a version, oldest first.

        Raises:
            RegistryError: If one cannot be read.
        """
        return verdicts_on(self.blobs, self._prefix, version)

    def versions(self) -> list[str]:
        """List the versions that are whole, lowest first."""
        return whole_versions(self.blobs, self._prefix)

    def load(self, version: str) -> Bundle:
        """
        Load any version; nobody vouches for it, see `load_bundle`.

        Raises:
            RegistryError: If there is no such version, or it is of another number.
            BundleError: If it is not sound.
        """
        require_version(self.blobs, self._prefix, version)
        return load_version(self.blobs, self._prefix, version, None)

    def current(self) -> Promotion | None:
        """Read the state: which version answers; None if none was ever promoted."""
        return self.log.newest()

    def load_champion(self) -> Bundle | None:
        """
        Load the version that answers; None if nothing was ever promoted.

        Raises:
            RegistryError: If the log cannot be read.
            BundleError: If the version is not what was promoted, or not sound.
        """
        current = self.current()
        if current is None:
            return None
        return self.load_promoted(current.champion, current)

    def load_promoted(self, version: str, promotion: Promotion) -> Bundle:
        """
        Load the champion or the challenger of an entry, if it is what was promoted.

        Raises:
            RegistryError: If the entry is about neither.
            BundleError: If the version is not what was promoted, or not sound.
        """
        expected = promotion.manifests.get(version)
        if expected is None:
            message = (
                f"promotion {promotion.seq} vouches for "
                f"{' and '.join(promotion.manifests) or 'nothing'}, not for {version!r}"
            )
            raise RegistryError(message)
        return load_version(self.blobs, self._prefix, version, expected)

    def promote(
        self,
        version: str,
        *,
        actor: str,
        reason: str,
        at: datetime,
        verdict: GateVerdict | None = None,
        manifest_sha256: str | None = None,
        decided_on: int | None = None,
        former_shadows: bool = False,
    ) -> Promotion:
        """
        Let a version answer from now on; it is loaded first.

        A challenger stays, unless it is this version, or the former champion is to
        shadow it (`former_shadows`): so it is seen whether that one was better.

        Returns:
            The new state.

        Raises:
            RegistryError: If there is no such version.
            BundleError: If the version is not sound.
        """
        current = self.current()
        if current is not None and current.champion == version:
            return current
        challenger = None
        if current is not None:
            challenger = current.champion if former_shadows else current.challenger
        return self._decide(
            "promote",
            current,
            _Told(actor, reason, at, verdict, decided_on),
            (version, _other_than(version, challenger)),
            {version: self._sound(version, current, manifest_sha256)},
        )

    def shadow(
        self,
        version: str,
        *,
        actor: str,
        reason: str,
        at: datetime,
        verdict: GateVerdict | None = None,
        manifest_sha256: str | None = None,
        decided_on: int | None = None,
    ) -> Promotion:
        """
        Let a version be scored beside the champion, unseen; it is loaded first.

        It takes the place of the challenger there is.

        Returns:
            The new state.

        Raises:
            RegistryError: If there is no such version, nothing answers yet, or the
                version itself does.
            BundleError: If the version is not sound.
        """
        current = self._require_current(f"{version} cannot shadow anything")
        if current.champion == version:
            message = (
                f"{version} is the champion and cannot shadow itself; name another of "
                f"{', '.join(self.versions())}"
            )
            raise RegistryError(message)
        if current.challenger == version:
            return current
        return self._decide(
            "shadow",
            current,
            _Told(actor, reason, at, verdict, decided_on),
            (current.champion, version),
            {version: self._sound(version, current, manifest_sha256)},
        )

    def is_former(self, entry: Promotion) -> bool:
        """Tell whether the challenger of an entry was the champion before."""
        before = self.log.before_last_promote(entry)
        return before is not None and before.champion == entry.challenger

    def discard(
        self,
        *,
        actor: str,
        reason: str,
        at: datetime,
        verdict: GateVerdict | None = None,
        decided_on: int | None = None,
    ) -> Promotion:
        """
        Let the challenger go; the champion stays.

        Returns:
            The new state; the current one if there is no challenger.

        Raises:
            RegistryError: If nothing was ever promoted.
        """
        current = self._require_current("there is no challenger to discard")
        if current.challenger is None:
            return current
        told = _Told(actor, reason, at, verdict, decided_on)
        return self._decide("discard", current, told, (current.champion, None), {})

    def rollback(
        self,
        *,
        actor: str,
        reason: str,
        at: datetime,
        decided_on: int | None = None,
    ) -> Promotion:
        """
        Let the champion before the last promotion answer again, as it was then.

        A second rollback undoes the promotion before that one. A challenger stays,
        unless it is the version that answers again.

        Returns:
            The new state.

        Raises:
            RegistryError: If there was no champion before.
            BundleError: If the version is not what answered then, or not sound.
        """
        current = self._require_current("there is nothing to roll back")
        before = self.log.before_last_promote(current)
        if before is None:
            message = (
                f"{current.champion} was promoted first, so there is no champion to "
                f"roll back to; promote one of {', '.join(self.versions())}"
            )
            raise RegistryError(message)
        champion = before.champion
        self.load_promoted(champion, before)
        return self._decide(
            "rollback",
            current,
            _Told(actor, reason, at, decided_on=decided_on),
            (champion, _other_than(champion, current.challenger)),
            before.manifests,
        )

    def _decide(
        self,
        action: Action,
        current: Promotion | None,
        told: _Told,
        state: tuple[str, str | None],
        vouched: dict[str, str],
    ) -> Promotion:
        for name, words in (("actor", told.actor), ("reason", told.reason)):
            if not words.strip():
                message = f"{name} is {words!r}; say who decides, and why"
                raise RegistryError(message)
        seq = current.seq if current is not None else 0
        if told.decided_on not in {None, seq}:
            message = (
                f"it was compared under promotion {told.decided_on}, and "
                f"{current.actor if current else 'nobody'} has decided since: "
                f"promotion {seq} is in force; compare again"
            )
            raise RegistryError(message)
        known = (current.manifests if current else {}) | vouched
        champion, challenger = state
        return self.log.append(
            Promotion(
                seq=seq + 1,
                at=utc(told.at),
                action=action,
                champion=champion,
                challenger=challenger,
                manifests={version: known[version] for version in state if version},
                actor=told.actor,
                reason=told.reason,
                verdict=told.verdict,
            )
        )

    def _sound(
        self, version: str, current: Promotion | None, judged: str | None
    ) -> str:
        """Load a version, against every word given for it; return its hash."""
        shadowing = current.manifests.get(version) if current else None
        if judged and shadowing and judged != shadowing:
            message = (
                f"the bundle judged has SHA-256 {judged}, the {version} in the log "
                f"{shadowing}; judge that one"
            )
            raise RegistryError(message)
        require_version(self.blobs, self._prefix, version)
        return load_version(
            self.blobs, self._prefix, version, judged or shadowing
        ).manifest_sha256

    def _require_current(self, why: str) -> Promotion:
        current = self.current()
        if current is None:
            message = f"{why}: nothing was ever promoted; promote a version first"
            raise RegistryError(message)
        return current


def _other_than(champion: str, challenger: str | None) -> str | None:
    return None if challenger == champion else challenger
