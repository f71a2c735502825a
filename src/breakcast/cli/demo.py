"""`breakcast demo`: the whole loop on a simulated history, told as it goes."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from breakcast import wiring
from breakcast.cli.backtest import judge_file, tell
from breakcast.cli.telling import out, progress, share
from breakcast.history.events import Build, BuildKey
from breakcast.settings import Settings, read_settings

SEED = 1


def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Where to put it; by default in the home.")
    ] = None,
    builds: Annotated[int, typer.Option(help="How many builds to make up.")] = 20_000,
) -> None:
    """
    Show the whole loop on a history that is made up: import to prediction.

    Example: breakcast demo
    """
    from breakcast.console.report import render_report
    from breakcast.history.simulate import Simulation, write_simulated
    from breakcast.wiring.answering import predict_now
    from breakcast.wiring.histories import import_file
    from breakcast.wiring.training import terms_of, train_model

    began = time.perf_counter()
    given = read_settings()
    place = folder or given.home / "demo"
    place.mkdir(parents=True, exist_ok=True)
    history, report = place / "builds.parquet", place / "report.html"
    # A fresh home each time, so that the demo never meets its own past.
    settings = given.model_copy(
        update={
            "home": place / f"home-{wiring.now():%Y%m%d-%H%M%S-%f}",
            "ledger": None,
            "registry": None,
        }
    )
    simulation = Simulation(builds=builds)
    out.print("[bold]1. A history[/], made up and labelled so (docs/simulator.md)")
    write_simulated(history, simulation, SEED)
    out.print(
        f"   {builds:,} builds of {simulation.repositories} repositories: "
        f"{escape(str(history))}"
    )

    out.print("[bold]2. Import[/] into a ledger, in the order facts became known")
    summary, position = import_file(history, settings)
    out.print(f"   {position:,} facts, {summary.found.refused:,} rows refused")

    out.print("[bold]3. Backtest[/]: what would have been said of the newest fifth")
    evaluation = judge_file(history, settings, terms_of(settings), assume_minutes=30.0)
    page = render_report(
        evaluation, source=f"{history.name} (simulated)", made_at=wiring.now()
    )
    report.write_text(page, encoding="utf-8")
    tell(evaluation)

    out.print("[bold]4. Train[/] on all of it, into the registry, and promote")
    with progress() as step:
        version = train_model(settings, step)
    wiring.open_registry(settings).promote(
        version, actor="demo", reason="the first model", at=wiring.now()
    )
    out.print(f"   {version} answers from now on")
    if evaluation.verdict != "turn on":
        out.print("   (though the verdict is *not yet*: only to show the rest)")

    out.print("[bold]5. Predict[/] builds that would start now, most likely red first")
    asked = [predict_now(build, settings) for build in _asked(settings)]
    for prediction in sorted(asked, key=lambda one: -one.probability):
        sure = "not sure" if prediction.abstained else "sure"
        name = f"{prediction.key.repo}, {prediction.key.pipeline}, main"
        out.print(f"   {share(prediction.probability):>7} red: {escape(name)} ({sure})")

    seconds = time.perf_counter() - began
    out.print(f"\nDone in {seconds:.0f} s. The report: [bold]{escape(str(report))}[/]")
    out.print("Your own history: breakcast backtest builds.csv --html report.html")


def _asked(settings: Settings) -> list[Build]:
    """Ask for one build on the main branch of each repository of the first three."""
    with wiring.open_ledger(settings) as ledger:
        organisation = next(iter(ledger.organisations()))
        keys = {event.key.repo: event.key for event in ledger.events(organisation)}
    return [
        Build(
            BuildKey(key.source, key.repo, key.pipeline, "asked"),
            branch="main",
            event="push",
        )
        for key in list(keys.values())[:3]
    ]
