"""ccops logs: the merged logs of the stack."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, ModeOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.errors import ExitCode, UsageError
from ccops.core.output import Output
from ccops.stack.compose import Mode

app = new_app("Show the merged logs of the stack.")


@app.command()
def logs(
    services: Annotated[list[str] | None, typer.Argument(help="Services (or supervisor); none: all.")] = None,
    env: EnvOption = "dev",
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with new lines; -o json: one object a line.")
    ] = False,
    tail: Annotated[int, typer.Option("--tail", help="How many lines.", min=0)] = 100,
    grep: Annotated[str, typer.Option("--grep", help="Only lines that match this pattern.")] = "",
    mode: ModeOption = Mode.AUTO,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the merged logs of the stack in the order of time; works while it is down, too.

    ccops logs backend worker -f
    ccops logs --grep 'ERROR|FATAL' --tail 20

    Exit codes: 0 shown, 2 usage, 4 there are no logs yet.
    """
    from ccops.cli.stackview import log_line, logs_report
    from ccops.stack import logview
    from ccops.stack.compose import logs as containers
    from ccops.stack.compose.mode import chosen

    profile = profile_of(env, project)
    wanted = logview.pattern(grep)
    if chosen(profile, mode, "logs") is Mode.COMPOSE:
        if follow:
            raise UsageError(
                "OPTION_EMBEDDED_ONLY",
                "--follow is for the embedded stack",
                evidence="on Docker the engine keeps the logs",
                next_step="docker logs --follow CONTAINER; their names: docker ps",
            )
        files = {}
        found = containers.recent(profile, services or (), tail, wanted)
    else:
        files = logview.files_of(profile, services or ())
        found = logview.recent(files, tail, wanted)
    if output is not Output.TEXT and not follow:
        finish(logs_report(env, found), output)
    for line in found:
        sys.stdout.write(log_line(line, output))
    sys.stdout.flush()
    try:
        for line in logview.follow(files, wanted) if follow else ():
            sys.stdout.write(log_line(line, output))
            sys.stdout.flush()
    except KeyboardInterrupt:  # the only way to end --follow: nothing went wrong that had to be reported
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
