"""One answer outside a server: a ledger, a champion, a question."""

from datetime import datetime

from breakcast import wiring
from breakcast.errors import RegistryError
from breakcast.features.state import FeatureState
from breakcast.history.events import Build
from breakcast.serving.prediction import Prediction
from breakcast.serving.predictor import Models, Predictor, Question
from breakcast.serving.states import Known
from breakcast.settings import Settings


def predict_now(build: Build, settings: Settings) -> Prediction:
    """
    Forecast a build that starts now, by the champion, from the ledger.

    Raises:
        RegistryError: If there is no champion yet.
    """
    champion = wiring.open_registry(settings).load_champion()
    if champion is None:
        message = (
            f"the registry at {settings.registry_place} has no champion; "
            "`breakcast train` makes a version, `breakcast promote` lets it answer"
        )
        raise RegistryError(message)
    state = FeatureState(champion.catalog)
    with wiring.open_ledger(settings) as ledger:
        for event in ledger.events(build.key.organisation):
            state.observe(event)
    question = Question(build, state.earliest(wiring.now()))
    return Predictor(_OneState(state)).predict(Models(champion), question)


class _OneState:
    """The rows of one organisation, as of any time its state allows."""

    waits = False

    def __init__(self, state: FeatureState) -> None:
        self._state = state

    def row(self, build: Build, catalog_hash: str, as_of: datetime) -> Known | None:  # noqa: ARG002 - there is one catalog
        return Known(self._state.row(build, as_of), as_of)
