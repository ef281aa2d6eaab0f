"""ccops rules test: prove that each alert fires just beyond its threshold, and not at it."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import OutputOption, ProjectOption, ThresholdOption, finish
from ccops.core.output import Output


def register(app: typer.Typer) -> None:
    """Add `test` to the noun."""
    app.command(name="test")(rules_test)


def rules_test(
    env: Annotated[str, typer.Option("--env", help="NAME, or all: every env/*.env.")] = "all",
    case: Annotated[str, typer.Option("--case", help="Only alerts with this in their name.")] = "",
    setting: ThresholdOption = None,
    report: Annotated[
        list[str] | None,
        typer.Option("--report", metavar="KIND=PATH", help="junit=report.xml", show_default=False),
    ] = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Test every alert with data at its threshold and just beyond, in each environment. Needs promtool.

    ccops rules test --env all
    ccops rules test --env prod --case Kafka
    ccops rules test --env staging --set ALERT_PENDING_SPIKE_THRESHOLD=7 --report junit=rules.xml

    Silent at the threshold, pending beyond it until `for` is over, then firing with exactly the labels and
    sentences that were rendered; silent without traffic and with too little to judge. Also runs the tests
    in rules_templates/tests/.

    Exit codes: 0 all passed, 1 one failed or an alert is untested, 2 a bad value, or no promtool.
    """
    from ccops.cli.rulestestview import TestCall, test_report

    call = TestCall(env, case, tuple(setting or ()), tuple(report or ()), project)
    finish(test_report(call), output)
