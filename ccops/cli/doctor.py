"""ccops doctor: every reason why the stack could fail here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ccops.cli.options import EnvOption, ModeOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.errors import ExitCode
from ccops.core.output import Output, Report
from ccops.stack.compose import Mode

if TYPE_CHECKING:
    from rich.console import Console

    from ccops.stack.finding import Finding, Level

app = new_app("Name every reason why the stack could fail here.")


@app.command()
def doctor(
    env: EnvOption = "dev",
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this check; repeat it.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A warning counts as a failure.")] = False,
    mode: ModeOption = Mode.AUTO,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Name every reason why the stack could fail here, each with its next step.

    ccops doctor
    ccops doctor --only ports --only data
    ccops doctor --mode compose      what Docker needs

    Exit codes: 0 nothing fails, 1 something does, 2 usage.
    """
    from ccops.stack.compose.mode import wanted
    from ccops.stack.doctor import CHECKS, examine
    from ccops.stack.finding import Level

    profile = profile_of(env, project)
    checks = CHECKS
    if wanted(profile, mode) is Mode.COMPOSE:
        from ccops.stack.compose.doctor import QUESTIONS as checks  # noqa: N811 - the other list of checks

    findings = examine(profile, only or (), checks)
    bad = {Level.FAIL, Level.WARN} if strict else {Level.FAIL}
    failed = any(finding.level in bad for finding in findings.values())
    report = Report(
        "ccops.stack.doctor/v1",
        [
            {"check": name, "level": item.level.value, "text": item.text, "next": item.next_step}
            for name, item in findings.items()
        ],
        ExitCode.NEGATIVE if failed else ExitCode.OK,
        env=env,
        text=lambda console: _print(console, findings),
    )
    finish(report, output)


def _print(console: Console, findings: dict[str, Finding]) -> None:
    for name, item in findings.items():
        console.print(f"  {item.level.value.upper():<5} {name:<14} {item.text}", markup=False)
        if item.next_step:
            console.print(f"        {'':<14} next: {item.next_step}", markup=False)
    counts = {level: sum(item.level is level for item in findings.values()) for level in _levels(findings)}
    console.print(", ".join(f"{count} {level}" for level, count in counts.items()), markup=False)


def _levels(findings: dict[str, Finding]) -> list[Level]:
    return sorted({item.level for item in findings.values()})
