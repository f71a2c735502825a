"""
`breakcast check-drift`, `retrain`, `validate-and-deploy`: a renewal, step by step.

The last line of each is one JSON object; 99 says that there is nothing to do.
"""

import secrets
from typing import Annotated

import typer
from rich.markdown import Markdown
from rich.markup import escape

from breakcast import wiring
from breakcast.cli.telling import out, print_json, progress
from breakcast.cli.watch import tell_decision
from breakcast.settings import read_settings

NOTHING_TO_DO = 99

AsJson = Annotated[bool, typer.Option("--json", help="Print the JSON only.")]
RunKey = Annotated[
    str | None,
    typer.Option(
        "--run-key",
        help="Names the run: a step repeated under its key is not done twice.",
    ),
]


def check_drift(run_key: RunKey = None, as_json: AsJson = False) -> None:
    """
    Exit with 0 if it is time to train anew, with 99 if not; the last line is JSON.

    What was asked for is not asked for again within a day (drift: three, age: seven)
    for the same reason, and never more than twice a day. Broken data blocks it.

    Example: breakcast check-drift --run-key nightly-2026-11-26
    """
    from breakcast.wiring import renewing

    decision = renewing.check_drift(read_settings(), _named(run_key))
    if not as_json:
        tell_decision(decision)
    print_json(decision)
    raise typer.Exit(0 if decision.is_due else NOTHING_TO_DO)


def retrain(run_key: RunKey = None, as_json: AsJson = False) -> None:
    """
    Train a candidate on all but the newest outcomes, which are left to judge it by.

    Exits with 99 if there is too little that is new; the last line is JSON.

    Example: breakcast retrain --run-key nightly-2026-11-26
    """
    from breakcast.wiring import renewing

    with progress() as step:
        found = renewing.retrain(read_settings(), _named(run_key), step)
    if not as_json:
        what = f"{found.candidate} is in the registry" if found.candidate else "Nothing"
        out.print(f"{what}: {escape(found.why)}.")
    print_json(found)
    raise typer.Exit(0 if found.candidate else NOTHING_TO_DO)


def validate_and_deploy(
    candidate: Annotated[str, typer.Option(help="The version to judge, as v1.1.")],
    run_key: RunKey = None,
    as_json: AsJson = False,
) -> None:
    """
    Judge a candidate beside the champion; if it passes, it answers from now on.

    With promotion_mode = "shadow" it is scored beside the champion first, unseen. Exits
    with 99 if it is refused; the last line is JSON.

    Example: breakcast validate-and-deploy --candidate v1.1
    """
    from breakcast.wiring import renewing

    with progress() as step:
        found = renewing.deploy(read_settings(), _named(run_key), candidate, step)
    if not as_json:
        out.print(Markdown(found.verdict.markdown()))
    print_json(found)
    raise typer.Exit(NOTHING_TO_DO if found.action == "refuse" else 0)


def _named(run_key: str | None) -> str:
    """Give the key; where none is given, one that no other run has."""
    if run_key is not None:
        return run_key
    return f"by-hand-{wiring.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
