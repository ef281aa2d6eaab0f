"""ccops stack: the stack as a file for something else that runs it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.errors import UsageError
from ccops.core.output import Output
from ccops.stack.compose.swarm import SecretsFrom
from ccops.stack.compose.swarmkeys import Publish

app = new_app(
    """Write the stack as a file for something else that runs it.

    ccops stack export --swarm --out stack.yml    for docker stack deploy
    ccops stack export --swarm --replicas backend=4 | less

    Exit codes: 0 written, 2 usage, 3 refused.
    """
)


class ComposeProfile(StrEnum):
    """The profiles of docker-compose.yml."""

    DEV = "dev"
    TOOLS = "tools"
    PROD = "prod"


@app.callback()
def stack() -> None:
    """Write the stack as a file for something else that runs it."""


@app.command()
def export(
    swarm: Annotated[bool, typer.Option("--swarm", help="For `docker stack deploy`.")] = False,
    out: Annotated[Path, typer.Option("--out", help="- is the standard output.")] = Path("-"),
    replicas: Annotated[
        list[str] | None, typer.Option("--replicas", help="backend=N or worker=2.", show_default=False)
    ] = None,
    profile: Annotated[
        ComposeProfile, typer.Option("--profile", help="Profile of docker-compose.yml.")
    ] = ComposeProfile.PROD,
    publish: Annotated[
        Publish,
        typer.Option("--publish", help="The backend's port: on all nodes, on its own, or not at all."),
    ] = Publish.INGRESS,
    secrets: Annotated[
        SecretsFrom, typer.Option("--secrets", help="Written as files now, or made by you on the swarm.")
    ] = SecretsFrom.FILES,
    env: EnvOption = "dev",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Derive a stack file from docker-compose.yml and say what became of every key.

    ccops stack export --swarm --out stack.yml
    ccops stack export --swarm --profile dev --replicas backend=2 --out stack.yml
    ccops stack export --swarm --secrets external      as ccops_app_env, ccops_postgres_password ...

    Variables stay in the file and are read by docker stack deploy; what docker-compose.yml mounts from this
    machine is read now.

    Exit codes: 0 written or the same, 2 usage, 3 refused (--out is a file that is not ours).
    """
    if not swarm:
        raise UsageError(
            "OPTION_MISSING",
            "for whom is the file? --swarm is the only format",
            evidence="docker-compose.yml itself is the file for docker compose",
            next_step="ccops stack export --swarm",
        )
    from ccops.cli.exportview import export_report
    from ccops.stack.compose import swarmfiles
    from ccops.stack.compose.swarm import Wish, parse_replicas

    chosen = profile_of(env, project)
    wish = Wish(profile.value, parse_replicas(replicas or ()), publish, secrets)
    target = None if str(out) == "-" else out
    made, text = swarmfiles.export(chosen, wish, target)
    folder = swarmfiles.secrets(chosen) if target and secrets is SecretsFrom.FILES else None
    changed = swarmfiles.write(target, text) if target else True
    if target is None and output is Output.TEXT:
        sys.stdout.write(text)
        return
    finish(export_report(chosen, wish, made, text, target, changed, folder), output)
