"""`breakcast serve` and `token`: answers over HTTP, and who may ask."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from breakcast.cli.telling import err, out
from breakcast.settings import read_settings


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 127.0.0.1 by default.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 is any; 8080 by default.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="What the model is called; ci-failure-predictor-prod by default."
        ),
    ] = None,
    model_dir: Annotated[
        Path | None,
        typer.Option(help="A bundle's folder, served until the registry says more."),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            help="Registry whose champion answers; by default the home's, if there is "
            "no --model-dir."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes side by side; 1 by default.")
    ] = None,
    roles: Annotated[
        str | None,
        typer.Option(help="What is answered; predict,ingest,console by default."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Where workers publish records: a SQLite file, or the URL of a Feast "
            "server; by default the ledger is folded here."
        ),
    ] = None,
    access_log: Annotated[
        bool | None, typer.Option("--access-log", help="Log every request.")
    ] = None,
) -> None:
    """
    Answer over HTTP: KServe V1, Open Inference V2, webhooks, metrics.

    Example: breakcast serve --port 8080
    """
    settings = read_settings(
        host=host,
        port=port,
        name=name,
        model_dir=model_dir,
        registry=registry,
        server_workers=workers,
        roles=None if roles is None else frozenset(roles.split(",")),
        store=store,
        access_log=access_log,
    )
    from breakcast.wiring.serving import serve as serve_forever

    serve_forever(settings)


def token(
    name: Annotated[str, typer.Argument(help="Whose it is, for the log.")],
    role: Annotated[
        list[str], typer.Option(help="read, ingest or operate; may be repeated.")
    ],
) -> None:
    """
    Make a bearer token; it is shown once, and kept nowhere.

    Example: breakcast token ci --role read
    """
    from breakcast.serving.access import make_token

    secret, kept = make_token(name, role)
    err.print("The token, shown this once:", style="bold")
    out.print(escape(secret))
    err.print("For the server's breakcast.toml, among its tokens:", style="bold")
    err.print(f'tokens = ["{escape(kept)}"]')
