"""ccops down: stop the stack; data stays unless --wipe."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import EnvOption, ModeOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.errors import UsageError
from ccops.core.output import Output, Report
from ccops.stack.compose import Mode

app = new_app("Stop the stack; data stays unless --wipe.")


@app.command()
def down(
    services: Annotated[list[str] | None, typer.Argument(help="Services to stop; none: all.")] = None,
    env: EnvOption = "dev",
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Remove all data too.", rich_help_panel="Safety")
    ] = False,
    confirm: Annotated[
        str, typer.Option("--confirm", help="The environment's name, for --wipe.", rich_help_panel="Safety")
    ] = "",
    mode: ModeOption = Mode.AUTO,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Stop the stack in order; data stays unless --wipe.

    ccops down            everything
    ccops down worker     just this one
    ccops down --wipe --confirm dev

    Exit codes: 0 stopped (or already down), 2 usage, 3 refused, 5 it did not stop in time.
    """
    from ccops.stack import engine
    from ccops.stack.compose import engine as compose
    from ccops.stack.compose import restarting
    from ccops.stack.compose.mode import chosen

    profile = profile_of(env, project)
    docker = chosen(profile, mode, "down") is Mode.COMPOSE
    if wipe and services:
        raise UsageError(
            "WIPE_ALL_ONLY",
            "--wipe removes the data of all services",
            evidence=f"named: {' '.join(services)}",
            next_step=f"ccops down --wipe --confirm {env}",
        )
    if wipe:
        removed = compose.wipe(profile, confirm) if docker else engine.wipe(profile, confirm)
        sentence = (
            f"removed {'the volumes' if docker else profile.state_dir}" if removed else "nothing to remove"
        )
        data: dict[str, object] = {"wiped": removed}
    else:
        stop = compose.down if docker else engine.down
        stopped = stop(profile, services or ())
        sentence = f"stopped: {', '.join(stopped)}; data kept" if stopped else "already down: nothing to do"
        data = {"stopped": list(stopped), "wiped": False}
    if docker and not services:
        restarting.forget(profile)
    report = Report("ccops.stack.down/v1", data, env=env, text=lambda console: console.print(sentence))
    finish(report, output)
