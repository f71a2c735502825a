"""
Which models answer: a folder as the floor, a registry's log above it.

Only the log decides; the floor answers until it can be read. A bundle that is
not what was promoted, or not sound, is refused, and what answers stays.
"""

import logging
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

from breakcast.errors import BreakcastError, BundleError
from breakcast.model.bundle import Bundle, load_bundle
from breakcast.model.promotions import Promotion
from breakcast.model.registry import Registry
from breakcast.serving.observing import ServingMetrics
from breakcast.serving.predictor import Models, Predictor, warm
from breakcast.serving.states import FollowedRows

RETRY_LOOKS = 30
"""What was refused is tried again after so many looks."""
CATCH_UP_SECONDS = 30.0
"""How long a server that has a model waits for its ledger before it is ready."""
FACTS_SECONDS = 0.5
"""How long to wait at most between looks at the ledger: features follow within 1 s."""
CLOSING_SECONDS = 5.0

_NOTHING_PROMOTED = (
    "no version was promoted yet; `breakcast promote` lets one answer, --model-dir "
    "names a folder that does meanwhile"
)
_LOG = logging.getLogger("breakcast.models")


class PromotedModels:
    """
    The champion and the challenger that a registry's log names.

    Args:
        registry: Whose log.
        refused: Is called at every refusal.
    """

    def __init__(self, registry: Registry, refused: Callable[[], None]) -> None:
        self._registry = registry
        self._tell_refused = refused
        self._decided = 0
        self._refused = 0
        self._looks_to_go = 0

    def look(self, held: Models | None) -> Models | None:
        """
        Look once; None if what answers should go on to do so.

        Args:
            held: What answers; not loaded again if it is to stay.

        Raises:
            OSError: If the store cannot be reached, or refuses.
            BundleError: If the log cannot be read, or its champion is not sound:
                said once, and tried again only after a while.
        """
        current = self._registry.current()
        if current is None or current.seq == self._decided:
            return None
        if current.seq == self._refused and self._looks_to_go:
            self._looks_to_go -= 1
            return None
        # Until it is known to be sound.
        self._refused, self._looks_to_go = current.seq, RETRY_LOOKS
        champion = self._load(current.champion, current, held)
        challenger = None
        if current.challenger is not None:
            try:
                challenger = self._load(current.challenger, current, held)
            except BundleError as error:
                _LOG.error("challenger %s is refused: %s", current.challenger, error)
        self._decided = current.seq
        return Models(champion, challenger)

    def _load(self, version: str, current: Promotion, held: Models | None) -> Bundle:
        for bundle in filter(None, held or ()):
            if bundle.manifest_sha256 == current.manifests.get(version):
                return bundle
        try:
            bundle = self._registry.load_promoted(version, current)
            warm(bundle)
        except BundleError:
            self._tell_refused()
            raise
        return bundle


class Follower:
    """
    Keeps the predictor's models and the states of builds up to date.

    Args:
        predictor: Answers by what is found.
        metrics: Is told which models answer.
        floor: A bundle's folder, None if there is none.
        promoted: What a registry says, None if none is followed.
        states: What is known of builds.
        poll_seconds: How long to wait between looks at the registry.
    """

    def __init__(
        self,
        predictor: Predictor,
        metrics: ServingMetrics,
        *,
        floor: Path | None,
        promoted: PromotedModels | None,
        states: FollowedRows,
        poll_seconds: float,
    ) -> None:
        self._predictor = predictor
        self._metrics = metrics
        self._floor = floor
        self._promoted = promoted
        self._states = states
        self._looks_apart = max(1, round(poll_seconds / FACTS_SECONDS))
        self._wait_seconds = min(poll_seconds, FACTS_SECONDS)
        self._models: Models | None = None
        self._trouble: dict[str, str] = {}
        self._closing = threading.Event()
        self._has_caught_up = threading.Event()
        self._patience = threading.Timer(CATCH_UP_SECONDS, self._has_caught_up.set)
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)

    def start(self) -> None:
        """
        Load the floor, then follow in a thread.

        Raises:
            BundleError: If the floor is not sound, and no registry is followed.
        """
        if self._floor is not None:
            try:
                bundle = load_bundle(self._floor)
                warm(bundle)
            except BundleError as error:
                self._metrics.refused_swap()
                if self._promoted is None:
                    raise
                _LOG.error("the model in %s is refused: %s", self._floor, error)
            else:
                self._answer_by(Models(bundle))
        self._patience.start()
        self._thread.start()

    def close(self) -> None:
        """Stop to follow, within a few seconds; what answers stays."""
        self._patience.cancel()
        self._closing.set()
        # A long history may be read just now: the end of a server does not wait.
        self._thread.join(CLOSING_SECONDS)

    @property
    def is_ready(self) -> bool:
        """Whether a model answers and knows what the ledger knows, or gave up on it."""
        return self._models is not None and self._has_caught_up.is_set()

    def _run(self) -> None:
        for look in count():
            if self._closing.is_set():
                break
            try:
                self._look(at_models=look % self._looks_apart == 0)
            except Exception:  # noqa: BLE001 - died unseen, it would leave an old model answering for ever
                _LOG.exception("following failed, and goes on")
            self._closing.wait(self._wait_seconds)

    def _look(self, *, at_models: bool) -> None:
        found = None
        if self._promoted is not None and at_models:
            try:
                found = self._promoted.look(self._models)
            except (BreakcastError, OSError) as error:
                self._tell("models", str(error))
            else:
                is_bare = found is None and self._models is None
                self._tell("models", _NOTHING_PROMOTED if is_bare else "")
        if found is not None:
            # What the new ones need to know of builds is learnt before they answer.
            if self._models is not None:
                self._learn(self._models, found)
            self._answer_by(found)
        if self._models is not None:
            self._learn(self._models)
            self._has_caught_up.set()

    def _answer_by(self, models: Models) -> None:
        self._predictor.swap(models)
        self._metrics.serving(models)
        self._models = models
        champion, challenger = models
        beside = "" if challenger is None else f", {challenger.version} shadows it"
        _LOG.info("%s answers%s", champion.version, beside)

    def _learn(self, *answering: Models) -> None:
        bundles = [bundle for models in answering for bundle in models if bundle]
        try:
            self._states.follow([bundle.catalog for bundle in bundles])
        except BreakcastError as error:
            self._tell("history", str(error))
        else:
            self._tell("history", "")

    def _tell(self, about: str, trouble: str) -> None:
        """Count a trouble; log it once, and once more when it is over."""
        if trouble and trouble != _NOTHING_PROMOTED:
            self._metrics.look_failed(about)
        before = self._trouble.get(about, "")
        if trouble == before:
            return
        self._trouble[about] = trouble
        if trouble:
            _LOG.error("%s cannot be followed, what is there stays: %s", about, trouble)
        else:
            _LOG.info("%s can be followed again", about)
