"""ccops rules apply: load the rendered rules into Prometheus, and verify that they are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, ThresholdOption, finish
from ccops.core.output import Output


def register(app: typer.Typer) -> None:
    """Add the command to `ccops rules`."""
    app.command()(apply)


def apply(
    env: EnvOption = "dev",
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without it the plan is only shown.")] = False,
    rules_dir: Annotated[
        Path | None,
        typer.Option(
            "--rules-dir", metavar="DIR", help="What Prometheus loads.", show_default="CCOPS_RULES_DIR"
        ),
    ] = None,
    setting: ThresholdOption = None,
    time_scale: Annotated[
        str, typer.Option("--time-scale", help="Shorten windows and `for` for tests, e.g. 0.05.")
    ] = "1",
    confirm: Annotated[
        str,
        typer.Option("--confirm", metavar="ENV:rules", help="On a protected profile.", show_default=False),
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", help="Why; goes to the log of applied rules.", show_default=False)
    ] = "",
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", help="Seconds for the first evaluation.", min=0, show_default="2 intervals"
        ),
    ] = 0.0,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Load the rules: a plan first; with --apply write, reload, verify by the rules API, else put back.

    ccops rules apply --env dev
    ccops rules apply --env dev --apply
    ccops rules apply --env prod --apply --confirm prod:rules --reason "INC-42: fewer pages at night"

    What an `up` of a stack of ours loads are the rules of its profile; this loads them without a restart.

    Exit codes: 0 applied or only planned, 2 usage, 3 refused, 4 unreachable, 5 not taken: old rules back.
    """
    from ccops.cli.rulesapplyview import ApplyCall, apply_report

    call = ApplyCall(
        env=env,
        apply=apply,
        rules_dir=rules_dir,
        sets=tuple(setting or ()),
        time_scale=time_scale,
        confirm=confirm,
        reason=reason,
        timeout_s=timeout,
        project=project,
    )
    finish(apply_report(call, output), output)
