"""ccops lint: hold the source of a service against rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import OutputOption, ProjectOption, ReportOption, finish
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Hold the source of a service against rules, without importing it.

    ccops lint routes                     forbidden strings, duplicate routes, stray settings
    ccops lint routes src --rules my.yml  your code, your rules

    Exit codes: 0 clean, 1 findings or nothing looked at, 2 usage.
    """
)


@app.callback()
def lint() -> None:
    """Hold source against rules (a group, though it has one command)."""


@app.command()
def routes(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH..", help="None: where the rules say.")
    ] = None,
    rules: Annotated[Path | None, typer.Option("--rules", help="Your rules.", show_default=False)] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Show what can be mended, as a diff.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="With --fix: write it.")] = False,
    report: ReportOption = None,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Find forbidden strings, routes that are there twice, and settings read outside the settings module.

    ccops lint routes
    ccops lint routes src --rules lint.yml --report sarif=lint.sarif
    ccops lint routes src --fix --apply

    A line may allow one finding: # ccops: allow=LINT_FORBIDDEN_STRING reason=...

    Exit codes: 0 clean, 1 findings or nothing looked at, 2 usage, 3 a file changed meanwhile.
    """
    from ccops.cli.lintview import LintCall, lint_report

    call = LintCall(tuple(paths or ()), rules, fix=fix, apply=apply)
    finish(lint_report(call, project, tuple(report or ()), output), output)
