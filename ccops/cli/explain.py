"""ccops explain: what a code means and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from ccops.cli.options import OutputOption, finish
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app("Say what a code means and what to do about it.")


@app.command()
def explain(
    code: Annotated[str, typer.Argument(metavar="[CODE]", show_default=False, help="None: list all.")] = "",
    output: OutputOption = Output.TEXT,
) -> None:
    """Say what a code means and what to do about it. Ids of oasdiff are known too.

    ccops explain RESPONSE_PROPERTY_REMOVED
    ccops explain LINT_SETTINGS_OUTSIDE -o json

    Exit codes: 0 explained, 2 there is no such code.
    """
    from ccops.cli.explainview import explain_report

    finish(explain_report(code), output)
