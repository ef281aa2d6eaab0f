"""ccops scorecard: how mature the stack is, by evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app("ccops scorecard")


@app.command()
def scorecard(
    target: Annotated[str, typer.Option("--target", metavar="L1|L2|L3", help="The level to hold.")] = "L1",
    max_age: Annotated[str, typer.Option("--max-age", metavar="7d|48h", help="Older is stale.")] = "7d",
    items: Annotated[Path | None, typer.Option("--items", help="Your own items.", show_default=False)] = None,
    badge: Annotated[Path | None, typer.Option("--badge", help="Write an SVG.", show_default=False)] = None,
    env: EnvOption = "dev",
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Tie each item of the checklist to the evidence of a gate, and say which level holds.

    ccops gate --stage nightly
    ccops scorecard --target L2
    ccops scorecard --max-age 48h --badge docs/level.svg -o md

    Evidence that is missing, too old, failed, or whose inputs have changed since does not count.

    Exit codes: 0 the target is met, 1 it is not, 2 usage.
    """
    from ccops.cli.scorecardview import scorecard_report

    finish(scorecard_report(target, max_age, items, badge, env, project), output)
