"""
The steps of a renewal, one at a time, each done once under its run's key.

Whoever repeats a step under the same key is told what came of it; one that was killed
goes on with the plan it had.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import msgspec

from breakcast import wiring
from breakcast.errors import BadInput
from breakcast.history.ledger import Ledger
from breakcast.history.runs import Runs
from breakcast.history.turns import Turn
from breakcast.model.judge import Step
from breakcast.retraining.steps import Deployed, Plan, Renewal, Retrained
from breakcast.retraining.tolerances import Tolerances
from breakcast.retraining.trigger import Decision
from breakcast.settings import Settings
from breakcast.wiring.standing import CHECK_DRIFT, RETRAIN, look_at
from breakcast.wiring.training import executor_for, terms_of

DEPLOY = "validate-and-deploy"
LONGEST_KEY = 250

_Result = TypeVar("_Result", Decision, Retrained, Deployed)


def _silent(_what: str, _done: int, _of: int) -> None:
    pass


def check_drift(settings: Settings, run: str) -> Decision:
    """
    Decide whether to train anew; that it is asked for is remembered.

    Raises:
        BadInput: If the run's key is none.
        LedgerError: If the ledger fails, or another step does not end.
        BundleError: If the model that answers cannot be read.
    """

    def do(ledger: Ledger, _: Plan) -> Decision:
        return look_at(ledger, settings).decision

    return _done(settings, run, CHECK_DRIFT, do, Decision)


def retrain(settings: Settings, run: str, step: Step = _silent) -> Retrained:
    """
    Train a candidate and publish it.

    Raises:
        BadInput: If the run's key is none.
        LedgerError: If the ledger fails, or another step does not end.
        BundleError: If the candidate cannot be made, or published.
        OSError: If the registry cannot be reached.
    """

    def do(ledger: Ledger, plan: Plan) -> Retrained:
        with executor_for(ledger, settings, None) as pool:
            return _renewal(settings, ledger, pool, step).retrain(plan)

    return _done(settings, run, RETRAIN, do, Retrained)


def deploy(
    settings: Settings, run: str, candidate: str, step: Step = _silent
) -> Deployed:
    """
    Judge a candidate, and let it answer or shadow the champion if it passes.

    Raises:
        BadInput: If the run's key is none.
        LedgerError: If the ledger fails, or another step does not end.
        BundleError: If there is no such candidate, or somebody else decided something
            meanwhile.
        OSError: If the registry cannot be reached.
    """

    def do(ledger: Ledger, plan: Plan) -> Deployed:
        with executor_for(ledger, settings, None) as pool:
            return _renewal(settings, ledger, pool, step).deploy(candidate, plan)

    return _done(settings, run, f"{DEPLOY} {candidate}", do, Deployed)


def tolerances_of(settings: Settings) -> Tolerances:
    """Say what a candidate may cost, and has to gain, by these settings."""
    return Tolerances(
        accuracy=settings.target_accuracy,
        **{
            name: getattr(settings, f"gate_{name}")
            for name in Tolerances.__struct_fields__
            if name != "accuracy"
        },
    )


def _done(
    settings: Settings,
    run: str,
    name: str,
    do: Callable[[Ledger, Plan], _Result],
    kind: type[_Result],
) -> _Result:
    if not 0 < len(run) <= LONGEST_KEY or not run.isprintable():
        message = (
            f"the run's key is {run[:LONGEST_KEY]!r}; it has 1 to {LONGEST_KEY} "
            "characters that can be printed"
        )
        raise BadInput(message)
    with (
        wiring.open_ledger(settings) as ledger,
        Turn(ledger, "renewal", wiring.now) as turn,
    ):
        runs = Runs(ledger, turn.check)
        found = runs.result(run, name)
        if found is not None:
            return msgspec.json.decode(found, type=kind)
        began_at = wiring.now()
        planned = runs.begin(
            run,
            name,
            began_at,
            lambda: msgspec.json.encode(_renewal(settings, ledger).plan(began_at)),
        )
        result = do(ledger, msgspec.json.decode(planned, type=Plan))
        runs.end(run, name, wiring.now(), msgspec.json.encode(result))
        return result


def _renewal(
    settings: Settings,
    ledger: Ledger,
    executor: Executor | None = None,
    step: Step = _silent,
) -> Renewal:
    return Renewal(
        ledger=ledger,
        registry=wiring.open_registry(settings),
        terms=terms_of(settings),
        tolerances=tolerances_of(settings),
        mode=settings.promotion_mode,
        executor=executor,
        step=step,
    )
