"""ccops monitor: prove that metrics, rules and dashboards agree, and say what they say now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, ReportOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Prove that metrics, rules and dashboards agree, and say what they say now.

    ccops monitor status                       targets, alerts, silences
    ccops monitor check --env prod             dashboards against contract, rules and thresholds
    ccops monitor verify                       every panel's query, live
    ccops monitor provision --out grafana      the files that Grafana reads at its start

    Exit codes: 0 all well, 1 findings, 2 usage, 4 Prometheus did not answer.
    """
)


@app.callback()
def monitor() -> None:
    """Look at monitoring itself."""


@app.command()
def check(
    path: Annotated[
        Path | None, typer.Argument(help="Dashboards as files; none: the project's, rendered.", exists=True)
    ] = None,
    env: EnvOption = "dev",
    report: ReportOption = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check dashboards without a server: PromQL, metrics, labels, ids, units, grid, thresholds.

    ccops monitor check
    ccops monitor check --env prod --report sarif=dashboards.sarif
    ccops monitor check grafana/dashboards --env staging

    Every query must parse once Grafana's macros are replaced, and use metrics and labels that the contract,
    the exporters or the recording rules have. Every line drawn must be a threshold of that environment.

    Exit codes: 0 clean, 1 findings, 2 usage or nothing to look at.
    """
    from ccops.cli.monitorview import check_report

    finish(check_report(profile_of(env, project), path, tuple(report or ()), output), output)


@app.command()
def verify(
    env: EnvOption = "dev",
    url: Annotated[str, typer.Option("--url", help="A Prometheus instead of the profile's.")] = "",
    report: ReportOption = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Ask Prometheus for every panel; look whether targets are up and rule groups loaded.

    ccops monitor verify
    ccops monitor verify --env prod --report junit=panels.xml
    ccops monitor verify --url http://127.0.0.1:9090 -o json

    An empty answer is a finding, unless the panel says why it may be empty.

    Exit codes: 0 all answer, 1 something is empty, refused, down or not loaded, 2 usage, 4 no Prometheus.
    """
    from ccops.cli.monitorview import verify_report

    finish(verify_report(profile_of(env, project), url, tuple(report or ()), output), output)


@app.command()
def provision(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Grafana's provisioning folder.")],
    env: EnvOption = "dev",
    prometheus_url: Annotated[
        str, typer.Option("--prometheus-url", help="Prometheus as Grafana reaches it; none: the profile's.")
    ] = "",
    mounted: Annotated[
        str, typer.Option("--mounted", metavar="PATH", help="What Grafana calls DIR, in a container.")
    ] = "",
    scrape_interval: Annotated[
        str,
        typer.Option(
            "--scrape-interval", help="What Prometheus scrapes at; none: 1s where ccops starts it, else 15s."
        ),
    ] = "",
    diff: Annotated[bool, typer.Option("--diff", help="Show what changes in each file.")] = False,
    compare: Annotated[bool, typer.Option("--check", help="Write nothing; 1 if DIR differs.")] = False,
    write: Annotated[bool, typer.Option("--apply", help="Write it.")] = False,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Plan, compare or write data source, provider and dashboards; without --apply nothing is written.

    ccops monitor provision --out grafana
    ccops monitor provision --out grafana --env prod --prometheus-url http://prometheus:9090 --apply
    ccops monitor provision --out grafana --check        for CI: what is there must be what would be written

    Dashboards that `monitor check` finds fault with are never written. Files that are not ours stay.

    Exit codes: 0 planned, written or equal, 1 --check found a difference or a dashboard is broken, 2 usage.
    """
    from ccops.cli.provisionview import ProvisionCall, provision_report
    from ccops.monitor.provision import Place

    place = Place(out, mounted, prometheus_url, scrape_interval)
    call = ProvisionCall(place, diff=diff, compare=compare, write=write)
    finish(provision_report(profile_of(env, project), call), output)


@app.command()
def status(env: EnvOption = "dev", project: ProjectOption = None, output: OutputOption = Output.TEXT) -> None:
    """Show targets, alerts that fire or are about to, and silences with the time they have left.

    ccops monitor status
    ccops monitor status --env prod -o json

    Exit codes: 0 all well, 1 a target is down, a rule can't be evaluated or an alert fires unsilenced,
    2 usage, 4 no Prometheus.
    """
    from ccops.cli.monitorview import status_report

    finish(status_report(profile_of(env, project)), output)
