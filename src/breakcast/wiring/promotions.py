"""Which models answer, to whoever is no server: a folder's, or those promoted."""

import logging
import time

from breakcast import wiring
from breakcast.errors import BreakcastError
from breakcast.model.bundle import load_bundle
from breakcast.serving.following import PromotedModels
from breakcast.serving.predictor import Models
from breakcast.settings import Settings

_LOG = logging.getLogger("breakcast.worker")


class Promotions:
    """
    Looks for models as a server does: a folder's first, then those promoted.

    Raises:
        BundleError: If the folder's is not sound.
    """

    def __init__(self, settings: Settings) -> None:
        self._promoted: PromotedModels | None = None
        if wiring.follows_registry(settings):
            registry = wiring.open_registry(settings)
            self._promoted = PromotedModels(registry, lambda: None)
        self._seconds = settings.poll_seconds
        self._looked_at = float("-inf")
        self._held: Models | None = None
        self._trouble = ""
        if settings.model_dir is not None:
            self._held = Models(load_bundle(settings.model_dir))

    def __call__(self) -> Models | None:
        """Give what answers now; a registry is asked now and then."""
        is_time = time.monotonic() - self._looked_at >= self._seconds
        if self._promoted is not None and is_time:
            self._looked_at = time.monotonic()
            try:
                self._held = self._promoted.look(self._held) or self._held
                self._trouble = ""
            except (BreakcastError, OSError) as error:
                if self._trouble != str(error):
                    _LOG.error("models cannot be followed: %s", error)
                self._trouble = str(error)
        return self._held
