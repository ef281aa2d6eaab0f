"""ccops gate: every check of a stage, one table, one exit code."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, ReportOption, finish
from ccops.cli.options import app as new_app
from ccops.core.output import Output
from ccops.gate.model import Stage

app = new_app(
    """Run every check of a stage and end with the worst code; what could not look is no pass.

    ccops gate --stage pr                      what a pull request must pass
    ccops gate --stage nightly --jobs 1 --report junit=gate.xml --report sarif=gate.sarif
    ccops gate --only rules --only data        some of them, by check or capability
    ccops gate --list                          every check, its stage and what it proves
    ccops gate record tests -- pytest -q       another program's run, kept as evidence

    Exit codes: 0 all ok, otherwise the worst of 1 failed, 2 usage, 3 refused, 4 unreachable, 5 degraded.
    """
)

NamesOption = Annotated[
    list[str] | None, typer.Option("--only", metavar="NAME", help="Only this check or capability; repeat.")
]
SkipOption = Annotated[
    list[str] | None, typer.Option("--skip", metavar="NAME", help="Leave this check or capability out.")
]


@app.callback(invoke_without_command=True)
def gate(
    context: typer.Context,
    stage: Annotated[Stage, typer.Option("--stage", help="A later stage has all of the earlier.")] = Stage.PR,
    only: NamesOption = None,
    skip: SkipOption = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Begin nothing after a failure.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=16, help="How many at a time.")] = 2,
    list_: Annotated[bool, typer.Option("--list", help="Show the checks, run nothing.")] = False,
    report: ReportOption = None,
    env: EnvOption = "dev",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run the checks of a stage."""
    if context.invoked_subcommand is not None:
        return
    from ccops.cli.gateview import GateCall, gate_report, list_report

    call = GateCall(
        stage, tuple(only or ()), tuple(skip or ()), fail_fast, jobs, tuple(report or ()), env, project
    )
    finish(list_report(call) if list_ else gate_report(call, output), output)


@app.command()
def record(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The evidence's name: tests, build...")],
    command: Annotated[list[str], typer.Argument(metavar="-- CMD..", help="What to run.")],
    env: EnvOption = "dev",
    project: ProjectOption = None,
) -> None:
    """Run a command, show what it prints, and keep how it ended as evidence for the scorecard.

    ccops gate record tests -- pytest -q

    Exit codes: those of the command; 2 usage, 4 it could not be started.
    """
    from ccops.cli.gateview import recorded

    raise typer.Exit(recorded(name, tuple(command), env, project))
