"""ccops status: what runs, where, since when and how well."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, ModeOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.errors import ExitCode
from ccops.core.output import Output, Report
from ccops.stack.compose import Mode

app = new_app("Show what runs, where, since when and how well.")


@app.command()
def status(
    env: EnvOption = "dev",
    env_file: Annotated[
        bool, typer.Option("--env-file", help="Print KEY=VALUE with passwords, for a shell or a tool.")
    ] = False,
    mode: ModeOption = Mode.AUTO,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what runs, where, since when and how well; every probe is asked now.

    ccops status
    ccops status --env-file > stack.env

    Exit codes: 0 all healthy, 1 something is not, 4 the stack is down.
    """
    from ccops.cli.stackview import env_text, print_status, service_rows, watch_line, watch_rows
    from ccops.monitor import switching
    from ccops.rules.journal import abandoned
    from ccops.stack import health
    from ccops.stack.compose import engine, restarting
    from ccops.stack.compose.mode import chosen
    from ccops.stack.paths import StateDir
    from ccops.stack.stacks import watch

    profile = profile_of(env, project)
    compose = chosen(profile, mode, "status") is Mode.COMPOSE
    if env_file:
        text = engine.stack_env(profile) if compose else health.stack_env(profile)
        sys.stdout.write(env_text(text, output))
        return
    state = restarting.status(profile) if compose else health.check(profile)
    seen = watch(profile, state)
    left = abandoned(StateDir(profile.state_dir).rules)
    watched = watch_line(seen) if seen else ""
    if left:
        watched += (
            f"\n  rules: the apply {left.run} of {left.actor} was killed, so that they are not verified"
        )
        watched += "; next: ccops rules apply --apply"
    if switched := switching.left(profile):
        watched += f"\n  {switched.said}; next: {switched.next_step}"
    report = Report(
        "ccops.stack.status/v1",
        {
            "supervisor": None if compose else {"pid": state.pid, "started": state.started},
            "mode": str(Mode.COMPOSE if compose else Mode.EMBEDDED),
            "services": service_rows(state),
            **watch_rows(seen),
            "rules_unended": left.run if left else None,
            "legacy_ws_left": switched.next_step if switched else None,
        },
        ExitCode.OK if state.ready and left is None and switched is None else ExitCode.NEGATIVE,
        env=env,
        text=lambda console: print_status(console, state, watched),
    )
    finish(report, output)
