"""ccops metrics: prove that what must be measured is measured."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, ReportOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Prove that what must be measured is measured, and counts what happens.

    ccops metrics verify                        every metric of the contract, at every process
    ccops metrics verify --profile legacy-ws-accepted --restart
    ccops metrics list --unused                 measured, and looked at by no rule and no panel

    Exit codes: 0 verified, 1 missing or not counted, 2 usage, 3 refused, 4 a process did not answer, 5 the
    backend does not run as before.
    """
)


@app.callback()
def metrics() -> None:
    """Look at what processes export."""


@app.command()
def verify(
    env: EnvOption = "dev",
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="core, legacy-ws-rejected or legacy-ws-accepted.")
    ] = "",
    delta: Annotated[
        list[str] | None,
        typer.Option("--delta", metavar="'NAME{..} >= 1'", help="A growth that is wanted; repeat it."),
    ] = None,
    during: Annotated[str, typer.Option("--during", metavar="CMD", help="What makes it grow.")] = "",
    restart: Annotated[
        bool, typer.Option("--restart", help="legacy-ws: switch the flag for it, and put it back.")
    ] = False,
    url: Annotated[
        list[str] | None, typer.Option("--url", help="A process to ask instead of the profile's; repeat it.")
    ] = None,
    within: Annotated[
        float, typer.Option("--within", help="Seconds in which growth must show.", min=0.0)
    ] = 3.0,
    report: ReportOption = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Hold /metrics against a list, and counters against what they had to grow by.

    ccops metrics verify --profile core
    ccops metrics verify --profile legacy-ws-accepted --restart
    ccops metrics verify --delta 'auth_login_total{result="ok"} >= 1' --during 'ccops smoke journey'

    Growth is exact across restarts of a process up to its last scrape before; while CMD runs, that is every
    quarter of a second. CMD is started without a shell; when it fails, its exit code is ours (1 when it is
    none of ours). --restart needs a stack of ours, not protected.

    Exit codes: 0 all there and grown, 1 not, 2 usage, 3 refused, 4 a process did not answer, 5 the backend
    does not run as it did before.
    """
    from ccops.cli.metricsview import verify_report
    from ccops.monitor.metrics import wish_of

    wish = wish_of(profile, delta or (), during, restart, url or (), within)
    finish(verify_report(profile_of(env, project), wish, tuple(report or ()), output), output)


@app.command("list")
def list_metrics(
    env: EnvOption = "dev",
    unused: Annotated[bool, typer.Option("--unused", help="Only those that nobody looks at.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --unused: exit 1 when there are any.")
    ] = False,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the metrics of the contract, and which rules, dashboards and objectives look at each.

    ccops metrics list
    ccops metrics list --unused --strict
    ccops metrics list -o json

    Exit codes: 0 listed, 1 --strict found one that nobody looks at, 2 usage.
    """
    from ccops.cli.metricsview import list_report

    finish(list_report(profile_of(env, project), unused=unused, strict=strict), output)
