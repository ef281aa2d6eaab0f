"""ccops restart: restart one service, optionally with settings changed."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import EnvOption, ModeOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.output import Output, Report
from ccops.stack.compose import Mode

app = new_app("Restart one service, optionally with settings changed.")


@app.command()
def restart(
    service: Annotated[str, typer.Argument(help="The service.")],
    env: EnvOption = "dev",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE for this service until its next restart; repeat it."),
    ] = None,
    mode: ModeOption = Mode.AUTO,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Restart one service and wait until it is ready again; of several processes one after the other.

    ccops restart backend
    ccops restart backend-2
    ccops restart backend --set ACCESS_TTL_S=2 --set LOG_LEVEL=DEBUG

    Exit codes: 0 ready again, 2 usage, 3 refused, 4 it is not ready or the stack is down.
    """
    from ccops.cli.stackview import service_line, service_rows
    from ccops.monitor import switching
    from ccops.stack import engine
    from ccops.stack.compose import restarting
    from ccops.stack.compose.mode import chosen
    from ccops.stack.members import members
    from ccops.stack.request import parse_settings

    profile = profile_of(env, project)
    compose = chosen(profile, mode, "restart") is Mode.COMPOSE
    restarted = restarting.restart if compose else engine.restart
    state = restarted(profile, service, parse_settings(settings or ()))
    if service == switching.SERVICE:
        switching.end(profile)  # whoever restarts it by hand has said how it is to run
    names = members(service, state.services)
    rows = [row for row in service_rows(state) if row["name"] in names]
    lines = "\n".join(service_line(state.services[name]) for name in names)
    data: dict[str, object] = rows[0] if len(rows) == 1 else {"name": service, "members": rows}
    report = Report("ccops.stack.restart/v1", data, env=env, text=lambda console: console.print(lines))
    finish(report, output)
