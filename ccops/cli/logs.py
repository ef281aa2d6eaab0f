"""ccops logs: the merged logs of the stack."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Annotated

import typer

from ccops.cli.options import EnvOption, ModeOption, OutputOption, ProjectOption, deaf, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.errors import ExitCode
from ccops.core.output import Output
from ccops.stack.compose import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    from ccops.stack.compose import following
    from ccops.stack.compose import logs as containers
    from ccops.stack.compose.mode import chosen

    profile = profile_of(env, project)
    wanted = logview.pattern(grep)
    stream: Iterator[logview.Line] | None = None
    if chosen(profile, mode, "logs") is Mode.COMPOSE:
        # There the same call brings what was and what comes, so that nothing is lost between two.
        found = [] if follow else containers.recent(profile, services or (), tail, wanted)
        if follow:
            stream = following.follow(profile, services or (), tail, wanted)
    else:
        files = logview.files_of(profile, services or ())
        found = logview.recent(files, tail, wanted)
        if follow:
            stream = logview.follow(files, wanted)
    if output is not Output.TEXT and not follow:
        finish(logs_report(env, found), output)
    try:
        for line in found:
            sys.stdout.write(log_line(line, output))
        sys.stdout.flush()
        for line in stream or ():
            sys.stdout.write(log_line(line, output))
            sys.stdout.flush()
    except KeyboardInterrupt:  # the only way to end --follow: nothing went wrong that had to be reported
        deaf()
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
    finally:
        if isinstance(stream, Generator):
            stream.close()  # on Docker it has threads, which end now and not whenever it is collected
