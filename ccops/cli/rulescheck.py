"""ccops rules check: what is wrong with alert rules, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, ReportOption, ThresholdOption, finish
from ccops.core.output import Output
from ccops.rules.check.modes import PromtoolMode
from ccops.rules.check.targets import Target


def register(app: typer.Typer) -> None:
    """Add the command to `ccops rules`."""
    app.command()(check)


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH..", help="Rule files or folders. None: the project's templates."),
    ] = None,
    env: EnvOption = "dev",
    all_envs: Annotated[bool, typer.Option("--all-envs", help="Render and judge every env/*.env.")] = False,
    target: Annotated[
        Target, typer.Option("--target", help="The oldest Prometheus that loads them.")
    ] = Target.V2_42,
    promtool: Annotated[
        PromtoolMode, typer.Option("--promtool", help="Ask promtool too: when it is there, always, never.")
    ] = PromtoolMode.AUTO,
    scrape_interval: Annotated[
        str, typer.Option("--scrape-interval", help="Windows must hold four of these.")
    ] = "15s",
    runbooks: Annotated[
        Path | None,
        typer.Option(
            "--runbooks", metavar="FILE", help="Where anchors are.", show_default="docs/runbooks.md"
        ),
    ] = None,
    setting: ThresholdOption = None,
    report: ReportOption = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Judge alert rules: YAML, PromQL, series, labels, templates, thresholds; then promtool when it is there.

    ccops rules check --env prod
    ccops rules check --all-envs --report sarif=rules.sarif
    ccops rules check build/rules other.yml --target 3.x --promtool require

    Findings name the line of the template and the variables used there. ccops explain CODE says more.

    Exit codes: 0 clean, 1 findings, 2 usage or a value that can't be rendered.
    """
    from ccops.cli.rulescheckview import CheckCall, check_report

    call = CheckCall(
        paths=tuple(paths or ()),
        env=env,
        all_envs=all_envs,
        target=target,
        promtool=promtool,
        scrape_interval=scrape_interval,
        runbooks=runbooks,
        sets=tuple(setting or ()),
        project=project,
        reports=tuple(report or ()),
    )
    finish(check_report(call, output), output)
