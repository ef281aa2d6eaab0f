"""ccops smoke: run scenarios and prove that every system saw the same event."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.cli.up import Seed
from ccops.core.output import Output

app = new_app(
    """Run scenarios: prove every system saw the same event.

    ccops smoke journey --up      start everything and walk a day in a user's life
    ccops smoke run lockout       one scenario by name or path
    ccops smoke race buy --n 300  many at one moment, then every invariant
    ccops smoke ws                the realtime channel under reconnects
    ccops smoke trace TRACE_ID    one event's path through all systems

    Exit codes: 0 green, 1 an assertion failed, 2 usage, 3 refused, 4 unreachable or not evaluated, 130.
    """
)

VarOption = Annotated[list[str] | None, typer.Option("--var", metavar="K=V", help="Set a variable.")]
ReportOption = Annotated[
    list[str] | None,
    typer.Option("--report", metavar="KIND=PATH", help="junit, json or ndjson; PATH - is stdout."),
]
UpOption = Annotated[bool, typer.Option("--up", help="Start the stack first if it is down.")]
ConfirmOption = Annotated[
    str, typer.Option("--confirm", help="The scenario's name, on a protected profile.", metavar="NAME")
]
ContractOption = Annotated[
    Path | None,
    typer.Option("--contract", envvar="CCOPS_CONTRACT", help="The backend's contract.", show_default=False),
]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="Seconds for a whole scenario.", min=1)]


def _greet(names: list[str], env: str, output: Output, reports: list[str] | None) -> None:
    """Say what begins before anything heavy is imported; stdout stays clean for machine formats."""
    quiet = output is not Output.TEXT or any(spec.endswith("=-") for spec in reports or ())
    stream = sys.stderr if quiet else sys.stdout
    stream.write(f"ccops smoke: {', '.join(names)} on {env}\n")
    stream.flush()


@app.callback()
def smoke() -> None:
    """Run scenarios (a group even while it had one command only)."""


@app.command()
def journey(
    env: EnvOption = "dev",
    up: UpOption = False,
    seed: Annotated[Seed, typer.Option("--seed", help="Data of a new database, with --up.")] = Seed.DEMO,
    fault: Annotated[str, typer.Option("--break", help="Plant a fault first: ledger, ws or kafka.")] = "",
    var: VarOption = None,
    report: ReportOption = None,
    confirm: ConfirmOption = "",
    timeout: TimeoutOption = 300.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Walk the six-part day in a user's life; exit 0 only if every part is green.

    ccops smoke journey --up
    ccops smoke journey --break ledger     see a planted fault caught; its damage stays in the data
    ccops smoke journey --report junit=journey.xml -o json

    Exit codes: 0 green, 1 an assertion failed, 2 usage, 3 refused, 4 unreachable or not evaluated, 130.
    """
    _greet(["journey"], env, output, report)
    from ccops.cli.smokeview import run_report, variables
    from ccops.smoke.run import Options
    from ccops.smoke.run_prepare import Preparation

    profile = profile_of(env, project)
    options = Options(variables(var), timeout_s=timeout, confirm=confirm)
    prepare = Preparation(env, project, up=up, seed=seed.value, fault=fault)
    finish(run_report(profile, ["journey"], options, prepare, report or (), output), output)


@app.command()
def run(
    names: Annotated[list[str], typer.Argument(metavar="NAME|PATH..", help="Scenarios to run.")],
    env: EnvOption = "dev",
    var: VarOption = None,
    parallel: Annotated[int, typer.Option("--parallel", help="How many at a time.", min=1)] = 1,
    first: Annotated[str, typer.Option("--from", help="Look at effects from this step on.")] = "",
    last: Annotated[str, typer.Option("--to", help="Stop after this step.")] = "",
    up: UpOption = False,
    report: ReportOption = None,
    confirm: ConfirmOption = "",
    timeout: TimeoutOption = 300.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run scenarios by name (scenarios/NAME.yaml) or path.

    ccops smoke run lockout buy-race --parallel 2 --report junit=smoke.xml
    ccops smoke run journey --to claim

    Exit codes: 0 green, 1 an assertion failed, 2 usage, 3 refused, 4 unreachable or not evaluated, 130.
    """
    _greet(names, env, output, report)
    from ccops.cli.smokeview import run_report, variables
    from ccops.smoke.run import Options
    from ccops.smoke.run_prepare import Preparation

    profile = profile_of(env, project)
    options = Options(variables(var), first, last, timeout, confirm)
    prepare = Preparation(env, project, up=up)
    finish(run_report(profile, names, options, prepare, report or (), output, parallel), output)


@app.command()
def race(
    name: Annotated[str, typer.Argument(metavar="NAME", help="buy is the scenario buy-race.")],
    n: Annotated[
        int | None, typer.Option("--n", help="How many at once; none: as the scenario says.")
    ] = None,
    env: EnvOption = "dev",
    var: VarOption = None,
    up: UpOption = False,
    report: ReportOption = None,
    confirm: ConfirmOption = "",
    timeout: TimeoutOption = 300.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Release many requests at one moment; then every invariant of the contract must hold.

    ccops smoke race buy --n 300
    ccops smoke race streak --n 1000 -o json

    Exit codes: 0 green, 1 an outcome or invariant is wrong, 2 usage, 3 refused, 4 unreachable, 130.
    """
    from ccops.core.profile import find_project
    from ccops.smoke.race import race_name, size_of

    chosen = race_name(find_project(project), name)
    sizes = {} if n is None else size_of(n)
    _greet([chosen], env, output, report)
    from ccops.cli.raceview import race_report
    from ccops.cli.smokeview import variables
    from ccops.smoke.run import Options
    from ccops.smoke.run_prepare import Preparation

    options = Options(variables(var) | sizes, timeout_s=timeout, confirm=confirm)
    prepare = Preparation(env, project, up=up)
    finish(
        race_report(lambda: profile_of(env, project), chosen, options, prepare, report or (), output), output
    )


@app.command()
def ws(
    env: EnvOption = "dev",
    reconnects: Annotated[int, typer.Option("--reconnects", help="Cut it this often.", min=0)] = 20,
    duration: Annotated[str, typer.Option("--duration", help="How long to act.")] = "10s",
    rate: Annotated[float, typer.Option("--rate", help="Acts a second.", min=0.1, max=1000)] = 10.0,
    max_p95_ms: Annotated[
        float | None, typer.Option("--max-p95-ms", help="Fail above this act-to-frame p95.", min=1)
    ] = None,
    confirm: Annotated[str, typer.Option("--confirm", help="ENV:ws, on a protected profile.")] = "",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Act and listen, cut the socket at random moments, resume: every act once, in order, in time.

    ccops smoke ws --reconnects 100 --duration 30s
    ccops smoke ws --max-p95-ms 500 -o json
    CCOPS_WS_TOKEN=... ccops smoke ws      as that user; without it a new one signs up

    Exit codes: 0 green, 1 a gap, a duplicate, an act unseen or too slow, 2 usage, 3 refused, 4 unreachable.
    """
    from ccops.cli.wsview import seconds, ws_report
    from ccops.smoke.wscheck import Wanted

    wanted = Wanted(reconnects, seconds("--duration", duration), rate, max_p95_ms, confirm=confirm)
    finish(ws_report(profile_of(env, project), wanted), output)


@app.command(name="list")
def list_(project: ProjectOption = None, output: OutputOption = Output.TEXT) -> None:
    """List the scenarios of the project with their titles, tags and systems.

    ccops smoke list
    ccops smoke list -o json

    Exit codes: 0 listed, 2 the project was not found.
    """
    from ccops.cli.smokeview import list_report
    from ccops.core.profile import find_project

    finish(list_report(find_project(project)), output)


@app.command()
def validate(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME|PATH..", help="None: all.")] = None,
    contract: ContractOption = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check scenarios without running them: every error at once, with place and suggestion.

    ccops smoke validate
    ccops smoke validate my-scenario.yaml --contract my-backend/contract

    Exit codes: 0 all valid, 2 errors found.
    """
    from ccops.cli.smokeview import validate_report
    from ccops.core.profile import find_project

    finish(validate_report(find_project(project), names or (), contract), output)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|PATH")],
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what a scenario does and what it asserts on which system, without running it.

    ccops smoke show journey
    CCOPS_LANG=ko ccops smoke show lockout

    Exit codes: 0 shown, 2 unknown or malformed.
    """
    from ccops.cli.smokeview import show_report
    from ccops.core.profile import find_project

    finish(show_report(find_project(project), name), output)


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors; it is JSON in every format.

    ccops smoke schema > scenario.schema.json

    Exit codes: 0 printed.
    """
    import json

    from ccops.smoke.schema import schema as scenario_schema

    typer.echo(json.dumps(scenario_schema(), indent=2, ensure_ascii=False))


@app.command()
def trace(
    ident: Annotated[str, typer.Argument(metavar="ID", help="A trace id or an event id.")],
    env: EnvOption = "dev",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show one event's or trace's path through all systems, with the time since its creation.

    ccops smoke trace 4bf92f3577b34da6a3ce929d0e0e4736

    Exit codes: 0 complete, 1 a system lacks what it should have, 2 usage, 4 unreachable.
    """
    from ccops.cli.smokeview import trace_report

    finish(trace_report(profile_of(env, project), ident), output)
