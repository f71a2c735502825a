"""`breakcast predict`: one answer in the terminal."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from breakcast import wiring
from breakcast.cli.telling import out, print_json, share
from breakcast.errors import BadInput
from breakcast.history.events import Build, BuildKey
from breakcast.settings import read_settings


def predict(
    repo: Annotated[str, typer.Option(help="The repository, organisation/name.")],
    pipeline: Annotated[str, typer.Option(help="The workflow or job.")] = "default",
    branch: Annotated[str | None, typer.Option(help="The branch to be built.")] = None,
    event: Annotated[str | None, typer.Option(help="What starts the build.")] = None,
    commit: Annotated[str | None, typer.Option(help="The commit to be built.")] = None,
    author: Annotated[str | None, typer.Option(help="Who made the change.")] = None,
    git: Annotated[
        str | None,
        typer.Option(help="A range of commits of the checkout here, as main...HEAD."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON.")
    ] = False,
) -> None:
    """
    Forecast a build that would start now, from the ledger and the champion.

    Example: breakcast predict --repo acme/shop --branch main --git main...HEAD
    """
    from breakcast.adapters.gitlog import change_in
    from breakcast.wiring.answering import predict_now

    if not repo.strip("/"):
        message = f"--repo is {repo!r}; give organisation/name"
        raise BadInput(message)
    settings = read_settings()
    build = Build(
        BuildKey("cli", repo, pipeline, "asked"),
        branch=branch,
        event=event,
        commit_sha=commit,
        author=wiring.author_of(author, settings),
        change=None if git is None else change_in(git, Path.cwd()),
    )
    answer = predict_now(build, settings).answer
    if as_json:
        print_json(answer)
        return
    out.print(
        f"P(red) = {share(answer.probability)} for {escape(repo)}, pipeline "
        f"{escape(pipeline)}, says {answer.model_version}."
    )
    if answer.abstained:
        out.print("It abstains: not sure enough to say red or green.")
