"""`breakcast train`, `models`, `promote`, `rollback`: which model answers, and why."""

import getpass
from typing import Annotated

import typer
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table as Grid

from breakcast import wiring
from breakcast.cli.dask import Dask
from breakcast.cli.telling import out, print_json, progress, score
from breakcast.model.promotions import Promotion
from breakcast.settings import read_settings

models_app = typer.Typer()
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
Reason = Annotated[str, typer.Option(help="Why, for the log.")]


def train(dask: Dask = None, as_json: AsJson = False) -> None:
    """
    Train on the ledger and publish the model; it answers once it is promoted.

    Example: breakcast train
    """
    from breakcast.wiring.training import train_model

    settings = read_settings()
    with progress() as step:
        version = train_model(settings, step, dask=dask)
    evaluation = wiring.open_registry(settings).load(version).evaluation()
    pooled = evaluation.model.pooled
    if as_json:
        print_json(
            {"version": version, "verdict": evaluation.verdict, "pooled": pooled}
        )
        return
    out.print(
        f"{version} is in the registry. On the newest fifth it had accuracy "
        f"{score(pooled.accuracy)}, ROC-AUC {score(pooled.roc_auc)}, MCC "
        f"{score(pooled.mcc)} (the parrot {score(evaluation.parrot.pooled.mcc)}); "
        f"verdict: {evaluation.verdict}."
    )
    out.print(f"To let it answer: breakcast promote {version}")


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """
    List the versions, the champion, and what was decided last.

    Example: breakcast models
    """
    if context.invoked_subcommand is not None:
        return
    registry = wiring.open_registry(read_settings())
    versions, current = registry.versions(), registry.current()
    if as_json:
        print_json({"versions": versions, "current": current})
        return
    if not versions:
        out.print("No model yet; `breakcast train` makes one.")
        return
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for column in ("version", "role", "accuracy", "ROC-AUC", "MCC", "verdict"):
        grid.add_column(column)
    for version in versions:
        evaluation = registry.load(version).evaluation()
        pooled = evaluation.model.pooled
        figures = map(score, (pooled.accuracy, pooled.roc_auc, pooled.mcc))
        grid.add_row(version, _role(version, current), *figures, evaluation.verdict)
    out.print(grid)
    if current is not None:
        _tell(current)


@models_app.command("show")
def show(
    version: Annotated[str, typer.Argument(help="Such as v1.0.")],
    as_json: AsJson = False,
) -> None:
    """
    Print a version's model card, and what the gate found about it.

    Example: breakcast models show v1.0
    """
    registry = wiring.open_registry(read_settings())
    bundle, verdicts = registry.load(version), registry.verdicts(version)
    if as_json:
        print_json(
            {
                "manifest": bundle.manifest,
                "evaluation": bundle.evaluation(),
                "verdicts": verdicts,
            }
        )
        return
    out.print(Markdown(bundle.card))
    if verdicts:
        out.print(Markdown("## What the gate found"))
    for verdict in verdicts:
        out.print(Markdown(verdict.markdown()))


@models_app.command("rebuild")
def rebuild(
    version: Annotated[str, typer.Argument(help="Such as v1.0.")],
    as_json: AsJson = False,
) -> None:
    """
    Make a version once more, from the ledger, and compare it byte for byte.

    Exits with 1 if a file came out otherwise. Nothing is published.

    Example: breakcast models rebuild v1.0
    """
    from breakcast.wiring.training import rebuild_model

    settings = read_settings()
    with progress() as step:
        files = rebuild_model(settings, version, step)
    if as_json:
        print_json({"version": version, "files": files})
    else:
        for name, is_equal in files.items():
            out.print(f"{name}: {'equal' if is_equal else '[bold red]another[/]'}")
    raise typer.Exit(0 if all(files.values()) else 1)


def promote(
    version: Annotated[str, typer.Argument(help="Such as v1.0.")],
    reason: Reason = "promoted by hand",
    as_json: AsJson = False,
) -> None:
    """
    Let a version answer from now on.

    Example: breakcast promote v1.1 --reason "better on first failures"
    """
    registry = wiring.open_registry(read_settings())
    entry = registry.promote(version, actor=_actor(), reason=reason, at=wiring.now())
    _tell_as(entry, as_json=as_json)


def rollback(
    reason: Reason = "rolled back by hand",
    as_json: AsJson = False,
) -> None:
    """
    Let the champion before the last promotion answer again.

    Example: breakcast rollback --reason "too many missed failures"
    """
    registry = wiring.open_registry(read_settings())
    entry = registry.rollback(actor=_actor(), reason=reason, at=wiring.now())
    _tell_as(entry, as_json=as_json)


def _role(version: str, current: Promotion | None) -> str:
    if current is None:
        return ""
    roles = {current.challenger: "challenger", current.champion: "champion"}
    return roles.get(version, "")


def _tell_as(entry: Promotion, *, as_json: bool) -> None:
    if as_json:
        print_json(entry)
    else:
        _tell(entry)


def _tell(entry: Promotion) -> None:
    out.print(
        f"Champion {entry.champion}, since {entry.at:%Y-%m-%d %H:%M} UTC: "
        f"{entry.action} by {escape(entry.actor)}, {escape(entry.reason)}."
    )


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user id often has no name.
        return "unknown"
