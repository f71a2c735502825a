"""`breakcast features`: the Feast repository, registered, filled, and proven."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from breakcast import wiring
from breakcast.cli.telling import out, print_json, progress
from breakcast.settings import Settings, read_settings

if TYPE_CHECKING:
    from breakcast.adapters.feast.parity import Parity
    from breakcast.adapters.feast.repository import Repository

features_app = typer.Typer(
    no_args_is_help=True, help="Feast: a cluster's store of records."
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
Folder = Annotated[
    Path | None,
    typer.Option(help="The Feast repository; `feast` in the home by default."),
]
Url = Annotated[
    str | None,
    typer.Option(
        help="The feature server; by default the setting `store` or, if that is no "
        "URL, http://127.0.0.1:6566."
    ),
]


@features_app.command("apply")
def apply(
    folder: Folder = None,
    production: Annotated[
        bool,
        typer.Option(
            "--production",
            help="Redis and an SQL registry, where FEAST_REDIS and FEAST_REGISTRY say.",
        ),
    ] = False,
    write_only: Annotated[
        bool,
        typer.Option(
            "--write-only",
            help="Do not register it: `feast apply` does, where Feast is installed.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Write the Feast repository for the champion's catalog, and register it.

    Example: breakcast features apply
    """
    from breakcast.adapters.feast.repository import SetUp
    from breakcast.wiring import features

    settings = read_settings()
    set_up = SetUp.PRODUCTION if production else SetUp.DEVELOPMENT
    repository = _repository(folder, settings)
    applied = features.apply(settings, repository, set_up, registers=not write_only)
    if as_json:
        print_json({**applied._asdict(), "folder": str(applied.folder)})
        return
    written = ", ".join(applied.changed) or "nothing had changed"
    done = "written" if write_only else "registered"
    out.print(
        f"{escape(str(applied.folder))} is {done} ({written}): "
        f"{len(applied.kinds)} kinds of records of catalog {applied.catalog[:12]}."
    )


@features_app.command("push")
def push(
    folder: Folder = None,
    url: Url = None,
    history_only: Annotated[
        bool, typer.Option("--history-only", help="Publish nothing online.")
    ] = False,
    organisation: Annotated[
        list[str] | None, typer.Option(help="Whose records; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Publish the ledger's records: the last ones online, every version to the history.

    Example: breakcast features push --url http://feast:6566
    """
    from breakcast.wiring import features

    settings = read_settings()
    with progress() as step:
        pushed = features.push(
            settings,
            _repository(folder, settings),
            None if history_only else _server(url, settings),
            organisation or (),
            step,
        )
    if as_json:
        print_json(pushed._asdict())
        return
    out.print(
        f"{pushed.organisations:,} organisations: {pushed.records:,} records online, "
        f"{pushed.versions:,} versions in the history."
    )


@features_app.command("verify")
def verify(
    folder: Folder = None,
    url: Url = None,
    builds: Annotated[
        int, typer.Option(min=1, help="About how many, spread over the ledger.")
    ] = 200,
    every: Annotated[
        bool, typer.Option("--all", help="Every build of the ledger.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Prove that rows read off Feast are those of the replay; if not, exit with 1.

    Example: breakcast features verify --builds 1000
    """
    from breakcast.wiring import features

    settings = read_settings()
    with progress() as step:
        found = features.verify(
            settings,
            _repository(folder, settings),
            _server(url, settings),
            None if every else builds,
            step,
        )
    if as_json:
        print_json(found._asdict())
    else:
        _tell("Offline (history, joined just before each start)", found.offline)
        _tell("Online (pushed as it went, read at each start)", found.online)
    if found.offline.differing or found.online.differing:
        raise typer.Exit(1)


def _repository(folder: Path | None, settings: Settings) -> "Repository":
    from breakcast.adapters.feast.repository import Repository

    return Repository(folder or settings.home / "feast")


def _server(url: str | None, settings: Settings) -> str:
    store = settings.store
    if url is None and store is not None and wiring.is_far(store):
        return store
    return url or "http://127.0.0.1:6566"


def _tell(what: str, parity: "Parity") -> None:
    out.print(
        f"{what}: {parity.builds:,} builds, {parity.cells:,} cells, "
        f"{parity.differing:,} differ."
    )
    for one in parity.examples:
        out.print(
            f"  {escape(one.repo)} {escape(one.build_id)}: {one.feature} is "
            f"{one.read}, the replay says {one.replayed}"
        )
