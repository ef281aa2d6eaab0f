"""ccops slo: hold the service to its objectives."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import (
    EnvOption,
    OutputOption,
    ProjectOption,
    ReportOption,
    ThresholdOption,
    finish,
    profile_of,
)
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Hold the service to its objectives.

    ccops slo report                        the last hour
    ccops slo report --since 7d --strict    for a release: what is not proved is not passed

    Exit codes: 0 none fails, 1 one does or none was judged (--strict: or some), 2 usage, 4 a store is silent.
    """
)


@app.callback()
def slo() -> None:
    """Judge objectives (a group, though it has one command)."""


@app.command()
def report(
    env: EnvOption = "dev",
    since: Annotated[str, typer.Option("--since", help="A length (1h, 7d) or a moment with a zone.")] = "1h",
    strict: Annotated[bool, typer.Option("--strict", help="INCONCLUSIVE exits 1.")] = False,
    setting: ThresholdOption = None,
    reports: ReportOption = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Judge availability, P95 of reads, writes and events, balances, repeated keys, and loss before OLAP.

    ccops slo report
    ccops slo report --env prod --since 2026-11-22T00:00:00Z --report md=slo.md
    ccops slo report --since 10m --set SLO_API_AVAILABILITY_PERCENT=99.9 -o json

    Each is PASS, FAIL or INCONCLUSIVE, with the number of samples it rests on; too few are never a PASS.
    Thresholds are those of the alert rules: env/NAME.env, else rules_templates/thresholds.yml.

    Exit codes: 0 none fails, 1 one does or none was judged (--strict: or some), 2 usage, 4 a store is silent.
    """
    from ccops.cli.sloview import slo_report

    call = (since, strict, tuple(setting or ()))
    finish(slo_report(profile_of(env, project), call, tuple(reports or ())), output)
