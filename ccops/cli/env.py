"""ccops env: check, compare and show the profiles of a project."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Check, compare and show the profiles env/NAME.env; nothing is changed.

    ccops env check --all-envs       keys, types, ranges, order, secrets
    ccops env diff staging prod      what is another there
    ccops env show prod              every value and where it comes from

    Exit codes: 0 all is well, 1 findings or differences, 2 usage, 4 the backend could not be asked.
    """
)


@app.callback()
def env() -> None:
    """Look at profiles."""


@app.command()
def check(
    env: EnvOption = "dev",
    all_envs: Annotated[bool, typer.Option("--all-envs", help="Every env/*.env.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Also compare with what the running backend has.")
    ] = False,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check required keys, types, ranges, the order of thresholds, and what a protected profile refuses.

    ccops env check --env prod
    ccops env check --all-envs
    ccops env check --env dev --live

    --live asks the backend for its settings as its administrator; secrets are not among them.

    Exit codes: 0 no finding, 1 findings, 2 unreadable, 4 the backend could not be asked.
    """
    from ccops.cli.envview import check_report

    finish(check_report(env, project, all_envs=all_envs, live=live), output)


@app.command()
def diff(
    left: Annotated[str, typer.Argument(metavar="A", help="One environment.")],
    right: Annotated[str, typer.Argument(metavar="B", help="The other.")],
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what differs between two env files, defaults included.

    ccops env diff staging prod
    ccops env diff dev prod -o md

    Secrets are compared and not shown.

    Exit codes: 0 no difference, 1 differences, 2 usage.
    """
    from ccops.cli.envview import diff_report

    finish(diff_report(left, right, project), output)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="[ENV]", help="The environment; dev.")] = "dev",
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Also what the backend takes when nothing is set.")
    ] = False,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show every value of an environment with its origin: file and line, stack.env, process or default.

    ccops env show prod
    ccops env show dev --defaults -o json

    Exit codes: 0 shown, 2 usage.
    """
    from ccops.cli.envview import show_report

    finish(show_report(name, project, defaults=defaults), output)
